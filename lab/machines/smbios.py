"""What a server's firmware tells its operating system about it: SMBIOS tables (DMTF DSP0134), as Linux shows them in /sys/firmware."""

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

_SYSTEM, _END = 1, 127
_POWER_SWITCH = 6


@dataclass(frozen=True)
class Told:
    """The same words as in the BMC's ComputerSystem."""

    manufacturer: str
    product: str
    serial: str
    uuid: uuid.UUID


def write(told: Told, firmware: Path) -> None:
    """Makes `dmi/tables` below the folder that becomes the machine's /sys/firmware."""
    folder = firmware / "dmi/tables"
    folder.mkdir(parents=True, exist_ok=True)
    tables = _system(told) + struct.pack("<BBH", _END, 4, 2) + b"\0\0"
    (folder / "DMI").write_bytes(tables)
    (folder / "smbios_entry_point").write_bytes(_entry_point(len(tables)))


def _entry_point(size: int) -> bytes:
    """Version 3.3, 64 bits. The sum of its bytes is zero."""
    blank = struct.pack("<5sBBBBBBBIQ", b"_SM3_", 0, 24, 3, 3, 0, 1, 0, size, 0)
    return blank[:5] + bytes([-sum(blank) % 256]) + blank[6:]


def _system(told: Told) -> bytes:
    words = (told.manufacturer, told.product, told.serial)
    formatted = struct.pack("<BBHBBBB16sBBB", _SYSTEM, 27, 1, 1, 2, 0, 3, told.uuid.bytes_le, _POWER_SWITCH, 0, 0)
    return formatted + b"".join(word.encode() + b"\0" for word in words) + b"\0"
