"""Virtual switches served over real HTTPS on a free loopback port, in a thread of their own; the test holds the world's faults."""

import asyncio
import datetime
import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.virtual.sitefile import Site
from lab.virtual.switch.app import create_switch_app
from lab.virtual.switch.device import SwitchDevice, open_switches
from lab.virtual.world import World

USER, PASSWORD = "cumulus", "EWSECRET-switch-Zero1"
FACTOR = 40.0
"""Lab seconds per real second: an apply takes 2 lab seconds."""

SITE: dict[str, Any] = {
    "site": "switch-tests",
    "logins": {
        "bmc": {"user": "root", "password": "EWSECRET-bmc"},
        "switch": {"user": USER, "password": PASSWORD},
        "unpacked": {"user": "cumulus", "password": "cumulus"},
    },
    "racks": [{"name": "r1", "units": 42}],
    "servers": [
        {"name": "s1", "rack": "r1", "unit": 2, "model": "mgx-x86-4l40s", "serial": "SRV0001", "mac_base": "02:AA:00:00:01:00",
         "bmc": {"address": "127.64.9.11"}},
        {"name": "s2", "rack": "r1", "unit": 4, "model": "mgx-gh200", "serial": "SRV0002", "mac_base": "02:AA:00:00:02:00",
         "power": "Off", "bmc": {"address": "127.64.9.12"}},
    ],
    "switches": [
        {"name": "leaf-a", "role": "leaf", "plane": "north-south", "rack": "r1", "unit": 40, "model": "sn5600",
         "serial": "MT2438J01F91", "mac_base": "02:AA:00:00:A1:00", "address": "127.64.9.1"},
        {"name": "leaf-b", "role": "leaf", "plane": "north-south", "rack": "r1", "unit": 38, "model": "sn3700",
         "serial": "MT2438J01F92", "mac_base": "02:AA:00:00:A2:00", "address": "127.64.9.2", "firmware": "5.8.0"},
        {"name": "spine", "role": "spine", "plane": "north-south", "rack": "r1", "unit": 36, "model": "sn5600",
         "serial": "MT2438J01F93", "mac_base": "02:AA:00:00:A3:00", "address": "127.64.9.3", "login": "unpacked"},
    ],
    "systems": [
        {"name": "gw", "kind": "gateway", "address": "127.64.9.250", "ports": [{"name": "eth1", "mac": "02:AA:00:00:FA:01"}]},
        {"name": "gm", "kind": "grandmaster", "address": "127.64.9.252",
         "ports": [{"name": "ptp1", "mac": "02:AA:00:00:FC:01", "lldp": False, "rate_gbps": 25}]},
    ],
    "cables": [
        "s1:dpu0-p0 leaf-a:swp1 north-south 200",
        "s1:nic0-p0 leaf-a:swp17 east-west 400",
        "s2:dpu0-p0 leaf-a:swp2 north-south 200",
        "s2:nic0-p0 leaf-a:swp18 east-west 200",
        "leaf-a:swp64 leaf-b:swp32 north-south 200",
        "leaf-a:swp63 gw:eth1 north-south 100",
        "leaf-a:swp65 gm:ptp1 fronthaul 25",
        "leaf-b:swp31 spine:swp1 north-south 200",
    ],
}  # fmt: skip


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate and its key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def fingerprint(pem: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert(pem.read_text()[pem.read_text().index("-----BEGIN CERT") :])
    return hashlib.sha256(der).hexdigest()


@dataclass
class Served:
    """One lab process's worth of switches, alive in a thread."""

    world: World
    devices: dict[str, SwitchDevice]
    ports: dict[str, int]
    pem: Path
    loop: asyncio.AbstractEventLoop

    def do[T](self, call: Callable[[], T]) -> T:
        """Runs something in the lab's own thread."""

        async def run() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def break_it(self, kind: str, switch: str = "leaf-a", *, times: int | None = None, **arguments: Any) -> str:
        return self.do(lambda: self.world.faults.seed(kind, switch, arguments, times=times)).id

    def mend(self) -> None:
        self.do(self.world.faults.mend_all)

    def requests(self, switch: str = "leaf-a", method: str = "") -> list[dict[str, Any]]:
        return [r for r in self.do(lambda: self.world.log.requests(switch)) if method in ("", r["method"])]

    def changes(self, switch: str = "leaf-a") -> list[dict[str, Any]]:
        return self.do(lambda: self.world.log.changes(switch))


@contextmanager
def serve(state: Path, pem: Path, *, slash_ids: bool = False, factor: float = FACTOR) -> Iterator[Served]:
    """Opens the world in `state` (again) and serves its switches; on leaving the process is as good as killed."""
    ready: list[Served] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    runners: list[web.AppRunner] = []
    failure: list[BaseException] = []

    async def start() -> None:
        world = World(Site.model_validate(SITE), state, time_factor=factor)
        devices = open_switches(world, slash_ids=lambda _: slash_ids)
        world.faults.restore()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        ports: dict[str, int] = {}
        for name, device in devices.items():
            runner = web.AppRunner(create_switch_app(device), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            runners.append(runner)
            ports[name] = runner.addresses[0][1]
        ready.append(Served(world, devices, ports, pem, loop))

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(start())
        except BaseException as error:
            failure.append(error)
            started.set()
            return
        started.set()
        loop.run_forever()

    async def stop() -> None:
        for runner in runners:
            await runner.cleanup()
        ready[0].world.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(60)
    if failure:
        raise failure[0]
    try:
        yield ready[0]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
