"""Root file systems as files, packed once and kept beside them in the cache: for boot media, and to be written to drives.

What is served to the product: which live system a medium carries and which operating system is installed is the product's choice.
"""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.machines import images, tools
from lab.virtual.options import Image

PACKING = ".packing"
_SQUASH = ("-comp", "zstd", "-Xcompression-level", "3", "-noappend", "-quiet", "-no-progress")
_DISK = "512M"
PACK_S = 300.0


def live_system(say: Callable[[str], None] = lambda what: None) -> Path:
    """The agent as a squashfs file. Raises `ImageNotBuilt`, `ToolFailed`."""
    return _packed(Image.AGENT, "squashfs", _squash, say)


def disk_image(say: Callable[[str], None] = lambda what: None) -> Path:
    """The base system as the image of a whole drive, an ext4 file system packed with gzip. Raises `ImageNotBuilt`, `ToolFailed`."""
    return _packed(Image.BASE, f"{_DISK}.ext4.gz", _disk, say)


def _packed(image: Image, suffix: str, pack: Callable[[Path, Path], None], say: Callable[[str], None]) -> Path:
    root = images.ensure(say)[image]
    target = root.with_name(f"{root.name}.{suffix}")
    with images.alone():
        if not target.exists():
            say(f"packing the root file system `{image}` (once)")
            temporary = target.with_name(target.name + PACKING)
            pack(root, temporary)
            temporary.replace(target)
    return target


def _squash(root: Path, to: Path) -> None:
    tools.run("mksquashfs", str(root), str(to), *_SQUASH, timeout_s=PACK_S)


def _disk(root: Path, to: Path) -> None:
    plain = to.with_name(to.name + ".plain")
    plain.unlink(missing_ok=True)
    tools.run("mkfs.ext4", "-q", "-F", "-d", str(root), str(plain), _DISK, timeout_s=PACK_S)
    with plain.open("rb") as source, gzip.open(to, "wb", compresslevel=1) as packed:
        shutil.copyfileobj(source, packed, 1 << 20)
    plain.unlink()
