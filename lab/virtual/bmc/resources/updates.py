"""Firmware versions, for reading."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import collection, missing, reads
from lab.virtual.bmc.tree import CHASSIS, MANAGER, ROOT, SYSTEM

SERVICE = f"{ROOT}/UpdateService"
INVENTORY = f"{SERVICE}/FirmwareInventory"


def _components(bmc: Bmc) -> list[str]:
    bmc.require_inventory()
    return list(bmc.parts.firmware)


collection(INVENTORY, "SoftwareInventory", "Firmware Inventory", _components)


@reads(SERVICE)
def update_service(_bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("UpdateService"),
        "Id": "UpdateService",
        "Name": "Update Service",
        "ServiceEnabled": True,
        "FirmwareInventory": link(INVENTORY),
        "Status": ok(),
        # Reading only: there is no update action. OpenStack's client needs the empty object.
        "Actions": {},
    }


@reads(f"{INVENTORY}/{{component}}")
def component(bmc: Bmc, component: str) -> Json:
    bmc.require_inventory()
    version = bmc.parts.firmware.get(component)
    if version is None:
        raise missing("SoftwareInventory", component)
    return {
        "@odata.type": kind("SoftwareInventory"),
        "Id": component,
        "Name": f"{component} firmware",
        "SoftwareId": component,
        "Version": version,
        "Updateable": False,
        "RelatedItem": links(_related(bmc, component)),
        "RelatedItem@odata.count": len(_related(bmc, component)),
        "Status": ok(),
    }


def _related(bmc: Bmc, component: str) -> list[str]:
    if component == "BMC":
        return [MANAGER]
    if component == "BIOS":
        return [f"{SYSTEM}/Bios"]
    if component.startswith("GPU"):
        return [f"{SYSTEM}/Processors/{component}"]
    if component.startswith("NVMe"):
        return [f"{CHASSIS}/Drives/{component}"]
    if any(adapter.name == component for adapter in bmc.parts.adapters):
        return [f"{CHASSIS}/NetworkAdapters/{component}"]
    return [CHASSIS]
