"""Sites of machines for tests: each in a home and a run of its own, taken down whatever happens."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.machines import runs, tools
from lab.machines.login import login_key, ssh_command
from lab.virtual import running
from lab.virtual.options import Image, LevelName, Options

SITES = Path(__file__).resolve().parents[3] / "sites"
BOOT_S = 60.0
QUICKER = 3.0
"""How much faster than real the delays of power supplies and switches run; packets and operating systems take their time."""


@dataclass
class MachinesSite:
    """A running site at level `machines`. `namespace`: where its BMCs answer."""

    options: Options
    process: running.RunningSite

    @property
    def namespace(self) -> str:
        return self.process.namespace

    @property
    def run_id(self) -> str:
        return self.process.run

    def ssh(self, server: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command on the server's operating system, once."""
        spec = self.process.spec.server_by_name[server]
        key = login_key(self.options.home / "lab" / "sites" / self.process.name)
        full = ssh_command(self.namespace, key, spec, list(command))
        done = subprocess.run(full, env=tools.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def answers(self, server: str) -> bool:
        return self.ssh(server, "true", check=False).returncode == 0

    def wait_for_ssh(self, *servers: str) -> None:
        for server in servers:
            wait_until(lambda server=server: self.answers(server), f"{server} answers by SSH")

    def power(self, server: str, action: str) -> None:
        self.process.call("POST", f"/devices/{server}/power", {"action": action})

    def power_state(self, server: str) -> str:
        return self.process.call("GET", f"/devices/{server}")["power"]

    def wait_for_power(self, server: str, state: str) -> None:
        wait_until(lambda: self.power_state(server) == state, f"{server} is {state}")

    def boots(self, server: str) -> list[str]:
        """What the server booted from, oldest first."""
        told = self.process.call("GET", f"/devices/{server}/log")["changes"]
        return [entry.get("from", entry.get("failed")) for entry in told if entry["what"] == "boot"]

    def wait_for_boot(self, server: str, count: int) -> str:
        """The source of the server's boot of that number, counted from 1."""
        wait_until(lambda: len(self.boots(server)) >= count, f"{server} boots for the {count}th time")
        return self.boots(server)[count - 1]

    def redfish(self, server: str, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """A request to the server's BMC from inside the management namespace."""
        spec = self.process.spec.server_by_name[server]
        login = self.process.spec.logins[spec.bmc.login]
        command = ["curl", "-sk", "-w", "\n%{http_code}", "-u", f"{login.user}:{login.password}", "-X", method]
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        url = f"https://{spec.bmc.address}:{self.process.redfish_port}{path}"
        done = inside(self.namespace, *command, url)
        text, _, code = done.stdout.rpartition("\n")
        return int(code), json.loads(text) if text else None

    def kill(self) -> None:
        """SIGKILL to the lab process, as when it crashes."""
        os.kill(self.process.record.pid, signal.SIGKILL)
        wait_until(lambda: not self.process.alive, "the lab process is gone", 10)


@contextmanager
def machines_site(
    name: str, folder: Path, *, stick: Image | None = None, time_factor: float = QUICKER
) -> Iterator[MachinesSite]:
    home = folder / "home"
    options = Options(
        SITES / f"{name}.yaml", home, admin_port=0, level=LevelName.MACHINES, stick=stick, time_factor=time_factor
    )
    process, _ = running.start(options)
    site = MachinesSite(options, process)
    try:
        yield site
    finally:
        for known in running.find(home):
            running.stop(home, known)
        running.clean_up()


def inside(namespace: str, *command: str) -> subprocess.CompletedProcess[str]:
    full = ["ip", "netns", "exec", namespace, *command]
    return subprocess.run(full, env=tools.environment(), capture_output=True, text=True, timeout=60, check=False)


def left_of(run_id: str, drives: Path) -> dict[str, list[str]]:
    """What is on this machine of a run: looked for everywhere, not where it was written down."""
    mark = f"ew{run_id}"
    found: dict[str, list[str]] = {
        "namespaces": [file.name for file in runs.NAMESPACES.glob(f"{mark}*")],
        "cgroups": [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if f"/{mark}" in folder],
        "loop devices": [
            str(file.parent)
            for file in Path("/sys/block").glob("loop*/loop/backing_file")
            if file.read_text().startswith((str(drives), str(drives.with_name("media"))))
        ],
        "files": [str(file) for file in Path("/run").rglob(f"*{mark}*")] + [str(f) for f in runs.FOLDER.glob(run_id)],
        "processes": [],
        "mounts": [],
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            mounts = (process / "mountinfo").read_text()
        except OSError:
            continue
        if mark in command:
            found["processes"].append(command.replace("\0", " "))
        if f"edgewright-lab/{run_id}" in mounts or mark in mounts:
            found["mounts"].append(process.name)
    return {kind: names for kind, names in found.items() if names}


def wait_until(true: Callable[[], bool], what: str, within_s: float = BOOT_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)
