"""What a machine's firmware does at each power-on, in its order: new firmware, settings that wait, then where to boot from."""

from typing import TYPE_CHECKING

from lab.virtual.faults import FaultKind
from lab.virtual.media import BOOTS_FROM

if TYPE_CHECKING:
    from lab.virtual.machine import Machine

NO_OVERRIDE = {"enabled": "Disabled", "target": "None", "mode": "UEFI", "uefi_target": "", "http_uri": ""}
TPM_CLEAR = ("TpmOperation", "Clear", "NoAction")
"""Redfish has no action that clears a TPM: BIOSes do it by an attribute that is used up by one boot."""
BIOS_FAULT = FaultKind(
    name="bios-ignores",
    targets=("server",),
    description="The firmware drops the BIOS settings that wait for a restart, as if they had never been sent.",
)


def boot(machine: "Machine") -> None:
    """One power-on. Uses up whatever is for once."""
    machine.activate("BIOS", by="firmware")
    _apply_bios(machine)
    _apply_secure_boot(machine)
    source, image = _source(machine)
    # Kept before what is for once is used up: whoever stands behind the BMC boots by it.
    machine.keep("booted-by", machine.boot_override)
    machine.keep("booted", {"from": source, "image": image}, change={"what": "booted", "from": source, "image": image})
    if machine.boot_override["enabled"] == "Once":
        machine.keep("boot", dict(NO_OVERRIDE), change={"what": "boot-override", "to": "used", "by": "firmware"})


def _apply_bios(machine: "Machine") -> None:
    pending = machine.bios_pending
    if not pending:
        return
    if fault := machine.faults.first(machine.name, BIOS_FAULT.name):
        machine.keep("bios-pending", {}, change={"what": "lied", "about": "bios", "by": "fault"})
        machine.faults.spend(fault)
        return
    name, asked, idle = TPM_CLEAR
    if pending.get(name) == asked:
        machine.keep("tpm-owner", "", change={"what": "tpm-cleared", "by": "firmware"})
        pending = {**pending, name: idle}
    machine.keep("bios", {**machine.bios, **pending}, change={"what": "bios", "to": pending, "by": "firmware"})
    machine.keep("bios-pending", {})
    machine.keep("bios-applied-at", machine.clock.stamp())


def _apply_secure_boot(machine: "Machine") -> None:
    if (keys := machine.kept("secure-boot-keys-next")) is not None:
        machine.keep("secure-boot-keys", keys, change={"what": "secure-boot-keys", "to": keys, "by": "firmware"})
        machine.keep("secure-boot-keys-next", None)
    if (secure := machine.kept("secure-boot-next")) is not None:
        machine.keep("secure-boot", secure, change={"what": "secure-boot", "to": secure, "by": "firmware"})
        machine.keep("secure-boot-next", None)


def _source(machine: "Machine") -> tuple[str, str]:
    """Where this boot really comes from, and which image: an empty virtual drive is passed over, as firmware does."""
    override = machine.boot_override
    target = override["target"] if override["enabled"] != "Disabled" else "None"
    if target in BOOTS_FROM:
        image = machine.media.inserted(BOOTS_FROM[target]).get("image", "")
        return (target, image) if image else ("Hdd", "")
    if target == "UefiHttp":
        return target, override.get("http_uri", "")
    return ("Hdd" if target == "None" else target), ""
