"""Writing a file so that a crash leaves the old one or the new one, never half of either."""

import os
import tempfile
from pathlib import Path


def private_folder(folder: Path) -> None:
    """Makes the folder and the ones above it that are missing, for us alone."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for part in reversed(missing):
        part.mkdir(mode=0o700, exist_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """On disk when it returns: written beside (mode 0600), flushed, renamed, and the folder flushed."""
    private_folder(file.parent)
    number, beside = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    flush_folder(file.parent)


def flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
