"""The chassis: where it stands, what it holds, the trusted components in it."""

from lab.virtual.bmc.checks import checked, flag, text
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.storage import storages
from lab.virtual.bmc.routing import COMPONENTS, Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import CHASSIS, MANAGER, ROOT, SYSTEM
from lab.virtual.hardware import part_serial

collection(f"{ROOT}/Chassis", "Chassis", "Chassis", lambda _bmc: ["chassis"])
collection(
    f"{CHASSIS}/TrustedComponents",
    "TrustedComponent",
    "Trusted Components",
    lambda bmc: ["TPM"] if bmc.parts.tpm else [],
)
_PARTS = (
    "Drives", "NetworkAdapters", "PCIeDevices", "PowerSubsystem", "ThermalSubsystem", "Sensors", "EnvironmentMetrics",
    "Power", "Thermal", "Assembly", "TrustedComponents",
)  # fmt: skip


@reads(CHASSIS)
def chassis(bmc: Bmc) -> Json:
    spec, model = bmc.machine.spec, bmc.machine.model
    return {
        "@odata.type": kind("Chassis"),
        "Id": "chassis",
        "Name": "Chassis",
        "ChassisType": "RackMount",
        "Manufacturer": model.manufacturer,
        "Model": model.model,
        "SKU": model.sku,
        "PartNumber": model.part_number,
        "SerialNumber": spec.serial,
        "AssetTag": bmc.machine.kept("chassis-asset-tag", ""),
        "PowerState": bmc.shown_power,
        "LocationIndicatorActive": bmc.machine.kept("locate", False),
        "HeightMm": round(model.height_u * 44.45, 2),
        "Location": {
            "Placement": {"Rack": spec.rack, "RackOffset": spec.unit, "RackOffsetUnits": "EIA_310"},
            "PartLocation": {"LocationType": "Slot", "ServiceLabel": f"{spec.rack} U{spec.unit}"},
        },
        "Status": ok(),
        **{name: link(f"{CHASSIS}/{name}") for name in _PARTS if not bmc.absent(f"{CHASSIS}/{name}")},
        "Links": {
            "ComputerSystems": [link(SYSTEM)],
            "ManagedBy": [link(MANAGER)],
            "ManagersInChassis": [link(MANAGER)],
            "Storage": links([f"{SYSTEM}/Storage/{name}" for name in storages(bmc)]),
        },
    }


@writes("PATCH", CHASSIS, privilege=COMPONENTS)
def change_chassis(bmc: Bmc, call: Call) -> Answer:
    writable = {"AssetTag": text(64), "LocationIndicatorActive": flag}
    wanted = checked(call.body, writable, readable=set(chassis(bmc)))
    for name, key in (("AssetTag", "chassis-asset-tag"), ("LocationIndicatorActive", "locate")):
        if name in wanted:
            bmc.machine.keep(key, wanted[name], change={"what": key, "to": wanted[name], "by": call.user})
    return Answer(200, bmc.read(CHASSIS))


@reads(f"{CHASSIS}/Assembly")
def assembly(bmc: Bmc) -> Json:
    spec, model = bmc.machine.spec, bmc.machine.model
    boards = [("Main board", "MB"), *[(f"Power supply {i}", f"PSU{i}") for i in range(model.power_supplies)]]
    return {
        "@odata.type": kind("Assembly"),
        "Id": "Assembly",
        "Name": "Assembly",
        "Assemblies": [
            {
                "@odata.id": f"{CHASSIS}/Assembly#/Assemblies/{i}",
                "MemberId": str(i),
                "Name": name,
                "Vendor": model.manufacturer,
                "Model": model.model,
                "PartNumber": f"{model.part_number}-{part}",
                "SerialNumber": part_serial(spec, part),
                "Status": ok(),
            }
            for i, (name, part) in enumerate(boards)
        ],
        "Assemblies@odata.count": len(boards),
    }


@reads(f"{CHASSIS}/TrustedComponents/{{component}}")
def trusted_component(bmc: Bmc, component: str) -> Json:
    if component != "TPM" or bmc.parts.tpm is None:
        raise missing("TrustedComponent", component)
    maker, _, model = bmc.parts.tpm.partition(" ")
    return {
        "@odata.type": kind("TrustedComponent"),
        "Id": "TPM",
        "Name": "Trusted Platform Module",
        "TrustedComponentType": "Discrete",
        "Manufacturer": maker,
        "Model": model,
        "SerialNumber": part_serial(bmc.machine.spec, "TPM"),
        "FirmwareVersion": "15.23",
        "Status": ok(),
    }
