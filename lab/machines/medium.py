"""Boot media that a server reads by their URL: a BMC's virtual drive, or UEFI HTTP boot.

A medium is an ISO 9660 image laid out as live systems of Debian's kind are: `live/filesystem.squashfs`, and small files beside it. It is
read whole before it starts, as such a system does it with `toram`: what happens to the medium later is nothing to the system.
"""

import io
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import override

from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

from lab.machines import tools

SYSTEM = "/live/filesystem.squashfs"
SEEN_AT = "/run/live/medium"
"""Where the system finds the medium."""
SLOW_S = 20.0
_CHUNK = 1 << 20
_SECTOR = 2048
_SMALL = 1 << 20


class NoMedium(Exception):
    """Nothing can be booted from it; says why, as the firmware would on its screen."""


@dataclass(frozen=True)
class Inserted:
    """A medium that was read. `device`: its live system as a loop device; `files`: the folder with the small files on it."""

    device: Path
    files: Path


def fetch(url: str, to: Path, still: Callable[[], bool]) -> None:
    """Reads the medium. `still`: asked between pieces, whether it is in. Raises `NoMedium`."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _NoRedirect(), urllib.request.HTTPSHandler(context=_any_certificate())
    )
    try:
        with opener.open(url, timeout=SLOW_S) as source, to.open("wb") as file:
            expected, got = int(source.headers.get("Content-Length") or -1), 0
            while chunk := source.read(_CHUNK):
                if not still():
                    raise NoMedium("the medium was taken out while it was read")
                file.write(chunk)
                got += len(chunk)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise NoMedium(f"it cannot be read: {getattr(error, 'reason', error)}") from error
    if expected not in (-1, got):
        raise NoMedium(f"it broke off after {got} of {expected} bytes")


def insert(iso: Path, files: Path) -> Inserted:
    """Makes a device of the medium's live system and puts its small files into the folder. Raises `NoMedium`, `ToolFailed`."""
    image = PyCdlib()
    try:
        image.open(str(iso))
    except (PyCdlibException, OSError) as error:
        raise NoMedium("it is no ISO 9660 image") from error
    try:
        offset, size = _place_of_system(image)
        for path in _small_files(image):
            content = io.BytesIO()
            image.get_file_from_iso_fp(content, rr_path=path)
            (files / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (files / path.lstrip("/")).write_bytes(content.getvalue())
    finally:
        image.close()
    where = ("--read-only", "--offset", str(offset), "--sizelimit", str(size))
    return Inserted(Path(tools.run("losetup", "--find", "--show", *where, str(iso)).strip()), files)


def _place_of_system(image: PyCdlib) -> tuple[int, int]:
    try:
        record = image.get_record(rr_path=SYSTEM)
    except PyCdlibException as error:
        raise NoMedium(f"it has no {SYSTEM}") from error
    return record.extent_location() * _SECTOR, record.get_data_length()


def _small_files(image: PyCdlib) -> Iterator[str]:
    for folder, _folders, names in image.walk(rr_path="/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            if image.get_record(rr_path=path).get_data_length() <= _SMALL:
                yield path


def _any_certificate() -> ssl.SSLContext:
    """As BMCs and firmware do it that were given none to compare with."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    @override
    def redirect_request(self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str) -> None:
        """It could lead anywhere."""
