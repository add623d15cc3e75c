"""Writing an operating system image with its configuration to a drive, and reading back that it is there."""

import contextlib
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from agent import drives, tools
from agent.drives import Drive
from agent.jobs import Job, Order
from agent.tools import Failed

_CHUNK = 1 << 20
_SLOW_S = 60.0
_GZIP = 16 + zlib.MAX_WBITS


def write_image(order: Order, job: Job) -> dict[str, Any]:
    """The drive holds the image, and the files of the order lie in its root file system. It is no erasure: a drive that does not
    discard keeps what lies behind the image.

    Raises `Failed`: then the drive holds nothing that boots, or half of it; the same order under another id begins anew.
    """
    drive = drives.untouched(drives.by_serial(str(order["drive"])))
    job.at(1, f"emptying {drive.node}, {drive.serial}")
    empty = _emptied(drive)
    job.at(2, f"writing {order['url']}")
    written, digest = _write(drive, order, job, sparse=empty)
    job.at(70, "reading it back")
    if _read_back(drive, written) != digest:
        raise Failed(f"{drive.node} ({drive.serial}) does not hold what was written to it.")
    job.at(90, "its configuration")
    configure(drive, order.get("files", []))
    return {"serial": drive.serial, "image_bytes": written, "sha256": digest, "files": len(order.get("files", []))}


def _emptied(drive: Drive) -> bool:
    """Whether the drive reads as zeros now. Some take a discard and go on showing what was there."""
    if not drive.discards:
        return False
    tools.run("blkdiscard", "--force", str(drive.node))
    return all(sample["zero"] for sample in drives.samples(drive, 64, 4096, seed=1))


def _write(drive: Drive, order: Order, job: Job, *, sparse: bool) -> tuple[int, str]:
    """Bytes and digest of what was written. `sparse`: blocks of zeros are there already."""
    packed, plain, at = hashlib.sha256(), hashlib.sha256(), 0
    descriptor = os.open(drive.node, os.O_WRONLY | os.O_EXCL)
    try:
        for block in _unpacked(order, packed, job):
            if at + len(block) > drive.size_bytes:
                raise Failed(f"The image is larger than {drive.node} ({drive.size_bytes} bytes).")
            plain.update(block)
            if not sparse or block.strip(b"\0"):
                os.pwrite(descriptor, block, at)
            at += len(block)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if packed.hexdigest() != order["sha256"]:
        tools.run("wipefs", "--all", "--force", str(drive.node))
        raise Failed(
            f"What {order['url']} serves is not the image that was ordered: its SHA-256 is {packed.hexdigest()}."
        )
    return at, plain.hexdigest()


def _unpacked(order: Order, packed: "hashlib._Hash", job: Job) -> Iterator[bytes]:
    """The image in pieces of at most one size."""
    unpack = zlib.decompressobj(_GZIP) if order["packing"] == "gzip" else None
    got = 0
    with _opened(str(order["url"])) as (source, length):
        while chunk := source.read(_CHUNK):
            packed.update(chunk)
            got += len(chunk)
            job.at(2 + 66 * got / length if length else 2)
            if unpack is None:
                yield chunk
                continue
            try:
                # A little of it may be very much of zeros.
                while piece := unpack.decompress(chunk, _CHUNK):
                    yield piece
                    chunk = unpack.unconsumed_tail
            except zlib.error as error:
                raise Failed(f"What {order['url']} serves is no gzip file: {error}") from error
    if unpack is not None and not unpack.eof:
        raise Failed(f"{order['url']} broke off after {got} bytes.")


@contextlib.contextmanager
def _opened(url: str) -> Iterator[tuple[BinaryIO, int]]:
    """What the URL serves, and how long it says that is. A proxy of the environment is not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SLOW_S) as answer:
            yield answer, int(answer.headers.get("Content-Length") or 0)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Failed(f"{url} cannot be had: {getattr(error, 'reason', error)}") from error


def _read_back(drive: Drive, size: int) -> str:
    """The digest of the drive's first bytes, from the drive itself."""
    tools.run("blockdev", "--flushbufs", str(drive.node))
    digest = hashlib.sha256()
    with open(drive.node, "rb", buffering=0) as device:
        while size > 0 and (chunk := device.read(min(_CHUNK, size))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.hexdigest()


def configure(drive: Drive, files: list[dict[str, Any]]) -> None:
    """Writes files into the root file system that is on the drive: on the whole of it, or on one of its partitions."""
    if not files:
        return
    with _root_of(drive) as root:
        for file in files:
            path = root / str(file["path"]).lstrip("/")
            if not path.resolve().is_relative_to(root.resolve()):
                raise Failed(f"{file['path']} is not inside the root file system.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
            path.chmod(int(file["mode"], 8))


@contextlib.contextmanager
def _root_of(drive: Drive) -> Iterator[Path]:
    parts = [
        drive.node,
        *sorted(drives.DEVICES.glob(f"{drive.node.name}p*")),
        *sorted(drives.DEVICES.glob(f"{drive.node.name}[0-9]")),
    ]
    with tempfile.TemporaryDirectory() as place:
        for part in parts:
            if tools.attempt(["mount", str(part), place]).returncode != 0:
                continue
            try:
                if (Path(place) / "etc").is_dir():
                    yield Path(place)
                    return
            finally:
                tools.run("umount", place)
        raise Failed(f"No root file system was found on {drive.node} ({drive.serial}).")
