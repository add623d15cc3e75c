"""Sites served by a process of their own: starting, finding, ending them. One site file name, one process per home."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from domain.errors import NotYet, Rejected, Transient
from lab.embedded.processes import Record, alive, clean_environment, end, members
from lab.embedded.processes import start as start_process
from lab.virtual.options import READY, LevelName, Options
from lab.virtual.sitefile import Site, load

START_S = 60.0
STOP_S = 10.0


@dataclass(frozen=True)
class RunningSite:
    """One served site: its name, its process, where its admin interface is."""

    name: str
    record: Record
    admin: str
    redfish_port: int
    nvue_port: int
    site_file: str
    level: str = "sim"
    namespace: str = ""
    """Where the site's addresses are; empty where they are the host's own loopback."""

    run: str = ""
    """The id of the level's run; empty at `sim`."""
    address_offset: int = 0

    @property
    def spec(self) -> Site:
        """What stands there, as the site file says it now."""
        return load(Path(self.site_file), address_offset=self.address_offset)

    @property
    def alive(self) -> bool:
        return alive(self.record)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the admin interface. Raises `Rejected` with its message, `Transient` if it does not answer."""
        try:
            with httpx.Client(base_url=self.admin, trust_env=False, timeout=30) as client:
                answer = client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Transient(
                f"The lab of site {self.name} does not answer at {self.admin}: {error}.",
                do="See: edgewright lab status",
            ) from error
        if answer.status_code >= 400:
            raise Rejected(str(answer.json().get("error", answer.text)))
        return answer.json()


def _folder(home: Path) -> Path:
    folder = home / "lab" / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def find(home: Path) -> list[RunningSite]:
    """Every site that was started from this home and not stopped, living or killed."""
    found: list[RunningSite] = []
    for file in sorted(_folder(home).glob("*.json")):
        record = Record.read(file.with_suffix(".pid"))
        if record is not None:
            found.append(_site(record, json.loads(file.read_text())))
    return found


def _site(record: Record, told: dict[str, Any]) -> RunningSite:
    names = ("admin", "redfish_port", "nvue_port", "site_file")
    rest = {name: told[name] for name in ("level", "namespace", "run", "address_offset") if name in told}
    return RunningSite(told["site"], record, **{name: told[name] for name in names}, **rest)


def one(home: Path, name: str = "") -> RunningSite:
    """The site of this name; without a name the only one. Raises `Rejected`."""
    living = [site for site in find(home) if site.alive]
    chosen = [site for site in living if name in ("", site.name)]
    if len(chosen) == 1:
        return chosen[0]
    if not living:
        raise Rejected("No virtual site is running.", do="Start one: edgewright lab up sites/one-rack.yaml")
    names = ", ".join(site.name for site in living)
    raise Rejected(f"Say which site you mean with --site: {names}.")


def start(options: Options, say: Callable[[str], None] = lambda what: None) -> tuple[RunningSite, bool]:
    """Starts the site in the background, or finds it running; True if it was started. Raises what keeps it from starting.

    What the level needs on this machine is installed and built where it is missing; `say` is told of what takes long.
    """
    site = load(options.site_file, address_offset=options.address_offset)
    for known in find(options.home):
        if known.name == site.site and known.alive:
            return known, False
    if options.level is LevelName.MACHINES:
        from lab.machines import images, packages

        packages.ensure(say)
        images.ensure(say)
    folder = _folder(options.home)
    log = folder / f"{site.site}.log"
    log.write_bytes(b"")
    log.chmod(0o600)
    command = [sys.executable, "-m", "lab.virtual", *options.arguments()]
    environment = clean_environment({"PYTHONUNBUFFERED": "1"})
    record = start_process(command, environment, folder, log, site.site)
    record.write(folder / f"{site.site}.pid")
    told = _wait_ready(record, log, site.site)
    told |= {"site_file": str(options.site_file), "address_offset": options.address_offset}
    (folder / f"{site.site}.json").write_text(json.dumps(told))
    return _site(record, told), True


def _wait_ready(record: Record, log: Path, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        lines = log.read_text(errors="replace").splitlines()
        for line in lines:
            if line.startswith(READY):
                return json.loads(line[len(READY) :])
        if not alive(record):
            raise Rejected(f"The virtual site {name} could not be served:\n" + "\n".join(lines[-8:]))
        time.sleep(0.05)
    raise NotYet(f"The virtual site {name} is not ready after {START_S:.0f} s.", do=f"Look into {log}.")


def stop(home: Path, site: RunningSite) -> None:
    """Ends the site's process and forgets it; its state stays."""
    folder = _folder(home)
    end(site.record, lambda: members(site.record, folder), gentle=signal.SIGTERM, grace_s=STOP_S)
    for suffix in (".json", ".pid"):
        (folder / f"{site.name}{suffix}").unlink(missing_ok=True)


def clean_up() -> list[str]:
    """Removes what killed lab processes left on this machine, whichever home they had; names their sites. As root only."""
    if os.geteuid() != 0:
        return []
    from lab.machines import runs

    return [run.site for run in runs.clean_up()]
