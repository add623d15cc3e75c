"""The parts inside one server, named and numbered, after what its model, its differences and its faults say."""

import hashlib
import uuid
from dataclasses import dataclass

from lab.virtual.catalogue import AdapterModel, CpuModel, DriveModel, GpuModel, MemoryModel, Plane, ServerModel
from lab.virtual.sitefile import PhysicalPort, Server, Site

_PARTS = uuid.UUID("6f3a4c1e-5d0b-5e0f-9a44-ed6e3719471b")


@dataclass(frozen=True, slots=True)
class Cpu:
    name: str
    model: CpuModel
    serial: str


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    model: GpuModel
    serial: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Dimm:
    name: str
    model: MemoryModel
    serial: str


@dataclass(frozen=True, slots=True)
class Drive:
    name: str
    model: DriveModel
    serial: str
    nguid: str


@dataclass(frozen=True, slots=True)
class Adapter:
    name: str
    model: AdapterModel
    plane: Plane
    serial: str
    ports: tuple[PhysicalPort, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the BMC finds in the chassis now."""

    cpus: tuple[Cpu, ...]
    gpus: tuple[Gpu, ...]
    dimms: tuple[Dimm, ...]
    drives: tuple[Drive, ...]
    adapters: tuple[Adapter, ...]
    firmware: dict[str, str]
    tpm: str | None


def part_serial(server: Server, part: str, digits: int = 12) -> str:
    """A serial number that stays with the part of this server for ever."""
    return hashlib.sha256(f"{server.serial}/{part}".encode()).hexdigest()[:digits].upper()


def part_uuid(server: Server, part: str) -> str:
    return str(uuid.uuid5(_PARTS, f"{server.serial}/{part}"))


def part_names(site: Site, server: Server) -> set[str]:
    """Every part the server's model has, missing ones too."""
    model = site.server_model(server)
    names = {slot.name for slot in model.adapters}
    for prefix, several in _counted(model):
        names |= {f"{prefix}{i}" for i in range(several)}
    return names


def _counted(model: ServerModel) -> list[tuple[str, int]]:
    return [
        ("CPU", model.cpus.count),
        ("GPU", model.gpus.count),
        ("DIMM", model.memory.count),
        ("NVMe", model.drives.count),
    ]


def assemble(site: Site, server: Server, *, missing: frozenset[str], firmware: dict[str, str]) -> Parts:
    """`missing` and `firmware` come on top of the differences in the site file (a fault, an update)."""
    model, catalogue = site.server_model(server), site.catalogue
    gone = missing | set(server.differs.missing)
    cpu, gpu = catalogue.cpus[model.cpus.model], catalogue.gpus[model.gpus.model]
    dimm = catalogue.memory[model.memory.model]
    there = {
        prefix: [f"{prefix}{i}" for i in range(count) if f"{prefix}{i}" not in gone]
        for prefix, count in _counted(model)
    }
    ports = site.server_ports(server)
    adapters = tuple(
        Adapter(
            slot.name,
            catalogue.adapters[slot.model],
            slot.plane,
            part_serial(server, slot.name),
            tuple(port for port in ports if port.slot == slot.name),
        )
        for slot in model.adapters
        if slot.name not in gone
    )
    versions = {name.upper(): version for name, version in model.firmware.items()}
    versions |= dict.fromkeys(there["GPU"], gpu.firmware)
    versions |= {adapter.name: adapter.model.firmware for adapter in adapters}
    drives = {name: catalogue.drives[server.differs.drives.get(name, model.drives.model)] for name in there["NVMe"]}
    versions |= {name: drive.firmware for name, drive in drives.items()}
    changed = {**server.differs.firmware, **firmware}
    has_tpm = model.tpm is not None if server.differs.tpm is None else server.differs.tpm
    return Parts(
        cpus=tuple(Cpu(name, cpu, part_serial(server, name)) for name in there["CPU"]),
        gpus=tuple(Gpu(n, gpu, part_serial(server, n, 13), part_uuid(server, n)) for n in there["GPU"]),
        dimms=tuple(Dimm(name, dimm, part_serial(server, name, 8)) for name in there["DIMM"]),
        drives=tuple(
            Drive(n, drive, f"S64{part_serial(server, n, 11)}", part_serial(server, n + "/nguid", 32))
            for n, drive in drives.items()
        ),
        adapters=adapters,
        firmware={name: changed.get(name, version) for name, version in versions.items()},
        tpm=(model.tpm or "INFINEON SLB9672") if has_tpm else None,
    )
