"""CPUs, GPUs and memory modules of the system."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import chosen, collection, reads
from lab.virtual.bmc.tree import CHASSIS, SYSTEM
from lab.virtual.hardware import Cpu, Dimm, Gpu

PROCESSORS, MEMORY = f"{SYSTEM}/Processors", f"{SYSTEM}/Memory"

collection(
    PROCESSORS, "Processor", "Processors", lambda bmc: [part.name for part in (*bmc.parts.cpus, *bmc.parts.gpus)]
)
collection(MEMORY, "Memory", "Memory Modules", lambda bmc: [dimm.name for dimm in bmc.parts.dimms])


@reads(f"{PROCESSORS}/{{processor}}")
def processor(bmc: Bmc, processor: str) -> Json:
    part = chosen((*bmc.parts.cpus, *bmc.parts.gpus), "Processor", processor)
    return _gpu(bmc, part) if isinstance(part, Gpu) else _cpu(part)


def _cpu(cpu: Cpu) -> Json:
    return {
        "@odata.type": kind("Processor"),
        "Id": cpu.name,
        "Name": cpu.name,
        "ProcessorType": "CPU",
        "Socket": cpu.name,
        "Manufacturer": cpu.model.manufacturer,
        "Model": cpu.model.model,
        "SerialNumber": cpu.serial,
        "ProcessorArchitecture": cpu.model.architecture,
        "InstructionSet": cpu.model.instruction_set,
        "MaxSpeedMHz": cpu.model.max_mhz,
        "TotalCores": cpu.model.cores,
        "TotalThreads": cpu.model.threads,
        "TDPWatts": cpu.model.tdp_w,
        "Status": ok(),
        "Links": {"Chassis": link(CHASSIS)},
    }


def _gpu(bmc: Bmc, gpu: Gpu) -> Json:
    return {
        "@odata.type": kind("Processor"),
        "Id": gpu.name,
        "Name": gpu.name,
        "ProcessorType": "GPU",
        "Manufacturer": gpu.model.manufacturer,
        "Model": gpu.model.model,
        "PartNumber": gpu.model.part_number,
        "SerialNumber": gpu.serial,
        "UUID": gpu.uuid,
        "FirmwareVersion": bmc.parts.firmware[gpu.name],
        "TDPWatts": gpu.model.tdp_w,
        "MemorySummary": {"TotalMemorySizeMiB": gpu.model.memory_gib * 1024, "ECCModeEnabled": True},
        "ProcessorMemory": [
            {
                "IntegratedMemory": True,
                "MemoryType": gpu.model.memory_type,
                "CapacityMiB": gpu.model.memory_gib * 1024,
            }
        ],
        "SystemInterface": {"InterfaceType": "PCIe", "PCIe": {"PCIeType": "Gen5", "LanesInUse": 16, "MaxLanes": 16}},
        "Status": ok(),
        "Links": {"Chassis": link(CHASSIS), "PCIeDevice": link(f"{CHASSIS}/PCIeDevices/{gpu.name}")},
    }


@reads(f"{MEMORY}/{{module}}")
def memory(bmc: Bmc, module: str) -> Json:
    dimm: Dimm = chosen(bmc.parts.dimms, "Memory", module)
    slot = int(dimm.name.removeprefix("DIMM"))
    return {
        "@odata.type": kind("Memory"),
        "Id": dimm.name,
        "Name": dimm.name,
        "DeviceLocator": dimm.name,
        "MemoryType": "DRAM",
        "MemoryDeviceType": dimm.model.type,
        "BaseModuleType": dimm.model.form,
        "Manufacturer": dimm.model.manufacturer,
        "PartNumber": dimm.model.part_number,
        "SerialNumber": dimm.serial,
        "CapacityMiB": dimm.model.capacity_gib * 1024,
        "OperatingSpeedMhz": dimm.model.speed_mhz,
        "AllowedSpeedsMHz": [dimm.model.speed_mhz],
        "ErrorCorrection": "MultiBitECC",
        "MemoryLocation": {"Socket": slot // 8, "Channel": slot % 8, "Slot": 0},
        "Status": ok(),
    }
