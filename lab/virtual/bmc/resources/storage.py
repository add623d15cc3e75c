"""Drives behind their controllers, and the volumes on them: NVMe drives each have one of their own, SATA drives share one."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.erasing import DRIVES, actions, operations
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import chosen, collection, missing, reads
from lab.virtual.bmc.tree import CHASSIS, SYSTEM
from lab.virtual.hardware import Drive

STORAGE = f"{SYSTEM}/Storage"
AHCI = "AHCI"
"""The one controller of all SATA drives."""


def _drives(bmc: Bmc, storage: str) -> list[Drive]:
    """The drives of one storage, which is called by its protocol. 404 if there are none."""
    found = [drive for drive in bmc.parts.drives if drive.model.protocol == storage]
    if not found and storage != "NVMe":
        raise missing("Storage", storage)
    return found


def _names(bmc: Bmc, storage: str) -> list[str]:
    return [drive.name for drive in _drives(bmc, storage)]


def _controllers(bmc: Bmc, storage: str) -> list[str]:
    return [AHCI] if storage == "SATA" and _drives(bmc, storage) else _names(bmc, storage)


def storages(bmc: Bmc) -> list[str]:
    """`NVMe` always, `SATA` where there is such a drive."""
    return ["NVMe", *(["SATA"] if any(drive.model.protocol == "SATA" for drive in bmc.parts.drives) else [])]


collection(STORAGE, "Storage", "Storage", storages)
collection(f"{STORAGE}/{{storage}}/Controllers", "StorageController", "Controllers", _controllers)
collection(f"{STORAGE}/{{storage}}/Volumes", "Volume", "Volumes", _names)
collection(DRIVES, "Drive", "Drives", lambda bmc: [drive.name for drive in bmc.parts.drives])


@reads(f"{STORAGE}/{{storage}}")
def storage(bmc: Bmc, storage: str) -> Json:
    drives = [f"{DRIVES}/{name}" for name in _names(bmc, storage)]
    return {
        "@odata.type": kind("Storage"),
        "Id": storage,
        "Name": f"{storage} Storage",
        "Status": ok(),
        "Controllers": link(f"{STORAGE}/{storage}/Controllers"),
        "Volumes": link(f"{STORAGE}/{storage}/Volumes"),
        "Drives": links(drives),
        "Drives@odata.count": len(drives),
        "Links": {"Enclosures": [link(CHASSIS)]},
    }


@reads(f"{STORAGE}/{{storage}}/Controllers/{{controller}}")
def controller(bmc: Bmc, storage: str, controller: str) -> Json:
    if controller not in _controllers(bmc, storage):
        raise missing("StorageController", controller)
    volumes = f"{STORAGE}/{storage}/Volumes"
    answer: Json = {
        "@odata.type": kind("StorageController"),
        "Id": controller,
        "Name": f"{controller} controller",
        "SupportedControllerProtocols": ["PCIe"],
        "SupportedDeviceProtocols": [storage],
        "Status": ok(),
    }
    if controller == AHCI:
        return {**answer, "Links": {"AttachedVolumes": links([f"{volumes}/{name}" for name in _names(bmc, storage)])}}
    drive: Drive = chosen(bmc.parts.drives, "StorageController", controller)
    return {
        **answer,
        "Manufacturer": drive.model.manufacturer,
        "Model": drive.model.model,
        "SerialNumber": drive.serial,
        "FirmwareVersion": bmc.parts.firmware[drive.name],
        "Links": {
            "PCIeFunctions": [link(f"{CHASSIS}/PCIeDevices/{drive.name}/PCIeFunctions/0")],
            "AttachedVolumes": [link(f"{volumes}/{drive.name}")],
        },
    }


@reads(f"{DRIVES}/{{drive}}")
def drive(bmc: Bmc, drive: str) -> Json:
    part: Drive = chosen(bmc.parts.drives, "Drive", drive)
    storage = f"{STORAGE}/{part.model.protocol}"
    functions = [link(f"{CHASSIS}/PCIeDevices/{part.name}/PCIeFunctions/0")]
    return {
        "@odata.type": kind("Drive"),
        "Id": part.name,
        "Name": part.name,
        "Manufacturer": part.model.manufacturer,
        "Model": part.model.model,
        "SerialNumber": part.serial,
        "Revision": bmc.parts.firmware[part.name],
        "CapacityBytes": part.model.capacity_gb * 1_000_000_000,
        "BlockSizeBytes": 512,
        "Protocol": part.model.protocol,
        "MediaType": part.model.media,
        "PredictedMediaLifeLeftPercent": 99,
        "FailurePredicted": False,
        "Identifiers": [{"DurableName": part.nguid, "DurableNameFormat": "NGUID"}],
        "PhysicalLocation": {
            "PartLocation": {
                "ServiceLabel": part.name,
                "LocationType": "Bay",
                "LocationOrdinalValue": int(part.name.removeprefix("NVMe")),
            }
        },
        "Status": ok(),
        "Operations": operations(bmc, part),
        "Actions": actions(bmc, part, f"{DRIVES}/{part.name}"),
        "Links": {
            "Chassis": link(CHASSIS),
            "Storage": link(storage),
            "Volumes": [link(f"{storage}/Volumes/{part.name}")],
            **({"PCIeFunctions": functions} if part.model.protocol == "NVMe" else {}),
        },
    }


@reads(f"{STORAGE}/{{storage}}/Volumes/{{volume}}")
def volume(bmc: Bmc, storage: str, volume: str) -> Json:
    """The one namespace or partition each drive was delivered with."""
    part: Drive = chosen(_drives(bmc, storage), "Volume", volume)
    return {
        "@odata.type": kind("Volume"),
        "Id": part.name,
        "Name": f"{part.name} namespace 1",
        "CapacityBytes": part.model.capacity_gb * 1_000_000_000,
        "BlockSizeBytes": 512,
        "RAIDType": "None",
        "Identifiers": [{"DurableName": part.nguid, "DurableNameFormat": "NGUID"}],
        "Status": ok(),
        "Links": {"Drives": [link(f"{DRIVES}/{part.name}")]},
    }
