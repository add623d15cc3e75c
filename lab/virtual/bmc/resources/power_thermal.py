"""Power supplies, fans and temperatures, in the newer subsystems and in the older Power and Thermal resources."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.sensors import fan_count, sensors
from lab.virtual.bmc.routing import collection, missing, reads
from lab.virtual.bmc.tree import CHASSIS
from lab.virtual.hardware import part_serial

POWER, THERMAL = f"{CHASSIS}/PowerSubsystem", f"{CHASSIS}/ThermalSubsystem"


def _supplies(bmc: Bmc) -> list[str]:
    return [f"PSU{i}" for i in range(bmc.machine.model.power_supplies)]


def _fans(bmc: Bmc) -> list[str]:
    return [f"Fan{i}" for i in range(fan_count(bmc))]


collection(f"{POWER}/PowerSupplies", "PowerSupply", "Power Supplies", _supplies)
collection(f"{THERMAL}/Fans", "Fan", "Fans", _fans)


@reads(POWER, volatile=True)
def power_subsystem(bmc: Bmc) -> Json:
    model = bmc.machine.model
    return {
        "@odata.type": kind("PowerSubsystem"),
        "Id": "PowerSubsystem",
        "Name": "Power Subsystem",
        "CapacityWatts": model.power_supply_w * model.power_supplies,
        "Allocation": {"AllocatedWatts": model.power_supply_w * model.power_supplies},
        "PowerSupplies": link(f"{POWER}/PowerSupplies"),
        "Status": ok(),
    }


@reads(f"{POWER}/PowerSupplies/{{supply}}")
def power_supply(bmc: Bmc, supply: str) -> Json:
    if supply not in _supplies(bmc):
        raise missing("PowerSupply", supply)
    model = bmc.machine.model
    return {
        "@odata.type": kind("PowerSupply"),
        "Id": supply,
        "Name": supply,
        "Manufacturer": "Delta",
        "Model": f"PSU-{model.power_supply_w}",
        "SerialNumber": part_serial(bmc.machine.spec, supply),
        "FirmwareVersion": "01.03",
        "PowerSupplyType": "AC",
        "PowerCapacityWatts": model.power_supply_w,
        "LineInputStatus": "Normal",
        "HotPluggable": True,
        "Status": ok(),
    }


@reads(THERMAL)
def thermal_subsystem(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("ThermalSubsystem"),
        "Id": "ThermalSubsystem",
        "Name": "Thermal Subsystem",
        "Fans": link(f"{THERMAL}/Fans"),
        "ThermalMetrics": link(f"{THERMAL}/ThermalMetrics"),
        "Status": ok(),
    }


@reads(f"{THERMAL}/Fans/{{fan}}", volatile=True)
def fan(bmc: Bmc, fan: str) -> Json:
    reading = next((s.reading for s in sensors(bmc) if s.name == fan and fan in _fans(bmc)), None)
    if reading is None:
        raise missing("Fan", fan)
    return {
        "@odata.type": kind("Fan"),
        "Id": fan,
        "Name": fan,
        "PhysicalContext": "Chassis",
        "HotPluggable": True,
        "SpeedPercent": {
            "DataSourceUri": f"{CHASSIS}/Sensors/{fan}",
            "Reading": round(reading / 180, 1),
            "SpeedRPM": reading,
        },
        "Status": ok(),
    }


@reads(f"{THERMAL}/ThermalMetrics", volatile=True)
def thermal_metrics(bmc: Bmc) -> Json:
    readings = [s for s in sensors(bmc) if s.type == "Temperature"]
    by_name = {s.name: s.reading for s in readings}
    return {
        "@odata.type": kind("ThermalMetrics"),
        "Id": "ThermalMetrics",
        "Name": "Thermal Metrics",
        "TemperatureSummaryCelsius": {
            "Intake": {"DataSourceUri": f"{CHASSIS}/Sensors/InletTemp", "Reading": by_name["InletTemp"]},
            "Exhaust": {"DataSourceUri": f"{CHASSIS}/Sensors/ExhaustTemp", "Reading": by_name["ExhaustTemp"]},
        },
        "TemperatureReadingsCelsius": [
            {"DataSourceUri": f"{CHASSIS}/Sensors/{s.name}", "DeviceName": s.name, "Reading": s.reading}
            for s in readings
        ],
    }


@reads(f"{CHASSIS}/Power", volatile=True)
def power(bmc: Bmc) -> Json:
    """The older resource, which many clients still read."""
    model, watts = bmc.machine.model, bmc.machine.power_w
    path = f"{CHASSIS}/Power"
    return {
        "@odata.type": kind("Power"),
        "Id": "Power",
        "Name": "Power",
        "PowerControl": [
            {
                "@odata.id": f"{path}#/PowerControl/0",
                "MemberId": "0",
                "Name": "Chassis Power",
                "PowerConsumedWatts": watts,
                "PowerCapacityWatts": model.power_supply_w * model.power_supplies,
                "Status": ok(),
            }
        ],
        "PowerSupplies": [
            {
                "@odata.id": f"{path}#/PowerSupplies/{i}",
                "MemberId": str(i),
                "Name": name,
                "PowerSupplyType": "AC",
                "PowerCapacityWatts": model.power_supply_w,
                "PowerInputWatts": round(watts / model.power_supplies, 1),
                "SerialNumber": part_serial(bmc.machine.spec, name),
                "Status": ok(),
            }
            for i, name in enumerate(_supplies(bmc))
        ],
    }


@reads(f"{CHASSIS}/Thermal", volatile=True)
def thermal(bmc: Bmc) -> Json:
    path = f"{CHASSIS}/Thermal"
    found = sensors(bmc)
    temperatures = [s for s in found if s.type == "Temperature"]
    fans = [s for s in found if s.type == "Rotational"]
    return {
        "@odata.type": kind("Thermal"),
        "Id": "Thermal",
        "Name": "Thermal",
        "Temperatures": [
            {
                "@odata.id": f"{path}#/Temperatures/{i}",
                "MemberId": str(i),
                "Name": s.name,
                "ReadingCelsius": s.reading,
                "UpperThresholdCritical": s.critical,
                "PhysicalContext": s.context,
                "Status": ok(),
            }
            for i, s in enumerate(temperatures)
        ],
        "Fans": [
            {
                "@odata.id": f"{path}#/Fans/{i}",
                "MemberId": str(i),
                "Name": s.name,
                "Reading": int(s.reading),
                "ReadingUnits": "RPM",
                "Status": ok(),
            }
            for i, s in enumerate(fans)
        ],
    }
