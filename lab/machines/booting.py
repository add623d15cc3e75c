"""What a server boots from: pure. The firmware's order, and how a boot override of the BMC changes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.virtual.options import Image


@dataclass(frozen=True)
class Disk:
    """A drive of the server, by the name Redfish gives it."""

    drive: str

    def __str__(self) -> str:
        return f"disk {self.drive}"


@dataclass(frozen=True)
class Stick:
    """A live system on a stick in a USB port; it leaves the drives as they are."""

    image: Image

    def __str__(self) -> str:
        return f"image {self.image} via usb"


@dataclass(frozen=True)
class Remote:
    """A medium that lies elsewhere: in a virtual drive of the BMC, or named for UEFI HTTP boot. `slot`: the virtual drive it is in."""

    url: str
    via: Literal["usb", "cd", "network"]
    slot: str = ""

    def __str__(self) -> str:
        return f"{self.url} via {self.via}"


type Source = Disk | Stick | Remote


@dataclass(frozen=True)
class Offers:
    """What could be booted beside the drives."""

    stick: Stick | None = None
    usb: Remote | None = None
    cd: Remote | None = None
    network: Remote | None = None


_NO_OPERATING_SYSTEM = ("BiosSetup", "UefiShell")


def boot_order(target: str, drives: Sequence[str], offers: Offers) -> tuple[Source, ...]:
    """What is tried, first to last; empty if the firmware keeps the server to itself.

    `target`: the boot override in force (Redfish `BootSourceOverrideTarget`). Where its source is missing the usual order follows,
    as firmware does it: drives in their order, then what is plugged in, then the network.
    """
    if target in _NO_OPERATING_SYSTEM:
        return ()
    disks = [Disk(drive) for drive in drives]
    usb = [source for source in (offers.stick, offers.usb) if source]
    cd = [offers.cd] if offers.cd else []
    network = [offers.network] if offers.network else []
    usual: list[Source] = [*disks, *cd, *usb, *network]
    first: dict[str, Sequence[Source]] = {"Hdd": disks, "Usb": usb, "Cd": cd, "UefiHttp": network}
    preferred = list(first.get(target, []))
    return (*preferred, *(source for source in usual if source not in preferred))
