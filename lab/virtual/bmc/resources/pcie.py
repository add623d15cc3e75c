"""PCIe devices and their functions: GPUs, adapters, drives."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.network import ADAPTERS
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.storage import DRIVES
from lab.virtual.bmc.resources.systems import pcie_names
from lab.virtual.bmc.routing import chosen, collection, missing, reads
from lab.virtual.bmc.tree import CHASSIS, SYSTEM
from lab.virtual.hardware import Adapter, Drive, Gpu

DEVICES = f"{CHASSIS}/PCIeDevices"


def _part(bmc: Bmc, name: str) -> Gpu | Adapter | Drive:
    drives = [drive for drive in bmc.parts.drives if drive.model.protocol == "NVMe"]
    return chosen((*bmc.parts.gpus, *bmc.parts.adapters, *drives), "PCIeDevice", name)


def _functions(bmc: Bmc, device: str) -> list[str]:
    part = _part(bmc, device)
    return [str(i) for i in range(len(part.ports))] if isinstance(part, Adapter) else ["0"]


collection(DEVICES, "PCIeDevice", "PCIe Devices", pcie_names)
collection(f"{DEVICES}/{{device}}/PCIeFunctions", "PCIeFunction", "PCIe Functions", _functions)


@reads(f"{DEVICES}/{{device}}")
def device(bmc: Bmc, device: str) -> Json:
    part = _part(bmc, device)
    lanes = 4 if isinstance(part, Drive) else 16
    return {
        "@odata.type": kind("PCIeDevice"),
        "Id": part.name,
        "Name": part.name,
        "Manufacturer": part.model.manufacturer,
        "Model": part.model.model,
        "SerialNumber": part.serial,
        "FirmwareVersion": bmc.parts.firmware[part.name],
        "DeviceType": "MultiFunction" if len(_functions(bmc, device)) > 1 else "SingleFunction",
        "PCIeInterface": {"PCIeType": "Gen5", "MaxPCIeType": "Gen5", "LanesInUse": lanes, "MaxLanes": lanes},
        "PCIeFunctions": link(f"{DEVICES}/{part.name}/PCIeFunctions"),
        "Status": ok(),
        "Links": {"Chassis": [link(CHASSIS)]},
    }


@reads(f"{DEVICES}/{{device}}/PCIeFunctions/{{function}}")
def function(bmc: Bmc, device: str, function: str) -> Json:
    part = _part(bmc, device)
    if function not in _functions(bmc, device):
        raise missing("PCIeFunction", function)
    answer: Json = {
        "@odata.type": kind("PCIeFunction"),
        "Id": function,
        "Name": f"{part.name} function {function}",
        "FunctionId": int(function),
        "FunctionType": "Physical",
        "Status": ok(),
        "Links": {"PCIeDevice": link(f"{DEVICES}/{part.name}")},
    }
    match part:
        case Gpu():
            answer |= {"DeviceClass": "ProcessingAccelerators", "ClassCode": "0x030200", "VendorId": "0x10de"}
            answer |= {"DeviceId": part.model.pci_device_id}
            answer["Links"]["Processor"] = link(f"{SYSTEM}/Processors/{part.name}")
        case Adapter():
            answer |= {"DeviceClass": "NetworkController", "ClassCode": "0x020000", "VendorId": "0x15b3"}
            answer |= {"DeviceId": part.model.pci_device_id}
            answer["Links"]["NetworkDeviceFunctions"] = links(
                [f"{ADAPTERS}/{part.name}/NetworkDeviceFunctions/{function}"]
            )
        case Drive():
            answer |= {"DeviceClass": "MassStorageController", "ClassCode": "0x010802", "VendorId": "0x144d"}
            answer |= {"DeviceId": "0xa80a"}
            answer["Links"]["Drives"] = links([f"{DRIVES}/{part.name}"])
    return answer
