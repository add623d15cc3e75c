"""How the next boot goes: where from, and whether it checks signatures."""

from clients.redfish.changing import patch, settled
from clients.redfish.resource import Resource
from clients.redfish.wire import Wire
from domain.bmc_setup import (
    BootNotOffered,
    BootNotTaken,
    BootOverride,
    BootTarget,
    SecureBootChange,
    SecureBootNotTaken,
    SecureBootUnknown,
)
from domain.model import Json


def set_boot(wire: Wire, system: str, boot: BootOverride) -> bool:
    """See `ServerSetup.set_boot`. `system`: its path."""
    shown = wire.get(system).inner("Boot")
    wanted = _wanted(shown, boot)
    if _agrees(shown, wanted):
        return False
    offered = shown.texts("BootSourceOverrideTarget@Redfish.AllowableValues")
    if offered and boot.target not in offered:
        raise BootNotOffered(
            f"{wire.endpoint} cannot boot from {boot.target}: it offers {', '.join(offered)}.",
            do="Choose another way to start the agent image for this class.",
        )
    settled(wire, patch(wire, system, {"Boot": wanted}), f"the boot source {boot.target}")
    if not _agrees(shown := wire.get(system).inner("Boot"), wanted):
        raise BootNotTaken(
            f"{wire.endpoint} acknowledged the boot source {boot.target} and reads back "
            f"{shown.text('BootSourceOverrideTarget') or 'nothing'} ({shown.text('BootSourceOverrideEnabled')}).",
            do="Nothing to do at first: it is tried again. If it stays, restart the BMC.",
        )
    return True


def set_secure_boot(wire: Wire, path: str, on: bool) -> SecureBootChange:
    """See `ServerSetup.set_secure_boot`. `path`: of the SecureBoot resource, empty if the system shows none."""
    if not path:
        raise SecureBootUnknown(f"{wire.endpoint} does not show secure boot.", do="Set it on the server's own screen.")
    shown = wire.get(path)
    changed = shown.flag("SecureBootEnable") is not on
    if changed:
        settled(wire, patch(wire, path, {"SecureBootEnable": on}), f"SecureBootEnable={on}")
        shown = wire.get(path)
        if shown.flag("SecureBootEnable") is not on:
            raise SecureBootNotTaken(
                f"{wire.endpoint} acknowledged SecureBootEnable={on} and reads back the other.",
                do="Some firmware takes it in setup mode only: look at SecureBootMode.",
            )
    current = shown.text("SecureBootCurrentBoot")
    return SecureBootChange(changed=changed, needs_reset=current != ("Enabled" if on else "Disabled"))


def _wanted(shown: Resource, boot: BootOverride) -> dict[str, Json]:
    if boot.target is BootTarget.NONE:
        return {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}
    wanted: dict[str, Json] = {
        "BootSourceOverrideEnabled": "Once" if boot.once else "Continuous",
        "BootSourceOverrideTarget": boot.target.value,
    }
    if shown.text("BootSourceOverrideMode") == "Legacy":
        wanted["BootSourceOverrideMode"] = "UEFI"
    if boot.uri:
        wanted["HttpBootUri"] = boot.uri
    return wanted


def _agrees(shown: Resource, wanted: dict[str, Json]) -> bool:
    """A disabled override has no target that matters."""
    if wanted["BootSourceOverrideEnabled"] == "Disabled":
        return shown.text("BootSourceOverrideEnabled") in ("Disabled", "")
    return all(shown.text(name) == value for name, value in wanted.items())
