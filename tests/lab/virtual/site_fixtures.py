"""Virtual sites for tests: each in a process of its own, at addresses and ports that no other test uses.

with running_site("one-rack", tmp_path) as site:
    site.redfish("r1-s01").get("/redfish/v1/Systems/system")
"""

import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lab.embedded import processes
from lab.virtual import running
from lab.virtual.options import Options
from lab.virtual.sitefile import Login, Server, Site, Switch, load

SITES = Path(__file__).resolve().parents[3] / "sites"
BLOCK = 4096
TIME_FACTOR = 20.0
"""Lab seconds per real second: a power-on of 1.5 lab seconds takes 75 ms."""


@dataclass
class TestSite:
    """A running site, and what a test needs to reach it. `home` may be used as EDGEWRIGHT_HOME."""

    __test__ = False
    spec: Site
    options: Options
    process: running.RunningSite
    home: Path
    clients: list[httpx.Client] = field(default_factory=list[httpx.Client])

    @property
    def redfish_port(self) -> int:
        return self.process.redfish_port

    @property
    def nvue_port(self) -> int:
        return self.process.nvue_port

    def server(self, name: str) -> Server:
        return self.spec.server_by_name[name]

    def switch(self, name: str) -> Switch:
        return self.spec.switch_by_name[name]

    def bmc_url(self, name: str) -> str:
        return f"https://{self.server(name).bmc.address}:{self.redfish_port}"

    def switch_url(self, name: str) -> str:
        return f"https://{self.switch(name).address}:{self.nvue_port}"

    def login(self, name: str) -> Login:
        """The factory login of a server's BMC or of a switch."""
        if name in self.spec.server_by_name:
            return self.spec.logins[self.server(name).bmc.login]
        return self.spec.logins[self.switch(name).login]

    def redfish(self, name: str, *, user: str = "", password: str = "", anonymous: bool = False) -> httpx.Client:
        """A plain HTTP client with Basic login, closed with the site."""
        factory = self.login(name)
        login = None if anonymous else (user or factory.user, password or factory.password)
        client = httpx.Client(base_url=self.bmc_url(name), auth=login, verify=False, trust_env=False, timeout=20)
        self.clients.append(client)
        return client

    def seed(self, kind: str, target: str, *, times: int | None = None, **arguments: Any) -> str:
        """Seeds a fault and returns its id."""
        body = {"kind": kind, "target": target, "arguments": arguments, "times": times}
        return self.process.call("POST", "/faults", body)["id"]

    def mend(self, fault_id: str = "") -> None:
        """Mends one fault, or all."""
        self.process.call("DELETE", f"/faults/{fault_id}" if fault_id else "/faults")

    def device(self, name: str) -> dict[str, Any]:
        return self.process.call("GET", f"/devices/{name}")

    def changes(self, name: str, *what: str) -> list[dict[str, Any]]:
        """The device's own change log, all or only entries of these kinds."""
        told = self.process.call("GET", f"/devices/{name}/log")["changes"]
        return [entry for entry in told if not what or entry["what"] in what]

    def requests(self, name: str) -> list[dict[str, Any]]:
        return self.process.call("GET", f"/devices/{name}/log")["requests"]

    def power(self, name: str, action: str) -> dict[str, Any]:
        return self.process.call("POST", f"/devices/{name}/power", {"action": action})

    def kill(self) -> None:
        """SIGKILL, as when the machine loses power."""
        os.kill(self.process.record.pid, signal.SIGKILL)
        processes.kill([self.process.record.pid])
        # On a busy machine its threads are taken down after its leading one; who starts it again meanwhile finds it running.
        while self.process.alive:
            time.sleep(0.01)

    def start_again(self) -> None:
        """A new process on the same state folder."""
        self.process, _ = running.start(self.options)


@contextlib.contextmanager
def running_site(
    site_file: str | Path,
    tmp_path: Path,
    *,
    faults: list[dict[str, Any]] | None = None,
    time_factor: float = TIME_FACTOR,
) -> Iterator[TestSite]:
    """Serves a shipped site by name, or any site file. `faults`: `{kind, target, arguments, times}`, seeded at the start."""
    path = SITES / f"{site_file}.yaml" if isinstance(site_file, str) else site_file
    home = tmp_path / "lab-home"
    with address_block() as offset:
        options = Options(
            site_file=path,
            home=home,
            admin_port=0,
            address_offset=offset,
            time_factor=time_factor,
            redfish_port=free_port(),
            nvue_port=free_port(),
            faults=json.dumps(faults) if faults else "",
        )
        process, _ = running.start(options)
        site = TestSite(load(path, address_offset=offset), options, process, home)
        # What is seeded outlives a restart; seeding it again would break it twice.
        site.options = Options(**{**vars(options), "faults": ""})
        try:
            yield site
        finally:
            for client in site.clients:
                client.close()
            running.stop(home, site.process)


@contextlib.contextmanager
def address_block() -> Iterator[int]:
    """An address offset that is ours for as long as the lock is held; parallel test runs take others."""
    folder = Path(tempfile.gettempdir()) / f"edgewright-address-blocks-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for number in random.sample(range(1, 1000), 200):
        with (folder / str(number)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number * BLOCK
            return
    raise RuntimeError("no free block of loopback addresses: is something holding the locks in " + str(folder))


def free_port() -> int:
    """A port nobody listens on now; the device addresses are ours alone, so nobody takes it from us there."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])
