"""Looks for the marker that every secret of the lab begins with, in everything that Temporal, databases and files hold."""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from domain.model import Json

MARKER = "EWSECRET"
"""Every secret of the lab, and every password that a product under test makes, begins so."""


def decoded_texts(document: Json) -> Iterator[str]:
    """Every text of a history's JSON, payloads decoded from their base64."""
    if isinstance(document, str):
        yield document
        try:
            yield base64.b64decode(document, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from decoded_texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from decoded_texts(value)


def leaks_in_files(folders: Iterable[Path]) -> list[str]:
    """Files that hold the marker, compressed ones unpacked."""
    found: list[str] = []
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and MARKER.encode() in _unpacked(file.read_bytes()):
                found.append(str(file.relative_to(folder.parent)))
    return found


def _unpacked(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content
