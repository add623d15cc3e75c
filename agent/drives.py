"""The drives of the server, found by their device nodes and known by their serial numbers; samples of what is on them."""

import hashlib
import json
import mmap
import os
import random
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import tools
from agent.tools import Refused

DEVICES = Path("/dev")
NUMBERS = Path("/sys/dev/block")
UDEV = Path("/run/udev/data")
_WHOLE_DRIVE = re.compile(r"nvme\d+n\d+|sd[a-z]+|vd[a-z]+")
_SECTOR = 512


@dataclass(frozen=True)
class Drive:
    """One drive. `number`: its device number, `major:minor`."""

    node: Path
    number: str

    @property
    def attributes(self) -> Path:
        """The kernel's folder about it."""
        return NUMBERS / self.number

    @property
    def size_bytes(self) -> int:
        return int(_read(self.attributes / "size") or 0) * _SECTOR

    @property
    def serial(self) -> str:
        """By the kernel where the driver tells it, else by udev, which asks the drive; empty if nobody knows."""
        return _read(self.attributes / "device/serial") or self._udev("ID_SERIAL_SHORT")

    @property
    def model(self) -> str:
        return _read(self.attributes / "device/model") or self._udev("ID_MODEL")

    @property
    def protocol(self) -> str:
        return "NVMe" if self.node.name.startswith("nvme") else "SATA" if self.node.name.startswith("sd") else "virtio"

    @property
    def discards(self) -> bool:
        return int(_read(self.attributes / "queue/discard_max_bytes") or 0) > 0

    @property
    def mounted(self) -> bool:
        """The drive or a partition of it."""
        with open("/proc/self/mountinfo") as table:
            numbers = {line.split()[2] for line in table}
        parts = {_read(part.parent / "dev") for part in self.attributes.glob("*/partition")}
        return bool(numbers & {self.number, *parts})

    def _udev(self, key: str) -> str:
        for line in _read(UDEV / f"b{self.number}").splitlines():
            if line.startswith(f"E:{key}="):
                return line.partition("=")[2]
        return ""


def found() -> list[Drive]:
    return sorted(_drives(), key=lambda drive: drive.node)


def by_serial(serial: str) -> Drive:
    """Raises `Refused` if there is none, or if two say that they are it."""
    fitting = [drive for drive in found() if drive.serial and drive.serial == serial]
    if len(fitting) != 1:
        there = ", ".join(f"{drive.node} {drive.serial or 'without a serial number'}" for drive in found()) or "none"
        kind = "drive-missing" if not fitting else "drive-ambiguous"
        raise Refused(kind, f"There is no single drive {serial} here; there are: {there}.", 404)
    return fitting[0]


def untouched(drive: Drive) -> Drive:
    """The drive, if nobody has it mounted. Raises `Refused`."""
    if drive.mounted:
        raise Refused("drive-in-use", f"{drive.node} ({drive.serial}) is mounted; nothing was done to it.", 409)
    return drive


def described(drive: Drive) -> dict[str, Any]:
    return {
        "node": str(drive.node),
        "serial": drive.serial,
        "model": drive.model,
        "protocol": drive.protocol,
        "size_bytes": drive.size_bytes,
        "mounted": drive.mounted,
        "erases": ["discard", "zero"] if drive.discards else ["zero"],
        "smart": _smart(drive),
    }


def samples(drive: Drive, count: int, size: int, seed: int) -> list[dict[str, Any]]:
    """Blocks of the raw device: the first, the last, and others by the seed, so that anybody can read the same again.

    Read past the page cache: what the drive says, not what this system remembers.
    """
    found: list[dict[str, Any]] = []
    with Raw(drive.node, os.O_RDONLY, size) as raw:
        for offset in places(drive, count, size, seed):
            content = raw.read_at(offset)
            zero = not content.strip(b"\0")
            found.append({"offset": offset, "zero": zero, "sha256": hashlib.sha256(content).hexdigest()})
    return found


def mark(drive: Drive, count: int, size: int, seed: int) -> None:
    """Writes noise into the places of the samples: whatever erases the drive has something to erase there."""
    noise = random.SystemRandom()
    with Raw(drive.node, os.O_WRONLY | os.O_EXCL, size) as raw:
        for offset in places(drive, count, size, seed):
            raw.write_at(offset, noise.randbytes(size))
        raw.sync()


def places(drive: Drive, count: int, size: int, seed: int) -> list[int]:
    """Raises `Refused` if there are no such samples."""
    blocks = drive.size_bytes // size if size > 0 else 0
    if not 0 < size <= 1 << 20 or size % 4096 or not 0 < count <= 65536 or blocks < 1:
        raise Refused("samples-impossible", f"{count} samples of {size} bytes are impossible on {drive.node}.")
    chosen = random.Random(seed)
    return [n * size for n in sorted({0, blocks - 1, *(chosen.randrange(blocks) for _ in range(max(0, count - 2)))})]


class Raw:
    """A device opened past the page cache, with one buffer that direct reads and writes ask for."""

    def __init__(self, node: Path, flags: int, size: int) -> None:
        self._buffer = mmap.mmap(-1, size)
        self._descriptor = os.open(node, flags | os.O_DIRECT)

    def read_at(self, offset: int) -> bytes:
        read = os.preadv(self._descriptor, [self._buffer], offset)
        if read != len(self._buffer):
            raise tools.Failed(f"only {read} bytes could be read at {offset}")
        return bytes(self._buffer)

    def write_at(self, offset: int, content: bytes) -> None:
        self._buffer[:] = content
        os.pwritev(self._descriptor, [self._buffer], offset)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._buffer.close()


def _drives() -> Iterator[Drive]:
    for node in DEVICES.iterdir():
        if _WHOLE_DRIVE.fullmatch(node.name):
            told = node.stat()
            if stat.S_ISBLK(told.st_mode):
                yield Drive(node, f"{os.major(told.st_rdev)}:{os.minor(told.st_rdev)}")


def _smart(drive: Drive) -> dict[str, Any] | None:
    """None where the drive has no SMART, or does not say."""
    done = tools.attempt(["smartctl", "--json", "--health", "--attributes", str(drive.node)], timeout_s=30)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
        passed: bool = told["smart_status"]["passed"]
    except (ValueError, KeyError, TypeError):
        return None
    nvme: dict[str, Any] = told.get("nvme_smart_health_information_log", {})
    return {
        "passed": passed,
        "temperature_celsius": told.get("temperature", {}).get("current"),
        "power_on_hours": told.get("power_on_time", {}).get("hours"),
        "used_percent": nvme.get("percentage_used"),
        "media_errors": nvme.get("media_errors"),
    }


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
