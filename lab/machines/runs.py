"""What one run of a site has made of this machine, so that it can be removed by whoever comes after a crash.

A run has an id that is part of every name it gives (namespaces, cgroups, machines) and is written down, with the process it belongs
to, before anything is made. So nothing needs to be remembered of what was made when: all that bears the id goes.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.errors import EdgewrightError
from lab.embedded import processes
from lab.embedded.processes import Record
from lab.machines import cgroups, drives, tools

FOLDER = Path("/run/edgewright-lab")
"""Of the whole machine, whatever homes there are; emptied by a reboot, as everything else that a run makes."""
CONSOLE = "console"
"""In a server's folder of the run: all that its console has shown."""
NAMESPACES = Path("/run/netns")
_NSPAWN = Path("/run/systemd/nspawn")


@dataclass(frozen=True)
class Run:
    """One run of a site at level `machines`. `drives`: the folder that only this site's drives are in."""

    id: str
    site: str
    owner: Record
    drives: str

    @property
    def alive(self) -> bool:
        return processes.alive(self.owner)

    @property
    def cgroup(self) -> str:
        return f"ew{self.id}"

    @property
    def folder(self) -> Path:
        """Of what lasts as long as the run: roots, consoles."""
        return FOLDER / self.id

    @property
    def media(self) -> Path:
        """Of boot media that were read; beside the drives, since /run is often in memory and small."""
        return Path(self.drives).with_name("media")

    @property
    def management(self) -> str:
        """The namespace of BMCs and switches' management, and of whoever may talk to them."""
        return self.namespace("mgmt")

    def namespace(self, name: str) -> str:
        return f"ew{self.id}-{name}"

    def machine(self, server: str) -> str:
        """The name under which nspawn keeps a server: unique on this machine."""
        return f"ew{self.id}-{server}"


def begin(site: str, drives_folder: Path) -> Run:
    """A new run of this process, written down."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    while True:
        run = Run(secrets.token_hex(2), site, processes.record_of(os.getpid(), site), str(drives_folder))
        with contextlib.suppress(FileExistsError):
            run.folder.mkdir(mode=0o700)
            break
    temporary = run.folder / "run.new"
    temporary.write_text(json.dumps(asdict(run)))
    temporary.replace(run.folder / "run.json")
    return run


def known() -> Iterator[Run]:
    """Every run that has not ended well, living or killed."""
    for file in sorted(FOLDER.glob("*/run.json")):
        told = json.loads(file.read_text())
        yield Run(told["id"], told["site"], Record(**told["owner"]), told["drives"])


def end(run: Run) -> None:
    """Removes all that bears the run's id: processes, cgroups, namespaces, loop devices; drives keep what is on them.

    Running it again goes on where it was interrupted. Raises what cannot be removed; then the run stays known.
    """
    cgroups.remove(run.cgroup)
    for namespace in NAMESPACES.glob(f"{run.namespace('')}*"):
        tools.run("ip", "netns", "delete", namespace.name)
    drives.detach(drives.devices_below(Path(run.drives)) + drives.devices_below(run.media))
    shutil.rmtree(run.media, ignore_errors=True)
    for left in _NSPAWN.glob(f"*/{run.machine('')}*"):
        shutil.rmtree(left, ignore_errors=True)
    (run.folder / "run.json").replace(run.folder / "run.ended")
    shutil.rmtree(run.folder)


def clean_up() -> list[Run]:
    """Ends every run whose process is gone; what lives is left alone. Returns those that were ended.

    Raises:
        EdgewrightError: the first that could not be ended, after all others were.
    """
    if not FOLDER.exists():
        return []
    ended: list[Run] = []
    failed: EdgewrightError | None = None
    with _alone():
        _forget_unborn()
        for run in known():
            if run.alive:
                continue
            try:
                end(run)
                ended.append(run)
            except EdgewrightError as error:
                failed = failed or error
    if failed is not None:
        raise failed
    return ended


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One cleaner at a time; a second one waits. The kernel lets go if the first one dies."""
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget_unborn() -> None:
    """A process killed between making the run's folder and writing it down, or after forgetting it, left an empty name."""
    for folder in FOLDER.glob("*/"):
        with contextlib.suppress(OSError):
            if not (folder / "run.json").exists() and time.time() - folder.stat().st_mtime > 60:
                shutil.rmtree(folder)
