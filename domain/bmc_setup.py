"""How a server starts, set through its BMC: BIOS attributes, virtual media, where the next boot comes from.

Nothing here is in force when a BMC says yes: BIOS attributes wait for a reset, and every change is read back.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from domain.errors import Conflict, NotYet, Rejected, Transient
from domain.model import Model
from domain.secret import Login

type BiosValue = str | int | bool


class BiosUnknown(Rejected):
    """This BIOS has no such attribute, or the BMC cannot change attributes at all."""

    kind = "bios-unknown"


class BiosNotPending(Transient):
    """The BMC acknowledged BIOS attributes and does not show them as pending."""

    kind = "bios-not-pending"


class BiosWaits(NotYet):
    """The attributes are pending: the server has not gone through a reset since, or is still at it."""

    kind = "bios-waits"


class BiosNotApplied(Conflict):
    """The server was reset, nothing is pending, and the attributes are not as they were set."""

    kind = "bios-not-applied"


class SecureBootUnknown(Rejected):
    """The BMC does not show secure boot."""

    kind = "secure-boot-unknown"


class SecureBootNotTaken(Transient):
    """The BMC acknowledged the setting of secure boot and reads back the other one."""

    kind = "secure-boot-not-taken"


class MediaNotOffered(Rejected):
    """The BMC has no virtual CD drive."""

    kind = "media-not-offered"


class MediaUnreachable(Transient):
    """The BMC cannot get the image from where it lies."""

    kind = "media-unreachable"


class MediaNotInserted(Transient):
    """The BMC acknowledged the image and its drive is empty."""

    kind = "media-not-inserted"


class BootNotOffered(Rejected):
    """The BMC does not offer this boot source."""

    kind = "boot-not-offered"


class BootNotTaken(Transient):
    """The BMC acknowledged the boot source and reads back another one."""

    kind = "boot-not-taken"


class BiosState(Model):
    """`pending` is what waits for the next reset; it holds only what differs on some BMCs, everything on others."""

    attributes: dict[str, BiosValue | None]
    pending: dict[str, BiosValue | None] = {}


class BiosChange(Model):
    """`changed`: attributes that were made pending now. `needs_reset`: something wanted is not in force yet."""

    changed: tuple[str, ...] = ()
    needs_reset: bool = False


class SecureBootChange(Model):
    """`needs_reset`: the last boot was not as it is set now."""

    changed: bool
    needs_reset: bool


class BootTarget(StrEnum):
    """In Redfish's words."""

    NONE = "None"
    DISK = "Hdd"
    CD = "Cd"
    HTTP = "UefiHttp"
    PXE = "Pxe"


class BootOverride(Model):
    """`once`: used up by the next boot. `uri` is for HTTP; empty: the one that DHCP gives."""

    target: BootTarget
    once: bool = True
    uri: str = ""


class MediaInserted(Model):
    """`slot`: the resource of the virtual drive."""

    changed: bool
    slot: str
    image: str


class ServerSetup(Protocol):
    """BIOS and boot source of a server."""

    def read_bios(self) -> BiosState: ...

    def set_bios(self, wanted: Mapping[str, BiosValue]) -> BiosChange:
        """Makes pending what is neither in force nor pending; changes nothing the second time. Resets nothing.

        Raises:
            BiosUnknown: nothing was changed. BiosNotPending: not read back. BmcRefused: a value is not allowed.
        """
        ...

    def require_bios(self, wanted: Mapping[str, BiosValue]) -> None:
        """Reads back after a reset. Raises `BiosWaits` while something is pending, `BiosNotApplied` if it was dropped."""
        ...

    def reset_bios(self) -> None:
        """The factory's attributes, from the next reset on."""
        ...

    def set_secure_boot(self, on: bool) -> SecureBootChange:
        """From the next reset on; called again after it, it reads back. Raises `SecureBootUnknown`, `SecureBootNotTaken`."""
        ...

    def set_boot(self, boot: BootOverride) -> bool:
        """Where the next boot comes from; False if it was set so already.

        Raises:
            BootNotOffered: this BMC does not know the source. BootNotTaken: not read back.
        """
        ...


class ServerMedia(Protocol):
    """The virtual CD drive, under the manager or the system as the BMC has it."""

    def insert_media(self, image: str, *, login: Login | None = None) -> MediaInserted:
        """Puts this image in (an http or https URL), in place of another one; does nothing if it is in already.

        Raises:
            MediaNotOffered, MediaUnreachable; MediaNotInserted: acknowledged, and the drive reads back empty.
        """
        ...

    def eject_media(self) -> bool:
        """Empties the drive; False if it was empty. Raises `MediaNotOffered`."""
        ...
