"""What a server's agent says and takes: the hardware as the operating system sees it, tests, images, erasures. Units are in names."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.model import MacAddress, Model, SerialNumber


class SeenProcessors(Model):
    """All sockets together; 0 where it is not known."""

    model: str = ""
    architecture: str = ""
    sockets: int = 0
    cores: int = 0
    threads: int = 0


class WipeMethod(StrEnum):
    """How an operating system can erase a drive; what a drive's own firmware can do is `domain.bmc_work.EraseMethod`."""

    DISCARD = "discard"
    """The drive is told that nothing is needed any more. Samples show whether it reads as zeros then."""
    ZERO = "zero"
    """Zeros over all of it."""


class SmartHealth(Model):
    """What the drive says of its own health; None where it does not say."""

    passed: bool
    temperature_celsius: float | None = None
    power_on_hours: int | None = None
    used_percent: int | None = None
    media_errors: int | None = None


class SeenDrive(Model):
    """`smart` is None for a drive without SMART. `mounted`: it, or a part of it, is in use by the agent's system."""

    node: str
    serial: str = ""
    model: str = ""
    protocol: str = ""
    size_bytes: int
    mounted: bool = False
    erases: tuple[WipeMethod, ...] = ()
    smart: SmartHealth | None = None


class SeenNic(Model):
    """`speed_mbps` is None where there is no link or the driver does not say."""

    name: str
    mac: MacAddress
    link_up: bool
    speed_mbps: int | None = None
    mtu: int = 1500


class SeenNeighbor(Model):
    """Who was heard by LLDP on a NIC."""

    nic: str
    system_name: str = ""
    chassis_id: str = ""
    port_id: str = ""
    port_description: str = ""


class SeenIdentity(Model):
    serial: str = ""
    uuid: str = ""
    manufacturer: str = ""
    model: str = ""


class SeenHardware(Model):
    """One look at the server from inside. `missing` says in words what could not be looked up: it must not be taken for absent."""

    identity: SeenIdentity
    processors: SeenProcessors
    memory_bytes: int
    drives: tuple[SeenDrive, ...] = ()
    nics: tuple[SeenNic, ...] = ()
    neighbors: tuple[SeenNeighbor, ...] = ()
    missing: tuple[str, ...] = ()


class DriveSample(Model):
    offset: int
    zero: bool
    sha256: str


class DriveSamples(Model):
    """Blocks of the raw device, read past the page cache."""

    serial: SerialNumber
    samples: tuple[DriveSample, ...]

    @property
    def left(self) -> tuple[int, ...]:
        """Where something was found, in bytes from the drive's beginning."""
        return tuple(sample.offset for sample in self.samples if not sample.zero)


class DriveMark(Model):
    """Noise in the places of these samples: whatever erases the drive then has something to erase there."""

    key: str
    kind: Literal["mark"] = "mark"
    drive: SerialNumber
    count: int = Field(default=64, gt=1)
    size: int = Field(default=4096, gt=0)
    seed: int = 0


class TestName(StrEnum):
    __test__ = False

    CPU = "cpu"
    MEMORY = "memory"
    DRIVE_READ = "drive-read"
    DRIVE_WRITE = "drive-write"
    """Leaves zeros in the places that it tests."""


class HardwareTest(Model):
    """`key` makes a repeated order one order. `drive`: by serial number, for tests of drives."""

    key: str
    kind: Literal["test"] = "test"
    name: TestName
    seconds: float = Field(default=10.0, gt=0)
    memory_mib: int = Field(default=256, gt=0)
    drive: str = ""


class HardwareTested(Model):
    """`measured`: what the test found, by name and unit."""

    name: TestName
    passed: bool
    measured: dict[str, float] = {}


class PlacedFile(Model):
    """A file of the configuration: where it lies in the root file system, and its mode in octal."""

    path: str = Field(pattern=r"^/")
    content: str
    mode: str = Field(default="0644", pattern=r"^0[0-7]{3}$")


class ImageWrite(Model):
    """`sha256` is of what the URL serves. `packing`: how that is packed. The image is that of a whole drive, or a root file system."""

    key: str
    kind: Literal["write-image"] = "write-image"
    drive: SerialNumber
    url: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    packing: Literal["none", "gzip"] = "none"
    files: tuple[PlacedFile, ...] = ()


class ImageWritten(Model):
    """`sha256` is of the unpacked image, as it was read back from the drive before its configuration was written."""

    serial: SerialNumber
    image_bytes: int
    sha256: str
    files: int


class Wipe(Model):
    """`methods` in order of preference: the first one that the drive offers is used."""

    key: str
    kind: Literal["erase"] = "erase"
    drive: SerialNumber
    methods: tuple[WipeMethod, ...] = (WipeMethod.DISCARD, WipeMethod.ZERO)


class DriveWiped(Model):
    """`samples` blocks of `sample_bytes` were read afterwards, by `seed`, and all were zero."""

    serial: SerialNumber
    method: WipeMethod
    size_bytes: int
    took_s: float
    samples: int
    sample_bytes: int
    seed: int


class AgentJob(Model):
    """An order as the agent has it. `log`: its own words, each with the seconds since the job began."""

    id: str
    state: Literal["running", "done", "failed"]
    percent: int = 0
    step: str = ""
    why: str = ""
    started: float
    ended: float | None = None
    log: tuple[str, ...] = ()
