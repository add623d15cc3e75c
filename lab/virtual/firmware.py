"""Firmware images of the lab: a line of JSON that says what it is, then its bytes. Made by tests, checked by BMCs.

A real one is a PLDM package (DMTF DSP0267) with a signature; what a client sees of either is the same: it is taken, or refused.
"""

import hashlib
import json
from dataclasses import dataclass

_MAGIC = "edgewright-lab-firmware"


class ImageDamaged(Exception):
    """No image of the lab, or not the bytes that its header names."""


@dataclass(frozen=True)
class Image:
    """`model`: the hardware it is for, as the catalogue names it; a BIOS or BMC is for a model of server."""

    component: str
    model: str
    version: str


def pack(image: Image, content: bytes = b"\x7fEW\r\n" * 64) -> bytes:
    header = {
        "kind": _MAGIC,
        "component": image.component,
        "model": image.model,
        "version": image.version,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return json.dumps(header).encode() + b"\n" + content


def unpack(raw: bytes) -> Image:
    """Raises `ImageDamaged`."""
    header, _, content = raw.partition(b"\n")
    try:
        told = json.loads(header)
        if told["kind"] != _MAGIC or told["sha256"] != hashlib.sha256(content).hexdigest():
            raise ImageDamaged
        return Image(str(told["component"]), str(told["model"]), str(told["version"]))
    except (ValueError, KeyError, TypeError):
        raise ImageDamaged from None
