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
class Live:
    """A live system that leaves the drives as they are, and where it came from."""

    image: Image
    via: Literal["usb", "cd", "network"]

    def __str__(self) -> str:
        return f"image {self.image} via {self.via}"


type Source = Disk | Live


@dataclass(frozen=True)
class Offers:
    """What could be booted beside the drives: a stick in a USB port, what the BMC presents as a CD, what the network serves."""

    usb: Image | None = None
    cd: Image | None = None
    network: Image | None = None


_NO_OPERATING_SYSTEM = ("BiosSetup", "UefiShell")


def boot_order(target: str, drives: Sequence[str], offers: Offers) -> tuple[Source, ...]:
    """What is tried, first to last; empty if the firmware keeps the server to itself.

    `target`: the boot override in force (Redfish `BootSourceOverrideTarget`). Where its source is missing the usual order follows,
    as firmware does it: drives in their order, then what is plugged in, then the network.
    """
    if target in _NO_OPERATING_SYSTEM:
        return ()
    disks = [Disk(drive) for drive in drives]
    usb = [Live(offers.usb, "usb")] if offers.usb else []
    cd = [Live(offers.cd, "cd")] if offers.cd else []
    network = [Live(offers.network, "network")] if offers.network else []
    usual: list[Source] = [*disks, *cd, *usb, *network]
    first: dict[str, Sequence[Source]] = {"Hdd": disks, "Usb": usb, "Cd": cd, "Pxe": network, "UefiHttp": network}
    preferred = list(first.get(target, []))
    return (*preferred, *(source for source in usual if source not in preferred))
