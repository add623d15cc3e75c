"""The virtual drives of a BMC, as the machine behind it sees them: what is in, and what a boot finds there."""

from typing import TYPE_CHECKING

from lab.virtual.faults import FaultBoard, FaultKind

if TYPE_CHECKING:
    from lab.virtual.machine import Machine

SLOTS: dict[str, tuple[str, ...]] = {"CD1": ("CD", "DVD"), "USB1": ("USBStick",)}
"""Slot by the kinds of media it takes, in Redfish's words."""
BOOTS_FROM = {"Cd": "CD1", "Usb": "USB1"}
"""Boot override target by the slot it reads."""

MEDIA_FAULT = FaultKind(
    name="media-ejected",
    targets=("server",),
    description="What is in the virtual drives is out, and what is put in while this lasts is out again at once.",
)


class VirtualMedia:
    """Kept with the machine: some BMCs remember what is inserted over their own restart."""

    def __init__(self, machine: "Machine", faults: FaultBoard) -> None:
        self._machine, self._faults = machine, faults

    def inserted(self, slot: str) -> dict[str, str]:
        """`image` (an URL), `user`, `method`; empty if nothing is in."""
        return self._machine.kept("media", {}).get(slot) or {}

    def insert(self, slot: str, image: str, *, user: str, method: str, by: str) -> None:
        """The password for the image is not kept: a BMC has it as long as it holds the connection."""
        now = {**self._machine.kept("media", {}), slot: {"image": image, "user": user, "method": method}}
        change = {"what": "media-inserted", "slot": slot, "image": image, "by": by}
        self._machine.keep("media", now, change=change)
        if fault := self._faults.first(self._machine.name, MEDIA_FAULT.name):
            self.eject(slot, "fault")
            self._faults.spend(fault)

    def eject(self, slot: str, by: str) -> None:
        held = self._machine.kept("media", {})
        if slot in held:
            left = {name: what for name, what in held.items() if name != slot}
            self._machine.keep("media", left, change={"what": "media-ejected", "slot": slot, "by": by})

    def eject_all(self, by: str) -> None:
        for slot in SLOTS:
            self.eject(slot, by)
