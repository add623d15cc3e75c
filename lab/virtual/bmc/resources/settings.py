"""BIOS attributes and secure boot: pending until the next boot puts them in force."""

from typing import Any

from lab.virtual.bios import REGISTRY, attribute
from lab.virtual.bmc.checks import action, anything, checked, flag, nested, one_of
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.messages import Problem, message, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import COMPONENTS, Answer, Call, reads, writes
from lab.virtual.bmc.tree import SYSTEM

BIOS = f"{SYSTEM}/Bios"
_APPLY = "@Redfish.SettingsApplyTime"
RESET_KEYS = ("ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK")


@reads(BIOS)
def bios(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("Bios"),
        "Id": "Bios",
        "Name": "BIOS Settings",
        "AttributeRegistry": REGISTRY,
        "Attributes": bmc.machine.bios,
        "@Redfish.Settings": {
            "@odata.type": "#Settings.v1_3_5.Settings",
            "SettingsObject": link(f"{BIOS}/Settings"),
            "SupportedApplyTimes": ["OnReset"],
            **_last_applied(bmc),
        },
        "Actions": {"#Bios.ResetBios": {"target": f"{BIOS}/Actions/Bios.ResetBios"}},
    }


def _last_applied(bmc: Bmc) -> Json:
    """Time and outcome of the last time that pending settings were put in force (DSP0266, settings resource)."""
    at = bmc.machine.kept("bios-applied-at")
    return {"Time": at, "Messages": [message("Success")]} if at else {}


@reads(f"{BIOS}/Settings")
def pending(bmc: Bmc) -> Json:
    """What the next boot will put in force."""
    return {
        "@odata.type": kind("Bios"),
        "Id": "Settings",
        "Name": "Pending BIOS Settings",
        "AttributeRegistry": REGISTRY,
        "Attributes": bmc.machine.bios_pending,
    }


@writes("PATCH", f"{BIOS}/Settings", privilege=COMPONENTS)
def change_bios(bmc: Bmc, call: Call) -> Answer:
    writable = {"Attributes": anything, _APPLY: nested(ApplyTime=one_of("OnReset"))}
    wanted = checked(call.body, writable, readable=set(pending(bmc))).get("Attributes")
    if not isinstance(wanted, dict):
        raise refuse(400, "PropertyValueTypeError", wanted, "Attributes", properties=("Attributes",))
    now, problems = bmc.machine.bios, list[Json]()
    for name, value in wanted.items():
        if problem := _attribute_problem(now, str(name), value):
            problems.append(problem)
    if problems:
        raise Problem(400, *problems)
    later = {**bmc.machine.bios_pending, **wanted}
    bmc.machine.keep("bios-pending", later, change={"what": "bios-pending", "to": later, "by": call.user})
    return Answer(200, bmc.read(f"{BIOS}/Settings"))


def _attribute_problem(now: dict[str, Any], name: str, value: Any) -> Json | None:
    shown = f"Attributes/{name}"
    if name not in now:
        return message("PropertyUnknown", shown, properties=(shown,))
    if type(value) is not type(now[name]):
        return message("PropertyValueTypeError", value, shown, properties=(shown,))
    known = attribute(name)
    if known.choices and value not in known.choices:
        return message("PropertyValueNotInList", value, shown, properties=(shown,))
    if known.highest and not known.lowest <= value <= known.highest:
        return message("PropertyValueOutOfRange", value, shown, properties=(shown,))
    return None


@writes("POST", f"{BIOS}/Actions/Bios.ResetBios", privilege=COMPONENTS)
def reset_bios(bmc: Bmc, call: Call) -> Answer:
    """Factory defaults, in force after the next boot."""
    defaults = dict(bmc.machine.model.bios)
    bmc.machine.keep("bios-pending", defaults, change={"what": "bios-pending", "to": defaults, "by": call.user})
    return Answer(204)


@reads(f"{SYSTEM}/SecureBoot")
def secure_boot(bmc: Bmc) -> Json:
    on = bmc.machine.secure_boot
    return {
        "@odata.type": kind("SecureBoot"),
        "Id": "SecureBoot",
        "Name": "UEFI Secure Boot",
        "SecureBootEnable": bmc.machine.secure_boot_enabled,
        "SecureBootCurrentBoot": "Enabled" if on else "Disabled",
        "SecureBootMode": "UserMode" if bmc.machine.secure_boot_keys == "default" else "SetupMode",
        "Actions": {
            "#SecureBoot.ResetKeys": {
                "target": f"{SYSTEM}/SecureBoot/Actions/SecureBoot.ResetKeys",
                "ResetKeysType@Redfish.AllowableValues": list(RESET_KEYS),
            }
        },
    }


@writes("PATCH", f"{SYSTEM}/SecureBoot", privilege=COMPONENTS)
def change_secure_boot(bmc: Bmc, call: Call) -> Answer:
    wanted = checked(call.body, {"SecureBootEnable": flag}, readable=set(secure_boot(bmc)))
    chosen = wanted["SecureBootEnable"]
    bmc.machine.keep("secure-boot-next", chosen, change={"what": "secure-boot-next", "to": chosen, "by": call.user})
    return Answer(200, bmc.read(f"{SYSTEM}/SecureBoot"))


@writes("POST", f"{SYSTEM}/SecureBoot/Actions/SecureBoot.ResetKeys", privilege=COMPONENTS)
def reset_keys(bmc: Bmc, call: Call) -> Answer:
    """The factory's keys, or none (setup mode: nothing is enforced), from the next boot on."""
    parameters: dict[str, tuple[str, ...]] = {"ResetKeysType": RESET_KEYS}
    body = action(call.body, "SecureBoot.ResetKeys", parameters, required=("ResetKeysType",))
    keys = "default" if body["ResetKeysType"] == RESET_KEYS[0] else "none"
    change = {"what": "secure-boot-keys-next", "to": keys, "by": call.user}
    bmc.machine.keep("secure-boot-keys-next", keys, change=change)
    return Answer(204)
