"""Habits of BMCs as data (`quirks.yaml`): a site file names one profile per BMC."""

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import TypeAdapter

from domain.documents import read_documents
from lab.virtual.catalogue import Hardware


class Quirks(Hardware):
    """One profile. What is not said is what a well-behaved BMC does. Times are lab seconds."""

    description: str
    vendor: str = "Edgewright Lab"
    product: str = "Lab BMC"
    model: str = "AST2600"
    redfish_version: str = "1.18.0"

    sessions: bool = True
    basic: bool = True
    session_limit: int = 16
    session_timeout_s: int = 1800
    etags: bool = True
    expand: bool = True
    select: bool = True

    password_change_required: bool = False
    min_password: int = 8
    max_password: int = 64
    lockout_threshold: int = 5
    lockout_s: int = 300
    lockout_reset_s: int = 300

    slow_s: float = 0.0
    """Every answer takes this long."""
    stale_power_s: float = 0.0
    """After a reset the old PowerState is reported for this long."""
    inventory_busy_s: float = 0.0
    """The firmware inventory answers 503 for this long after it was first asked for."""
    reset_as_task: bool = False
    """A reset answers 202 with a task."""
    media_under: Literal["manager", "system"] = "manager"
    """Where VirtualMedia hangs: a client follows the links."""
    media_lost_on_restart: bool = False
    """A restart of the BMC ejects what was inserted."""
    media_needs: tuple[str, ...] = ()
    """Parameters that InsertMedia demands beside Image."""
    erase_kinds_inline: bool = True
    """How a drive can be erased stands beside its action; otherwise in its ActionInfo only."""
    erase_as_task: bool = True
    """An erase answers 202 with a task; otherwise 204, and only the drive's `Operations` show it."""
    close_connections: bool = False
    """Every answer ends its connection."""
    missing_fields: tuple[str, ...] = ()
    """`Type.Property` that this BMC never shows, a link included."""
    absent: tuple[str, ...] = ()
    """Last parts of paths that this BMC does not serve."""
    boot_targets: tuple[str, ...] = (
        "None",
        "Pxe",
        "Hdd",
        "Cd",
        "BiosSetup",
        "UefiShell",
        "UefiTarget",
        "UefiHttp",
        "Usb",
    )
    reset_types: tuple[str, ...] = (
        "On",
        "ForceOff",
        "GracefulShutdown",
        "GracefulRestart",
        "ForceRestart",
        "ForceOn",
        "PushPowerButton",
        "PowerCycle",
        "Nmi",
    )


@cache
def profiles() -> dict[str, Quirks]:
    """The shipped profiles by name."""
    (document,) = read_documents((files("lab.virtual") / "quirks.yaml").read_text(), source="quirks.yaml")
    return TypeAdapter(dict[str, Quirks]).validate_python(document)
