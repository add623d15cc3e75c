"""What a model of hardware consists of, shared by every server or switch of that model (`catalogue.yaml`)."""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.documents import read_documents


class Hardware(BaseModel):
    """Frozen and closed: a typing mistake in a catalogue or site file is an error, never a silently missing part."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plane(StrEnum):
    """What a port or cable is for."""

    EAST_WEST = "east-west"
    NORTH_SOUTH = "north-south"
    STORAGE = "storage"
    OUT_OF_BAND = "out-of-band"
    FRONTHAUL = "fronthaul"
    INFINIBAND = "infiniband"


class CpuModel(Hardware):
    manufacturer: str
    model: str
    architecture: Literal["x86", "ARM"]
    instruction_set: Literal["x86-64", "ARM-A64"]
    cores: int
    threads: int
    max_mhz: int
    tdp_w: int


class GpuModel(Hardware):
    manufacturer: str
    model: str
    part_number: str
    memory_gib: int
    memory_type: str
    tdp_w: int
    pci_device_id: str
    firmware: str


class MemoryModel(Hardware):
    manufacturer: str
    part_number: str
    capacity_gib: int
    type: str
    form: str
    speed_mhz: int


class DriveModel(Hardware):
    manufacturer: str
    model: str
    capacity_gb: int
    firmware: str
    form: str
    protocol: Literal["NVMe", "SATA"] = "NVMe"
    media: Literal["SSD", "HDD"] = "SSD"
    erases: tuple[Literal["CryptographicErase", "BlockErase", "Overwrite"], ...] = ()
    """How it can be erased, in Redfish's words; empty: it has no such command."""


class LldpBehaviour(Hardware):
    """When the firmware of an adapter sends LLDP by itself, without any help of the host's operating system."""

    standby: bool
    running: bool


class AdapterModel(Hardware):
    """A DPU or NIC. `standby_link`: its ports keep their link (and send frames) while the server is off."""

    manufacturer: str
    model: str
    part_number: str
    mode: Literal["dpu", "supernic", "nic"]
    ports: int
    rate_gbps: int
    pci_device_id: str
    firmware: str
    lldp: LldpBehaviour
    standby_link: bool
    tdp_w: int


class Slot(Hardware):
    """An adapter as it is built into a server: its ports are called `{name}-p0`, `{name}-p1` ..."""

    name: str
    model: str
    plane: Plane


class Several(Hardware):
    model: str
    count: int


class ServerModel(Hardware):
    """One server class. `firmware` is what the factory ships; a server in the site file may differ."""

    manufacturer: str
    model: str
    part_number: str
    sku: str
    height_u: int
    cpus: Several
    gpus: Several
    memory: Several
    drives: Several
    adapters: tuple[Slot, ...]
    firmware: dict[str, str]
    tpm: str | None
    secure_boot: bool
    power_supplies: int
    power_supply_w: int
    idle_w: int
    bios: dict[str, str | int | bool]


class PortGroup(Hardware):
    prefix: str = "swp"
    first: int = 1
    count: int
    rate_gbps: int


class SwitchModel(Hardware):
    """A switch. `firmware` is the version of its network operating system."""

    manufacturer: str
    model: str
    part_number: str
    height_u: int
    asic: str
    platform: str
    firmware: str
    ports: tuple[PortGroup, ...]
    management_port: str = "eth0"

    def port_rates(self) -> dict[str, int]:
        """Front-panel port name to its speed in Gbit/s, in the order of the front panel."""
        return {f"{group.prefix}{group.first + i}": group.rate_gbps for group in self.ports for i in range(group.count)}


class Catalogue(Hardware):
    cpus: dict[str, CpuModel]
    gpus: dict[str, GpuModel]
    memory: dict[str, MemoryModel]
    drives: dict[str, DriveModel]
    adapters: dict[str, AdapterModel]
    servers: dict[str, ServerModel]
    switches: dict[str, SwitchModel]


@cache
def shipped() -> Catalogue:
    """The catalogue that comes with the lab; read once."""
    (document,) = read_documents((files("lab.virtual") / "catalogue.yaml").read_text(), source="catalogue.yaml")
    return Catalogue.model_validate(document)
