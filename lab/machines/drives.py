"""Drives of servers: a sparse file of the drive's size and a loop device on it. Files stay over everything; devices last as long as a run.

A file is named by the drive's serial number, so that another server in the same place has other drives.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Rejected, Transient
from lab.machines import tools

BLOCKS = Path("/sys/block")
FREE_S = 10.0


class DriveBusy(Transient):
    """Something still holds a drive that nobody should hold."""

    kind = "drive-busy"


@dataclass(frozen=True)
class Drive:
    """One drive of one server. `name`: as Redfish shows it (`NVMe0`)."""

    name: str
    file: Path
    size_bytes: int


def node_of(name: str) -> str:
    """What the server's operating system calls the drive that Redfish calls `NVMe0`."""
    return f"/dev/nvme{name.removeprefix('NVMe')}n1"


def attach(drive: Drive) -> Path:
    """The drive's loop device; makes file and device where they are missing, and finds those of an earlier run.

    Raises:
        Rejected: the file system cannot hold a file of that size.
        ToolFailed: no loop device could be had.
    """
    _make_file(drive)
    for device in devices_on(drive.file):
        return device
    return Path(tools.run("losetup", "--find", "--show", str(drive.file)).strip())


def _make_file(drive: Drive) -> None:
    drive.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(drive.file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size != drive.size_bytes:
            os.ftruncate(descriptor, drive.size_bytes)
    except OSError as error:
        raise Rejected(
            f"Cannot make {drive.file} of {drive.size_bytes} bytes: {error.strerror}.",
            do="Choose a folder on ext4, xfs or btrfs: EDGEWRIGHT_HOME=/path/to/folder",
        ) from error
    finally:
        os.close(descriptor)


def devices_on(file: Path) -> list[Path]:
    """Every loop device on this file."""
    return [device for device, backing in attached() if backing == str(file)]


def devices_below(folder: Path) -> list[Path]:
    """Every loop device on a file below the folder, deleted files too."""
    return [device for device, backing in attached() if Path(backing.removesuffix(" (deleted)")).is_relative_to(folder)]


def attached() -> Iterator[tuple[Path, str]]:
    """Every loop device of this machine with the file it is on."""
    for entry in BLOCKS.glob("loop*"):
        with contextlib.suppress(OSError):
            yield Path("/dev") / entry.name, (entry / "loop/backing_file").read_text().strip()


def detach(devices: list[Path]) -> None:
    """Takes loop devices off their files. One that is still mounted somewhere goes with the mount. Raises `DriveBusy`."""
    for device in devices:
        tools.attempt("losetup", "--detach", str(device))
    deadline = time.monotonic() + FREE_S
    wanted = set(devices)
    while left := wanted & {device for device, _ in attached()}:
        if time.monotonic() > deadline:
            raise DriveBusy(
                f"{', '.join(map(str, sorted(left)))} cannot be freed: something holds them open or mounted."
            )
        time.sleep(0.05)


def wait_until_free(device: Path) -> None:
    """Until no file system on it is mounted: a killed machine's mounts go with its last process, a moment later.

    Raises:
        DriveBusy: somebody else has it mounted.
    """
    deadline = time.monotonic() + FREE_S
    while True:
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            if time.monotonic() > deadline:
                raise DriveBusy(f"{device} is still in use: {error.strerror}.") from error
            time.sleep(0.02)
        else:
            return
