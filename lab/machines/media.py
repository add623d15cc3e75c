"""What is on a server's drives, for the firmware of those drives: the bytes of their files, erased for real."""

import contextlib
import os
from pathlib import Path

from lab.machines import drives, tools

MARK_AT = 1 << 30
"""Where a hand writes: beyond whatever an operating system has at the beginning."""
_BLOCK = 4096


class DiskMedia:
    """Fulfils `lab.virtual.drives.Media`. `folder`: the site's drives, each a file by its serial number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def content(self, serial: str) -> str:
        """The word that was written last by `write`; without one, where the first byte is that is not zero."""
        with contextlib.suppress(FileNotFoundError), self._at(serial).open("rb") as drive:
            os.fsync(drive.fileno())
            drive.seek(MARK_AT)
            if mark := drive.read(_BLOCK).strip(b"\0"):
                return mark.decode(errors="replace")
        first = self._first_byte(serial)
        return "" if first is None else f"something at byte {first}"

    def write(self, serial: str, content: str) -> None:
        written = content.encode()[:_BLOCK].ljust(_BLOCK, b"\0")
        with self._at(serial).open("r+b") as drive:
            drive.seek(MARK_AT)
            drive.write(written)
            drive.flush()
            os.fsync(drive.fileno())

    def erase(self, serial: str, method: str) -> None:
        """Whatever the method: nothing of the file is left, and the device remembers nothing of it."""
        place = self._at(serial)
        if place.is_block_device():
            tools.run("blkdiscard", "--force", str(place))
        elif place.exists():
            tools.run("fallocate", "--punch-hole", "--offset", "0", "--length", str(place.stat().st_size), str(place))

    def _at(self, serial: str) -> Path:
        """The loop device where there is one: what was written to it may not have come to the file yet."""
        file = self._folder / serial
        return next(iter(drives.devices_on(file)), file)

    def _first_byte(self, serial: str) -> int | None:
        """Looks only where the sparse file has anything."""
        with contextlib.suppress(FileNotFoundError), (self._folder / serial).open("rb", buffering=0) as file:
            at = 0
            with contextlib.suppress(OSError):  # no more data: ENXIO
                while True:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                    until = os.lseek(file.fileno(), at, os.SEEK_HOLE)
                    while at < until:
                        block = os.pread(file.fileno(), min(1 << 20, until - at), at)
                        if kept := block.lstrip(b"\0"):
                            return at + len(block) - len(kept)
                        at += len(block)
        return None
