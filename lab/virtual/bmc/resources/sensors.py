"""Sensors: readings follow power and load, and wander a little with time."""

import math
from typing import NamedTuple

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import chosen, collection, reads
from lab.virtual.bmc.tree import CHASSIS


class Sensor(NamedTuple):
    name: str
    type: str
    units: str
    reading: float
    context: str
    critical: float | None = None


def sensors(bmc: Bmc) -> list[Sensor]:
    """Every sensor of the chassis with its reading now."""
    machine = bmc.machine
    on = machine.power.state == "On"
    load, now = machine.load, machine.clock.time()
    wander = math.sin(now / 40 + len(machine.name))
    inlet = 23.0 + 0.6 * wander

    def warm(most: float) -> float:
        return round(inlet + (most * (0.25 + 0.75 * load) if on else 2.0) + 0.4 * wander, 1)

    fans = 14000 if load > 0.6 else 9200
    found = [
        Sensor("InletTemp", "Temperature", "Cel", round(inlet, 1), "Intake", 45),
        Sensor("ExhaustTemp", "Temperature", "Cel", warm(22), "Exhaust", 75),
        Sensor("TotalPower", "Power", "W", machine.power_w, "Chassis"),
        Sensor("TotalEnergy", "EnergykWh", "kW.h", round(machine.energy_kwh, 6), "Chassis"),
    ]
    for cpu in machine.parts.cpus:
        found.append(Sensor(f"{cpu.name}Temp", "Temperature", "Cel", warm(48), "CPU", 95))
    for gpu in machine.parts.gpus:
        watts = round(gpu.model.tdp_w * (0.12 + 0.8 * load), 1) if on else 0.0
        found.append(Sensor(f"{gpu.name}Temp", "Temperature", "Cel", warm(45), "GPU", 90))
        found.append(Sensor(f"{gpu.name}Power", "Power", "W", watts, "GPU"))
    for i in range(fan_count(bmc)):
        speed = fans + round(60 * math.sin(now / 15 + i)) if on else 0
        found.append(Sensor(f"Fan{i}", "Rotational", "{rev}/min", speed, "Fan"))
    for i in range(machine.model.power_supplies):
        share = round(machine.power_w / machine.model.power_supplies, 1)
        found.append(Sensor(f"PSU{i}InputPower", "Power", "W", share, "PowerSupply"))
    return found


def fan_count(bmc: Bmc) -> int:
    return 4 + 2 * bmc.machine.model.height_u


collection(f"{CHASSIS}/Sensors", "Sensor", "Sensors", lambda bmc: [sensor.name for sensor in sensors(bmc)])


@reads(f"{CHASSIS}/Sensors/{{sensor}}", volatile=True)
def sensor(bmc: Bmc, sensor: str) -> Json:
    found: Sensor = chosen(sensors(bmc), "Sensor", sensor)
    answer: Json = {
        "@odata.type": kind("Sensor"),
        "Id": found.name,
        "Name": found.name,
        "ReadingType": found.type,
        "ReadingUnits": found.units,
        "Reading": found.reading,
        "PhysicalContext": found.context,
        "Status": ok(),
    }
    if found.critical is not None:
        answer["Thresholds"] = {"UpperCritical": {"Reading": found.critical}}
    return answer


@reads(f"{CHASSIS}/EnvironmentMetrics", volatile=True)
def environment_metrics(bmc: Bmc) -> Json:
    """Power drawn now and energy since the lab first opened the site."""
    by_name = {item.name: item for item in sensors(bmc)}

    def excerpt(name: str) -> Json:
        return {"DataSourceUri": f"{CHASSIS}/Sensors/{name}", "Reading": by_name[name].reading}

    return {
        "@odata.type": kind("EnvironmentMetrics"),
        "Id": "EnvironmentMetrics",
        "Name": "Environment Metrics",
        "PowerWatts": excerpt("TotalPower"),
        "EnergykWh": excerpt("TotalEnergy"),
        "TemperatureCelsius": excerpt("InletTemp"),
        "FanSpeedsPercent": [
            {
                "DataSourceUri": f"{CHASSIS}/Sensors/Fan{i}",
                "DeviceName": f"Fan{i}",
                "SpeedRPM": by_name[f"Fan{i}"].reading,
                "Reading": round(by_name[f"Fan{i}"].reading / 180, 1),
            }
            for i in range(fan_count(bmc))
        ],
    }


def sensor_link(name: str) -> Json:
    return link(f"{CHASSIS}/Sensors/{name}")
