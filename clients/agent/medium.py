"""Boot media: an ISO 9660 image with the live system and the ticket of one boot, for a BMC's virtual drive or for UEFI HTTP boot.

`live/filesystem.squashfs` is where live systems of Debian's kind look for their root; they mount the medium at `/run/live/medium`.
"""

import io
import os
from pathlib import Path

from pycdlib import PyCdlib

from domain.agent import BootTicket

SYSTEM, TICKET = "live/filesystem.squashfs", "edgewright/boot.json"
_LABEL = "EDGEWRIGHT"


def write_medium(system: Path, ticket: BootTicket, to: Path) -> None:
    """Writes the medium, whole or not at all, readable by its owner only: it has the ticket's secrets.

    `system`: a squashfs file. Raises `OSError`.
    """
    temporary = to.with_name(f"{to.name}.new")
    document = ticket.document()
    iso = PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident=_LABEL)
    try:
        iso.add_directory("/LIVE", rr_name="live")
        iso.add_directory("/EDGEWRIG", rr_name="edgewright")
        iso.add_file(str(system), "/LIVE/FILESYST.SQU;1", rr_name="filesystem.squashfs")
        iso.add_fp(io.BytesIO(document), len(document), "/EDGEWRIG/BOOT.JSN;1", rr_name="boot.json")
        with os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            iso.write_fp(file)
    finally:
        iso.close()
    temporary.replace(to)
