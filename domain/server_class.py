"""Server classes: what every server of a kind must have inside, and what its firmware and settings must be at least."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from domain.hardware import NicMode
from domain.model import Declared, Name
from domain.site import Label, Title


class Requirement(StrEnum):
    """What a deviation means for the server: it stops it, or it is only reported."""

    REQUIRED = "required"
    REPORTED = "reported"


class ProcessorNeed(Declared):
    count: StrictInt = Field(ge=1, le=8)
    model: Title = ""
    """Part of the model name that must appear, such as `Grace` or `Xeon`; empty accepts any."""
    architecture: Literal["", "x86", "ARM"] = ""


class GpuNeed(Declared):
    count: StrictInt = Field(ge=0, le=16)
    model: Title = ""
    memory_gib: StrictFloat | None = Field(default=None, gt=0, le=1e6)


class MemoryNeed(Declared):
    at_least_gib: StrictFloat = Field(gt=0, le=1e9)
    modules: StrictInt | None = Field(default=None, ge=1, le=256)


class DriveNeed(Declared):
    count: StrictInt = Field(ge=0, le=128)
    at_least_gb: StrictFloat = Field(gt=0, le=1e9)
    protocol: Literal["", "NVMe", "SATA", "SAS"] = ""


type Slot = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,35}$")]
"""So that the names of its ports (`dpu0-p0`) are names of ports."""


class AdapterNeed(Declared):
    """Adapters of one model: `slots` are the names that ports are declared by (`dpu0` → `dpu0-p0`)."""

    slots: tuple[Slot, ...] = Field(min_length=1)
    model: Title = ""
    mode: NicMode = NicMode.NIC
    ports: StrictInt = Field(ge=1, le=8)
    sends_lldp: StrictBool = False
    """Whether the adapter's own firmware or operating system speaks LLDP while the host is off."""


class FirmwareNeed(Declared):
    """A component of the firmware inventory must have this version, or a later one if `or_later`."""

    component: Label
    version: Label
    or_later: StrictBool = True


class ServerClass(Declared):
    kind: Literal["ServerClass"] = "ServerClass"
    name: Name
    title: Title = ""
    manufacturer: Label
    model: Label
    """The device type in NetBox, and part of the model the BMC must report."""
    height_u: StrictInt = Field(default=1, ge=1, le=48)
    processors: ProcessorNeed
    gpus: GpuNeed
    memory: MemoryNeed
    drives: tuple[DriveNeed, ...] = ()
    adapters: tuple[AdapterNeed, ...] = ()
    secure_boot: StrictBool | None = None
    """True: must be on. None: either."""
    tpm: Label | None = None
    """The module that must be present and enabled, such as `TPM2_0`."""
    firmware: tuple[FirmwareNeed, ...] = ()
    firmware_deviation: Requirement = Requirement.REPORTED
    unverified_cabling: Requirement = Requirement.REPORTED
    """What a cable means for the server that neither side can confirm."""

    @model_validator(mode="after")
    def _slots_are_unique(self) -> Self:
        slots = [slot for adapter in self.adapters for slot in adapter.slots]
        if len(slots) != len(set(slots)):
            raise ValueError("an adapter slot is listed twice: each slot belongs to one adapter")
        return self

    def ports(self) -> tuple[str, ...]:
        """The names of all data ports, in slot order."""
        return tuple(
            f"{slot}-p{n}" for adapter in self.adapters for slot in adapter.slots for n in range(adapter.ports)
        )

    def adapter_of(self, port: str) -> AdapterNeed | None:
        """The adapter that a port name belongs to."""
        slot = port.rsplit("-p", 1)[0]
        return next((adapter for adapter in self.adapters if slot in adapter.slots), None)
