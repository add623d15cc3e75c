"""One cgroup for each machine in every hierarchy (v1), or in the one there is (v2), below one of the run's.

On v1 two machines in one cgroup would fight over it; and whatever happened to a machine, its cgroup still lists its processes.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from domain.errors import Transient
from lab.machines.facts import cgroup_mounts

EMPTY_S = 15.0
_BLOCKS = Path("/sys/class/block")


class CgroupBusy(Transient):
    """Processes of a machine do not go away although they were killed."""

    kind = "cgroup-busy"


def make(path: str) -> list[Path]:
    """Makes the cgroup (`run/machine`) in every hierarchy and returns the folders. Running it again changes nothing."""
    made: list[Path] = []
    for hierarchy, version in cgroup_mounts():
        folder = hierarchy
        for part in Path(path).parts:
            if version == 2:
                _delegate(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
            if (folder / "cpuset.cpus").exists() and version == 1:
                # An empty cpuset takes no process in.
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    (folder / setting).write_text((folder.parent / setting).read_text())
        made.append(folder)
    return made


def _delegate(folder: Path) -> None:
    """Lets the children of a v2 cgroup use its controllers; one that cannot be handed on is left out."""
    for controller in (folder / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def keep_from(cgroup: Sequence[Path], own: Collection[Path]) -> None:
    """Keeps the cgroup's processes from every block device of this machine but their own: root inside could make a node of any.

    On v1, where the device controller is a file; on v2 it would take a program in the kernel, and nothing is kept.
    """
    spared = {os.stat(device).st_rdev for device in own}
    for folder in cgroup:
        if (folder / "devices.deny").exists():
            for entry in _BLOCKS.iterdir():
                with contextlib.suppress(FileNotFoundError):  # it has just gone
                    major, minor = map(int, (entry / "dev").read_text().split(":"))
                    if os.makedev(major, minor) not in spared:
                        (folder / "devices.deny").write_text(f"b {major}:{minor} rwm")


def processes(path: str) -> set[int]:
    """Every process in the cgroup or below, in any hierarchy."""
    found: set[int] = set()
    for hierarchy, _ in cgroup_mounts():
        for folder, _folders, _files in os.walk(hierarchy / path):
            with contextlib.suppress(OSError):
                found |= {int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()}
    return found - {0}  # a process outside our pid namespace, and to `kill` our own group


def exists(path: str) -> bool:
    return any((hierarchy / path).exists() for hierarchy, _ in cgroup_mounts())


def remove(path: str) -> None:
    """Kills what is in the cgroup and removes it from every hierarchy, bottom up; nothing can enter it afterwards.

    Raises:
        CgroupBusy: something in it does not die.
    """
    deadline = time.monotonic() + EMPTY_S
    while exists(path):
        for pid in processes(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for hierarchy, _ in cgroup_mounts():
            for folder, _folders, _files in os.walk(hierarchy / path, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        if exists(path):
            if time.monotonic() > deadline:
                raise CgroupBusy(f"The cgroup {path} still holds the processes {sorted(processes(path))}.")
            time.sleep(0.02)
