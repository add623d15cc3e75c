"""Drives behind their NVMe controllers, and the volumes on them."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import chosen, collection, reads
from lab.virtual.bmc.tree import CHASSIS, SYSTEM
from lab.virtual.hardware import Drive

STORAGE = f"{SYSTEM}/Storage"
NVME = f"{STORAGE}/NVMe"
DRIVES = f"{CHASSIS}/Drives"

collection(STORAGE, "Storage", "Storage", lambda _bmc: ["NVMe"])
collection(
    f"{NVME}/Controllers", "StorageController", "Controllers", lambda bmc: [drive.name for drive in bmc.parts.drives]
)
collection(DRIVES, "Drive", "Drives", lambda bmc: [drive.name for drive in bmc.parts.drives])
collection(f"{NVME}/Volumes", "Volume", "Volumes", lambda bmc: [drive.name for drive in bmc.parts.drives])


@reads(NVME)
def storage(bmc: Bmc) -> Json:
    drives = [f"{DRIVES}/{drive.name}" for drive in bmc.parts.drives]
    return {
        "@odata.type": kind("Storage"),
        "Id": "NVMe",
        "Name": "NVMe Storage",
        "Status": ok(),
        "Controllers": link(f"{NVME}/Controllers"),
        "Volumes": link(f"{NVME}/Volumes"),
        "Drives": links(drives),
        "Drives@odata.count": len(drives),
        "Links": {"Enclosures": [link(CHASSIS)]},
    }


@reads(f"{NVME}/Controllers/{{controller}}")
def controller(bmc: Bmc, controller: str) -> Json:
    drive: Drive = chosen(bmc.parts.drives, "StorageController", controller)
    return {
        "@odata.type": kind("StorageController"),
        "Id": drive.name,
        "Name": f"{drive.name} controller",
        "Manufacturer": drive.model.manufacturer,
        "Model": drive.model.model,
        "SerialNumber": drive.serial,
        "FirmwareVersion": bmc.parts.firmware[drive.name],
        "SupportedControllerProtocols": ["PCIe"],
        "SupportedDeviceProtocols": ["NVMe"],
        "Status": ok(),
        "Links": {
            "PCIeFunctions": [link(f"{CHASSIS}/PCIeDevices/{drive.name}/PCIeFunctions/0")],
            "AttachedVolumes": [link(f"{NVME}/Volumes/{drive.name}")],
        },
    }


@reads(f"{DRIVES}/{{drive}}")
def drive(bmc: Bmc, drive: str) -> Json:
    part: Drive = chosen(bmc.parts.drives, "Drive", drive)
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
        "Protocol": "NVMe",
        "MediaType": "SSD",
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
        "Links": {
            "Chassis": link(CHASSIS),
            "Storage": link(NVME),
            "Volumes": [link(f"{NVME}/Volumes/{part.name}")],
            "PCIeFunctions": [link(f"{CHASSIS}/PCIeDevices/{part.name}/PCIeFunctions/0")],
        },
    }


@reads(f"{NVME}/Volumes/{{volume}}")
def volume(bmc: Bmc, volume: str) -> Json:
    """The one namespace each drive was delivered with."""
    part: Drive = chosen(bmc.parts.drives, "Volume", volume)
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
