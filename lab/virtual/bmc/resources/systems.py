"""The computer system: identity, power, boot override."""

from typing import Any
from urllib.parse import urlsplit

from lab.virtual.bmc.checks import action, checked, flag, nested, one_of, text
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.messages import message, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import COMPONENTS, Answer, Call, collection, reads, writes
from lab.virtual.bmc.tree import CHASSIS, MANAGER, ROOT, SYSTEM
from lab.virtual.hardware import part_uuid

BOOT_MODES = ("UEFI", "Legacy")
ENABLED = ("Disabled", "Once", "Continuous")

collection(f"{ROOT}/Systems", "ComputerSystem", "Systems", lambda _bmc: ["system"])


@reads(SYSTEM)
def system(bmc: Bmc) -> Json:
    machine, parts = bmc.machine, bmc.parts
    model, spec = machine.model, machine.spec
    memory_gib = sum(d.model.capacity_gib for d in parts.dimms)
    on = machine.power.state == "On"
    answer: Json = {
        "@odata.type": kind("ComputerSystem"),
        "Id": "system",
        "Name": "System",
        "SystemType": "Physical",
        "Manufacturer": model.manufacturer,
        "Model": model.model,
        "SKU": model.sku,
        "PartNumber": model.part_number,
        "SerialNumber": spec.serial,
        "UUID": part_uuid(spec, "system"),
        "AssetTag": machine.asset_tag,
        "HostName": machine.kept("hostname", ""),
        "PowerState": bmc.shown_power,
        "PowerRestorePolicy": "AlwaysOff",
        "BiosVersion": parts.firmware["BIOS"],
        "LocationIndicatorActive": machine.kept("locate", False),
        "Status": ok("Enabled" if on else "StandbyOffline") | ({"HealthRollup": "OK"} if on else {}),
        "ProcessorSummary": {
            "Count": len(parts.cpus),
            "CoreCount": sum(c.model.cores for c in parts.cpus),
            "LogicalProcessorCount": sum(c.model.threads for c in parts.cpus),
            "Model": parts.cpus[0].model.model if parts.cpus else "",
        },
        "MemorySummary": {"TotalSystemMemoryGiB": memory_gib},
        "BootProgress": {"LastState": machine.power.boot_progress()},
        "Boot": _boot(bmc),
        "TrustedModules": _trusted_modules(bmc),
        **{
            name: link(f"{SYSTEM}/{name}")
            for name in (
                "Bios", "SecureBoot", "Processors", "Memory", "EthernetInterfaces", "NetworkInterfaces", "Storage",
                "LogServices", *(("VirtualMedia",) if bmc.quirks.media_under == "system" else ()),
            )
        },
        "PCIeDevices": links([f"{CHASSIS}/PCIeDevices/{name}" for name in pcie_names(bmc)]),
        "PCIeDevices@odata.count": len(pcie_names(bmc)),
        "Links": {"Chassis": [link(CHASSIS)], "ManagedBy": [link(MANAGER)]},
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                "@Redfish.ActionInfo": f"{SYSTEM}/ResetActionInfo",
                "ResetType@Redfish.AllowableValues": list(bmc.quirks.reset_types),
            }
        },
    }  # fmt: skip
    return answer


def pcie_names(bmc: Bmc) -> list[str]:
    parts = bmc.parts
    drives = [drive for drive in parts.drives if drive.model.protocol == "NVMe"]
    return [item.name for item in (*parts.gpus, *parts.adapters, *drives)]


def _boot(bmc: Bmc) -> Json:
    override = bmc.machine.boot_override
    return {
        "BootSourceOverrideEnabled": override["enabled"],
        "BootSourceOverrideTarget": override["target"],
        "BootSourceOverrideMode": override["mode"],
        "UefiTargetBootSourceOverride": override["uefi_target"],
        "HttpBootUri": override["http_uri"] or None,
        "BootSourceOverrideTarget@Redfish.AllowableValues": list(bmc.quirks.boot_targets),
        "BootSourceOverrideMode@Redfish.AllowableValues": list(BOOT_MODES),
        "BootSourceOverrideEnabled@Redfish.AllowableValues": list(ENABLED),
    }


def boot_uri(name: str, value: Any) -> str:
    """An http or https URL, or null for the one that DHCP gives."""
    if value in (None, ""):
        return ""
    wanted = str(text(1024)(name, value))
    if urlsplit(wanted).scheme not in ("http", "https"):
        raise refuse(400, "PropertyValueFormatError", wanted, name, properties=(name,))
    return wanted


def _trusted_modules(bmc: Bmc) -> list[Json]:
    if bmc.parts.tpm is None:
        return []
    return [{"InterfaceType": "TPM2_0", "FirmwareVersion": "15.23", "Status": ok()}]


@writes("PATCH", SYSTEM, privilege=COMPONENTS)
def change_system(bmc: Bmc, call: Call) -> Answer:
    """Asset tag, host name, locator light, boot override."""
    boot = nested(
        BootSourceOverrideEnabled=one_of(*ENABLED),
        BootSourceOverrideTarget=one_of(*bmc.quirks.boot_targets),
        BootSourceOverrideMode=one_of(*BOOT_MODES),
        UefiTargetBootSourceOverride=text(),
        HttpBootUri=boot_uri,
    )
    writable = {
        "AssetTag": text(64),
        "HostName": text(64),
        "LocationIndicatorActive": flag,
        "Boot": boot,
    }
    wanted = checked(call.body, writable, readable=set(system(bmc)))
    machine, by = bmc.machine, call.user
    for name, key in (("AssetTag", "asset-tag"), ("HostName", "hostname"), ("LocationIndicatorActive", "locate")):
        if name in wanted:
            machine.keep(key, wanted[name], change={"what": key, "to": wanted[name], "by": by})
    if change := wanted.get("Boot"):
        _override_boot(bmc, change, by)
    return Answer(200, bmc.read(SYSTEM))


def _override_boot(bmc: Bmc, change: Json, by: str) -> None:
    names = {
        "BootSourceOverrideEnabled": "enabled",
        "BootSourceOverrideTarget": "target",
        "BootSourceOverrideMode": "mode",
        "UefiTargetBootSourceOverride": "uefi_target",
        "HttpBootUri": "http_uri",
    }
    override = {**bmc.machine.boot_override, **{names[key]: value for key, value in change.items()}}
    if override["target"] == "UefiTarget" and not override["uefi_target"]:
        raise refuse(400, "PropertyValueConflict", "BootSourceOverrideTarget", "UefiTargetBootSourceOverride")
    if override["enabled"] == "Disabled" or override["target"] == "None":
        override = {**override, "enabled": "Disabled", "target": "None"}
    bmc.machine.keep("boot", override, change={"what": "boot-override", "to": override, "by": by})


@reads(f"{SYSTEM}/ResetActionInfo")
def reset_action_info(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("ActionInfo"),
        "Id": "ResetActionInfo",
        "Name": "Reset Action Info",
        "Parameters": [
            {
                "Name": "ResetType",
                "Required": True,
                "DataType": "String",
                "AllowableValues": list(bmc.quirks.reset_types),
            }
        ],
    }


@writes("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", privilege=COMPONENTS)
def reset(bmc: Bmc, call: Call) -> Answer:
    """Moves the power; with a profile that says so, as a task."""
    body = action(call.body, "ComputerSystem.Reset", {"ResetType": bmc.quirks.reset_types}, required=("ResetType",))
    bmc.reset_system(body["ResetType"], call.user)
    if not bmc.quirks.reset_as_task:
        return Answer(204)
    takes: Json = {"takes_s": bmc.world.delays.power_on_s}
    return accepted_task(bmc.tasks.begin(f"Reset {body['ResetType']}", "wait", takes, call).id)


def accepted_task(task_id: str) -> Answer:
    """202 with the task's monitor, as every action that takes a while answers."""
    monitor = f"{ROOT}/TaskService/TaskMonitors/{task_id}"
    body = {
        "@odata.id": f"{ROOT}/TaskService/Tasks/{task_id}",
        "@odata.type": kind("Task"),
        "Id": task_id,
        "Name": "Task",
        "TaskState": "Running",
        "TaskStatus": "OK",
        "TaskMonitor": monitor,
        "Messages": [message("TaskEvent.TaskStarted", task_id)],
    }
    return Answer(202, body, {"Location": monitor, "Retry-After": "1"})
