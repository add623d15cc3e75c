"""What a server is made of, as its BMC reports it. Units are in names; a missing reading is `None`, never zero."""

from datetime import datetime
from enum import StrEnum

from domain.model import MacAddress, Model


class PowerState(StrEnum):
    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"
    UNKNOWN = "Unknown"


class Processor(Model):
    """A CPU socket."""

    slot: str
    model: str
    manufacturer: str = ""
    architecture: str = ""
    cores: int | None = None
    serial: str = ""


class Gpu(Model):
    slot: str
    model: str
    manufacturer: str = ""
    serial: str = ""
    uuid: str = ""
    memory_gib: float | None = None


class MemoryModule(Model):
    slot: str
    size_gib: float
    kind: str = ""
    serial: str = ""
    part_number: str = ""


class Drive(Model):
    slot: str
    model: str
    serial: str = ""
    manufacturer: str = ""
    capacity_gb: float | None = None
    protocol: str = ""
    media: str = ""


class NicPort(Model):
    """One physical port of an adapter; `name` is ours (`dpu0-p1`): adapter slot and port number."""

    name: str
    mac: MacAddress | None = None
    speed_gbps: float | None = None
    link_up: bool | None = None


class NicMode(StrEnum):
    NIC = "nic"
    DPU = "dpu"
    SUPERNIC = "supernic"


class NetworkAdapter(Model):
    """A NIC, SuperNIC or DPU."""

    slot: str
    model: str
    manufacturer: str = ""
    serial: str = ""
    part_number: str = ""
    firmware: str = ""
    mode: NicMode = NicMode.NIC
    ports: tuple[NicPort, ...] = ()


class FirmwareVersion(Model):
    """One entry of the firmware inventory: `component` is the inventory id (`BMC`, `BIOS`, `GPU0`)."""

    component: str
    name: str = ""
    version: str


class TrustedModule(Model):
    kind: str = ""
    enabled: bool = False
    firmware: str = ""


class BmcIdentity(Model):
    """Who answers at a BMC's address. From the service root, which needs no login; `mac` only after one."""

    address: str
    port: int = 443
    uuid: str = ""
    vendor: str = ""
    product: str = ""
    redfish_version: str = ""
    certificate_sha256: str = ""
    mac: MacAddress | None = None


class ServerHardware(Model):
    """Everything onboarding compares and records about one server, read in one session."""

    bmc: BmcIdentity
    serial: str
    manufacturer: str = ""
    model: str = ""
    sku: str = ""
    uuid: str = ""
    asset_tag: str = ""
    power_state: PowerState = PowerState.UNKNOWN
    processors: tuple[Processor, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    memory: tuple[MemoryModule, ...] = ()
    drives: tuple[Drive, ...] = ()
    adapters: tuple[NetworkAdapter, ...] = ()
    firmware: tuple[FirmwareVersion, ...] = ()
    secure_boot: bool | None = None
    trusted_modules: tuple[TrustedModule, ...] = ()
    bios: dict[str, str | int | bool | None] = {}
    power_w: float | None = None
    energy_kwh: float | None = None
    inlet_celsius: float | None = None
    health: str = ""
    missing: tuple[str, ...] = ()
    """Resources that this BMC does not offer or would not give, in words: a comparison must not take them for absent hardware."""
    read_at: datetime | None = None

    @property
    def memory_gib(self) -> float:
        return sum(module.size_gib for module in self.memory)

    @property
    def ports(self) -> tuple[NicPort, ...]:
        return tuple(port for adapter in self.adapters for port in adapter.ports)
