"""Lab BMCs in a process of their own, steered line by line over its standard input: what a test seeds, and what a BMC noted.

Run as `python -m tests.clients.redfish.lab_process SITE.json STATE PORT FACTOR`; used through `LabBmcs`.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.bmc import BmcAddress, BmcTarget, DeviceTrust
from domain.secret import SecretRef

FACTORY_USER, FACTORY_PASSWORD = "root", "EWSECRET-factory-0penBmc"
FACTORY_REF = SecretRef(path="site/lab/factory-bmc")
SITE = "lab"
ROOT = Path(__file__).parents[3]
_PER_RACK = 25


class LabBmcs:
    """Running BMCs by name. Times are lab seconds."""

    def __init__(self, process: "subprocess.Popen[str]", addresses: dict[str, str], port: int) -> None:
        self._process, self.addresses, self.port = process, addresses, port

    def ask(self, command: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["answer"]

    def seed(self, kind: str, device: str, *, times: int | None = None, **arguments: Any) -> None:
        self.ask("seed", kind=kind, device=device, times=times, arguments=arguments)

    def mend(self) -> None:
        self.ask("mend")

    def advance(self, lab_s: float) -> None:
        """Lets lab time pass at once."""
        self.ask("advance", lab_s=lab_s)

    def requests(self, device: str) -> list[dict[str, Any]]:
        return self.ask("requests", device=device)

    def changes(self, device: str, what: str = "") -> list[dict[str, Any]]:
        return [entry for entry in self.ask("changes", device=device) if what in ("", entry.get("what"))]

    def account(self, device: str) -> dict[str, Any]:
        return self.ask("account", device=device)

    def sessions(self, device: str) -> int:
        return self.ask("sessions", device=device)

    def content(self, device: str, drive: str) -> str:
        """What is really on a drive; empty if nothing of before is left."""
        return self.ask("drives", device=device)[drive]["content"]

    def serial(self, device: str, drive: str) -> str:
        return self.ask("drives", device=device)[drive]["serial"]

    def write(self, device: str, drive: str, content: str) -> None:
        self.ask("write", device=device, drive=drive, content=content)

    def booted(self, device: str) -> dict[str, str]:
        return self.ask("booted", device=device)

    def press(self, device: str, reset_type: str) -> None:
        """A finger on the server's button, or in its plug."""
        self.ask("press", device=device, reset_type=reset_type)

    def restart_bmc(self, device: str) -> None:
        self.ask("restart-bmc", device=device)

    def opens_with(self, device: str, password: str) -> bool:
        """Whether the BMC's own account table takes this password: asked inside, so that it counts as no login."""
        return self.ask("opens", device=device, password=password)

    def address(self, device: str) -> BmcAddress:
        return BmcAddress(host=self.addresses[device], port=self.port)

    def target(self, device: str, **changes: Any) -> BmcTarget:
        values: dict[str, Any] = {
            "site": SITE,
            "device": device,
            "address": self.address(device),
            "trust": DeviceTrust(first_use=True),
            "factory": FACTORY_REF,
            "lockout_window_s": 120.0,
        }
        return BmcTarget(**{**values, **changes})


@contextmanager
def lab_bmcs(
    folder: Path,
    profiles: dict[str, str],
    *,
    model: str = "mgx-x86-4l40s",
    time_factor: float = 20.0,
    certificates: dict[str, str] | None = None,
    models: dict[str, str] | None = None,
    firmware: dict[str, str] | None = None,
    drives: dict[str, dict[str, str]] | None = None,
) -> Iterator[LabBmcs]:
    """`profiles`: a quirk profile by device name; `firmware`: a BMC's version where it is not the model's; `drives`: other
    drives in single bays.

    Addresses and the port are taken at random in 127.64.0.0/10.
    """
    signed, built, versions = certificates or {}, models or {}, firmware or {}
    chosen = random.SystemRandom()
    block = f"127.{chosen.randrange(64, 128)}.{chosen.randrange(256)}"
    port = chosen.randrange(20000, 32000)
    addresses = {name: f"{block}.{number}" for number, name in enumerate(profiles, 11)}
    site = {
        "site": SITE,
        "logins": {"bmc": {"user": FACTORY_USER, "password": FACTORY_PASSWORD}},
        "racks": [{"name": f"r{rack}", "units": 60} for rack in range(len(profiles) // _PER_RACK + 1)],
        "servers": [
            {
                "name": name,
                "rack": f"r{number // _PER_RACK}",
                "unit": 1 + 2 * (number % _PER_RACK),
                "model": built.get(name, model),
                "serial": f"EWT{number:05d}",
                "mac_base": f"02:E3:7E:00:{number:02X}:00",
                "differs": {
                    "firmware": {"BMC": versions[name]} if name in versions else {},
                    "drives": (drives or {}).get(name, {}),
                },
                "bmc": {
                    "address": addresses[name],
                    "quirks": profile,
                    "certificate": signed.get(name, "self-signed"),
                },
            }
            for number, (name, profile) in enumerate(profiles.items())
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.json").write_text(json.dumps(site))
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder / "site.json"), str(folder / "state"), str(port), str(time_factor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield LabBmcs(process, addresses, port)
    finally:
        process.kill()
        process.wait()


async def _serve(site_file: str, state: str, port: int, factor: float) -> None:
    from lab.virtual.server import SiteServer
    from lab.virtual.sitefile import Site
    from lab.virtual.world import World

    world = World(Site.model_validate_json(Path(site_file).read_text()), Path(state), time_factor=factor)
    server = SiteServer(world, redfish_port=port)
    await server.start()
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            answer = {"answer": _obey(server, json.loads(line))}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer, default=str), flush=True)
    await server.stop()
    world.close()


def _obey(server: Any, order: dict[str, Any]) -> Any:
    world, device = server.world, order.get("device", "")
    match order["command"]:
        case "seed":
            world.faults.seed(order["kind"], device, order["arguments"], times=order["times"])
        case "ca":
            return server.certificates.factory_ca()
        case "faults":
            return [fault.target for fault in world.faults.active()]
        case "mend":
            world.faults.mend_all()
        case "advance":
            wall, lab = world.clock.anchor
            world.clock.anchor = (wall, lab + order["lab_s"])
        case "requests":
            return world.log.requests(device)
        case "changes":
            return world.log.changes(device)
        case "sessions":
            return len(server.bmcs[device].sessions.all())
        case "account":
            accounts = server.bmcs[device].accounts
            account = accounts.by_user(FACTORY_USER)
            return {"failures": account["failures"], "locked": accounts.locked(account)}
        case "drives":
            machine = world.machines[device]
            return {
                d.name: {"serial": d.serial, "content": machine.drives.media.content(d.serial)}
                for d in machine.parts.drives
            }
        case "write":
            machine = world.machines[device]
            drive = next(d for d in machine.parts.drives if d.name == order["drive"])
            machine.drives.media.write(drive.serial, order["content"])
        case "booted":
            return world.machines[device].booted
        case "press":
            world.machines[device].press(order["reset_type"], "hand")
        case "restart-bmc":
            server.bmcs[device].restart("hand")
        case "opens":
            accounts = server.bmcs[device].accounts
            return accounts.same_password(accounts.by_user(FACTORY_USER), order["password"])
    return None


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
