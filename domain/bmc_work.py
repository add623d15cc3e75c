"""Work that a BMC does over minutes: erasing drives, updating firmware. Watched by its task, never believed for its 202.

Every order carries `since`, the BMC's own clock when it was given (`read_clock`). A retry after a crash finds what an
earlier try began by it: a task that runs is watched on, one that is done is not begun again, and an older one never counts.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from domain.beat import Beat, no_beat
from domain.errors import Conflict, NotYet, Rejected, Transient
from domain.model import Model
from domain.secret import Login


class TaskUnfinished(NotYet):
    """The BMC still works on what it accepted."""

    kind = "bmc-task-unfinished"


class TaskStalled(TaskUnfinished):
    """The BMC's task has not advanced at all while we watched."""

    kind = "bmc-task-stalled"


class TaskLost(Transient):
    """The BMC does not know the task any more, as after its own restart: how it ended is not known."""

    kind = "bmc-task-lost"


class BmcClockUnknown(Rejected):
    """The BMC does not say what time it has, so its tasks cannot be told apart by age."""

    kind = "bmc-clock-unknown"


class DriveMissing(Conflict):
    """No drive in this bay."""

    kind = "drive-missing"


class DriveChanged(Conflict):
    """Another drive than expected stands in this bay."""

    kind = "drive-changed"


class DriveNotErasable(Rejected):
    """The drive, or its BMC, offers none of the methods that are allowed."""

    kind = "drive-not-erasable"


class DriveEraseRefused(Rejected):
    """The drive or its BMC rejected the erase; nothing was begun."""

    kind = "drive-erase-refused"


class DriveEraseFailed(Rejected):
    """The erase ended with an error: what was on the drive may still be there."""

    kind = "drive-erase-failed"


class FirmwareUnknown(Rejected):
    """The BMC lists no such component, or has no way to update it."""

    kind = "firmware-unknown"


class FirmwareRefused(Rejected):
    """The image or the order was rejected; nothing was begun."""

    kind = "firmware-refused"


class FirmwareFailed(Rejected):
    """The update ended with an error; the component runs what it ran before, as far as its BMC says."""

    kind = "firmware-failed"


class FirmwareUnchanged(NotYet):
    """The update is done by the BMC's word, and the version read back is not the wanted one yet."""

    kind = "firmware-unchanged"


class EraseMethod(StrEnum):
    """In Redfish's words (DSP0268, Drive v1.15)."""

    CRYPTOGRAPHIC = "CryptographicErase"
    BLOCK = "BlockErase"
    OVERWRITE = "Overwrite"


class ErasableDrive(Model):
    """`methods`: what the BMC offers for it; empty if it cannot erase it, or does not say how."""

    slot: str
    serial: str
    model: str = ""
    protocol: str = ""
    capacity_gb: float | None = None
    methods: tuple[EraseMethod, ...] = ()
    erasing_percent: int | None = None
    """How far an erase is that runs now; None if none does."""


class DriveErase(Model):
    """`methods` in order of preference: the first one that the drive offers is used. `passes` is for overwriting."""

    slot: str
    serial: str
    methods: tuple[EraseMethod, ...] = (EraseMethod.CRYPTOGRAPHIC, EraseMethod.BLOCK)
    passes: int = 1
    since: datetime
    """The BMC's clock when the drive was seen in this bay and its erase was decided."""


class DriveErased(Model):
    """What the BMC says, which is not proof: only samples read from the raw device are. Times are the BMC's."""

    slot: str
    serial: str
    method: EraseMethod
    begun: bool
    """False if an earlier try of ours had begun it."""
    task: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    messages: tuple[str, ...] = ()


class FirmwareOrder(Model):
    """One component by its id in the inventory. `image` is a URL that the BMC fetches; with `file` the image is sent."""

    component: str
    version: str
    image: str = ""
    file: Path | None = None
    since: datetime


class ResetKind(StrEnum):
    """What must restart before a new firmware runs."""

    NONE = "none"
    HOST = "host"
    BMC = "bmc"


class FirmwareState(Model):
    """`version` is read back. With a reset still needed it is the old one: call again after it.

    Still needed after the reset: the component did not take the image over it. A new order (`since`) installs it anew.
    """

    component: str
    before: str
    version: str
    changed: bool
    needs_reset: ResetKind = ResetKind.NONE


class ServerWork(Protocol):
    """Drives and firmware of a server."""

    def read_clock(self) -> datetime:
        """The BMC's own time, for `since`. Raises `BmcClockUnknown`."""
        ...

    def read_drives(self) -> tuple[ErasableDrive, ...]: ...

    def erase_drive(self, order: DriveErase, *, patience_s: float, beat: Beat = no_beat) -> DriveErased:
        """Erases one drive and waits for its end by the BMC's word. May be called again at any time.

        Raises:
            DriveMissing, DriveChanged, DriveNotErasable, DriveEraseRefused: nothing was begun.
            DriveEraseFailed: begun, and ended badly; another call erases again.
            TaskUnfinished, TaskStalled: still at it after `patience_s`. TaskLost: how it ended is not known.
        """
        ...

    def update_firmware(
        self, order: FirmwareOrder, *, patience_s: float, beat: Beat = no_beat, login: Login | None = None
    ) -> FirmwareState:
        """Brings one component to a version; does nothing if it runs it. `login` is for the image's server. Resets nothing.

        Raises:
            FirmwareUnknown, FirmwareRefused: nothing was begun. FirmwareFailed: begun, and ended badly.
            FirmwareUnchanged, TaskUnfinished, TaskStalled, TaskLost: call again.
        """
        ...
