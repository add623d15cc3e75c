"""What of a server's hardware its operating system can ask: which server it is in, which drives those are.

A loop device has no serial number, and the kernel's own folders are the host's. So identity comes where firmware and udev leave it.
"""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from lab.machines import smbios
from lab.virtual.hardware import part_uuid
from lab.virtual.machine import Machine

FIRMWARE, UDEV = "firmware", "udev"
SEEN_AT = {FIRMWARE: "/sys/firmware", UDEV: "/run/udev"}
"""Folders of a server in its run, and where its operating system finds them."""


def write(machine: Machine, fitted: Mapping[str, Path], folder: Path) -> None:
    """`fitted`: the drives that are in, by name, each with its loop device."""
    model, spec = machine.model, machine.spec
    told = smbios.Told(model.manufacturer, model.model, spec.serial, uuid.UUID(part_uuid(spec, "system")))
    smbios.write(told, folder / FIRMWARE)
    data = folder / UDEV / "data"
    data.mkdir(parents=True, exist_ok=True)
    for known in data.iterdir():
        known.unlink()
    for part in machine.parts.drives:
        number = os.stat(fitted[part.name]).st_rdev
        lines = [
            f"E:ID_SERIAL_SHORT={part.serial}",
            f"E:ID_MODEL={part.model.model}",
            f"E:ID_BUS={part.model.protocol}",
        ]
        (data / f"b{os.major(number)}:{os.minor(number)}").write_text("\n".join(lines) + "\n")
