"""What a server is made of: read by following links, with as few requests as the BMC allows, and honest about gaps."""

from collections.abc import Callable
from datetime import UTC, datetime

from clients.redfish.adapters import mac_of, read_adapters
from clients.redfish.bios import attributes_of
from clients.redfish.power import power_state_of
from clients.redfish.quirks import Quirks
from clients.redfish.resource import Reader, Resource
from clients.redfish.wire import Wire
from domain.bmc import BmcRefused, BmcTroubled, Nameplate
from domain.hardware import (
    BmcIdentity,
    Drive,
    FirmwareVersion,
    Gpu,
    MemoryModule,
    Processor,
    ServerHardware,
    TrustedModule,
)
from domain.site import natural_order

_SYSTEM_LEVELS = 2
"""The systems and what hangs directly below: BIOS, secure boot. Deeper would also fetch every log entry."""

_CHASSIS_LEVELS = 2
_UPDATE_LEVELS = 2
_STORAGE_LEVELS = 2
_MANAGER_LEVELS = 3


class HardwareReader:
    """Reads one server in one session. Every part that cannot be read is named in `missing`; nothing is guessed."""

    def __init__(
        self,
        wire: Wire,
        reader: Reader,
        root: Resource,
        identity: BmcIdentity,
        quirks: Quirks,
        missing: list[str],
    ) -> None:
        """`missing` is added to: the reader's owner notes single resources in it too."""
        self._wire, self._reader, self._root, self._identity, self._quirks = wire, reader, root, identity, quirks
        self.missing = missing

    def read(self) -> ServerHardware:
        """Raises `BmcResourceMissing` if there is no system at all: without one nothing else makes sense."""
        systems = read_systems(self._reader, self._root)
        system = main_system(systems)
        chassis = self._part("chassis", self._root.inner("Chassis"), self._chassis) or ()
        processors, gpus = self._part(
            "processors", system.inner("Processors"), lambda _: self._processors(systems)
        ) or (
            (),
            (),
        )
        secure_boot = self._part("secure boot", system.inner("SecureBoot"), self._secure_boot)
        bios = self._part("bios", system.inner("Bios"), self._reader.follow) or Resource(None)
        return ServerHardware(
            bmc=self._identity.model_copy(
                update={"mac": self._part("bmc network", self._root.inner("Managers"), self._bmc_mac)}
            ),
            serial=serial_of(system, chassis),
            manufacturer=system.text("Manufacturer"),
            model=system.text("Model"),
            sku=system.text("SKU"),
            uuid=system.text("UUID").lower(),
            asset_tag=system.text("AssetTag"),
            power_state=power_state_of(system),
            processors=processors,
            gpus=gpus,
            memory=self._part("memory", system.inner("Memory"), self._memory) or (),
            drives=self._part("drives", system.inner("Storage"), self._drives) or (),
            adapters=self._part(
                "network adapters",
                next((one.inner("NetworkAdapters") for one in chassis if one.has("NetworkAdapters")), Resource(None)),
                lambda _: read_adapters(self._reader, chassis),
            )
            or (),
            firmware=self._part("firmware", self._root.inner("UpdateService"), self._firmware) or (),
            secure_boot=secure_boot,
            trusted_modules=self._trusted_modules(system),
            bios=attributes_of(bios),
            **self._environment(chassis),
            health=system.text("Status/HealthRollup") or system.text("Status/Health"),
            missing=tuple(self.missing),
            read_at=datetime.now(UTC),
        )

    def _part[T](self, name: str, link: Resource, read: Callable[[Resource], T]) -> T | None:
        """One part of the whole. What the BMC does not offer, or fails at, is named; what it is too busy for is raised."""
        if not link:
            self.missing.append(f"{name}: not offered by this BMC")
            return None
        try:
            return read(link)
        except BmcRefused as error:
            said = f" [{error.message_id}]" if error.message_id else ""
            self.missing.append(f"{name}: refused with {error.status}{said}")
        except BmcTroubled:
            self.missing.append(f"{name}: the BMC failed at it")
        return None

    def _chassis(self, link: Resource) -> tuple[Resource, ...]:
        return self._reader.members(link, levels=_CHASSIS_LEVELS)

    def _processors(self, systems: tuple[Resource, ...]) -> tuple[tuple[Processor, ...], tuple[Gpu, ...]]:
        """Of all systems: on HGX and Grace boards the GPUs stand under a system of their own."""
        found = [p for system in systems for p in self._reader.members(system.inner("Processors"))]
        found.sort(key=lambda p: natural_order(p.text("Id")))
        cpus = tuple(_processor(p) for p in found if p.text("ProcessorType") in ("CPU", ""))
        gpus = tuple(_gpu(p) for p in found if p.text("ProcessorType") == "GPU")
        return cpus, gpus

    def _memory(self, link: Resource) -> tuple[MemoryModule, ...]:
        modules = sorted(self._reader.members(link), key=lambda module: natural_order(module.text("Id")))
        # The GPUs' own memory is listed here by some; it is counted with the GPU.
        return tuple(_module(m) for m in modules if m.number("CapacityMiB") and "HBM" not in m.text("MemoryDeviceType"))

    def _drives(self, link: Resource) -> tuple[Drive, ...]:
        storages = self._reader.members(link, levels=_STORAGE_LEVELS)
        drives = [drive for storage in storages for drive in self._reader.each(storage.each("Drives"))]
        # A drive on two paths is listed by both controllers.
        unique = {drive.path or drive.text("SerialNumber"): drive for drive in drives}
        return tuple(_drive(drive) for drive in sorted(unique.values(), key=lambda d: natural_order(d.text("Id"))))

    def _firmware(self, link: Resource) -> tuple[FirmwareVersion, ...]:
        usual_s = self._wire.patience_s
        self._wire.patience_s = max(usual_s, self._quirks.inventory_busy_s)
        try:
            service = self._reader.follow(link, levels=_UPDATE_LEVELS)
            inventory = self._reader.members(service.inner("FirmwareInventory"))
        finally:
            self._wire.patience_s = usual_s
        return tuple(
            FirmwareVersion(component=item.text("Id"), name=item.text("Name"), version=item.text("Version"))
            for item in sorted(inventory, key=lambda item: natural_order(item.text("Id")))
            if item.text("Version")
        )

    def _secure_boot(self, link: Resource) -> bool | None:
        state = self._reader.follow(link)
        current = state.text("SecureBootCurrentBoot")
        return current == "Enabled" if current else state.flag("SecureBootEnable")

    def _trusted_modules(self, system: Resource) -> tuple[TrustedModule, ...]:
        if not system.has("TrustedModules"):
            self.missing.append("trusted modules: not offered by this BMC")
        return tuple(
            TrustedModule(
                kind=module.text("InterfaceType"),
                enabled=module.text("Status/State") == "Enabled",
                firmware=module.text("FirmwareVersion"),
            )
            for module in system.each("TrustedModules")
            if module.text("Status/State") != "Absent"
        )

    def _bmc_mac(self, link: Resource) -> str | None:
        return bmc_mac(self._reader, link, self._identity.address)

    def _environment(self, chassis: tuple[Resource, ...]) -> dict[str, float | None]:
        """Power, energy and inlet temperature; from the newer resources, or the older `Power` and `Thermal`."""
        metrics = self._first(chassis, "EnvironmentMetrics")
        power_w = metrics.number("PowerWatts/Reading")
        inlet = metrics.number("TemperatureCelsius/Reading")
        if power_w is None:
            control = next(iter(self._first(chassis, "Power").each("PowerControl")), Resource(None))
            power_w = control.number("PowerConsumedWatts")
        if inlet is None:
            inlet = self._intake(chassis)
        if power_w is None:
            self.missing.append("power reading: not offered by this BMC")
        return {"power_w": power_w, "energy_kwh": metrics.number("EnergykWh/Reading"), "inlet_celsius": inlet}

    def _first(self, chassis: tuple[Resource, ...], name: str) -> Resource:
        for one in chassis:
            if one.has(name):
                try:
                    return self._reader.follow(one.inner(name))
                except (BmcRefused, BmcTroubled):
                    continue
        return Resource(None)

    def _intake(self, chassis: tuple[Resource, ...]) -> float | None:
        for sensor in self._first(chassis, "Thermal").each("Temperatures"):
            if (
                sensor.text("PhysicalContext") in ("Intake", "SystemBoard/Intake")
                or "inlet" in sensor.text("Name").lower()
            ):
                return sensor.number("ReadingCelsius")
        return None


def read_systems(reader: Reader, root: Resource) -> tuple[Resource, ...]:
    return reader.members(root.inner("Systems"), levels=_SYSTEM_LEVELS)


def main_system(systems: tuple[Resource, ...]) -> Resource:
    """The one that is the host: it boots and has a serial number. Raises `BmcTroubled` if none is listed."""
    if not systems:
        raise BmcTroubled("The BMC lists no system: it may still be starting.")
    physical = [s for s in systems if s.text("SystemType") in ("Physical", "")] or list(systems)
    return max(physical, key=lambda s: (s.has("Boot"), bool(s.text("SerialNumber")), s.has("Bios")))


def serial_of(system: Resource, chassis: tuple[Resource, ...]) -> str:
    """The system's, or that of the chassis it stands in: some BMCs fill in only one of the two."""
    if serial := system.text("SerialNumber"):
        return serial
    own = {link.path for link in system.inner("Links").each("Chassis")}
    ordered = sorted(chassis, key=lambda one: one.path not in own)
    return next((serial for one in ordered if (serial := one.text("SerialNumber"))), "")


def bmc_mac(reader: Reader, managers: Resource, address: str) -> str | None:
    """The MAC of the BMC's interface that has our address; else of the first that has one."""
    fallback: str | None = None
    for manager in reader.members(managers, levels=_MANAGER_LEVELS):
        for interface in reader.members(manager.inner("EthernetInterfaces")):
            mac = mac_of(interface.text("PermanentMACAddress")) or mac_of(interface.text("MACAddress"))
            shown = (*interface.each("IPv4Addresses"), *interface.each("IPv6Addresses"))
            if mac and any(item.text("Address") == address for item in shown):
                return mac
            fallback = fallback or mac
    return fallback


def read_nameplate(reader: Reader, root: Resource, identity: BmcIdentity) -> Nameplate:
    """Serial number and MAC only."""
    system = main_system(read_systems(reader, root))
    chassis = () if system.text("SerialNumber") else reader.members(root.inner("Chassis"))
    mac = bmc_mac(reader, root.inner("Managers"), identity.address)
    return Nameplate(
        bmc=identity.model_copy(update={"mac": mac}),
        serial=serial_of(system, chassis),
        manufacturer=system.text("Manufacturer"),
        model=system.text("Model"),
        mac=mac,
    )


def _processor(p: Resource) -> Processor:
    return Processor(
        slot=p.text("Id"),
        model=p.text("Model"),
        manufacturer=p.text("Manufacturer"),
        architecture=p.text("ProcessorArchitecture"),
        cores=p.whole("TotalCores"),
        serial=p.text("SerialNumber"),
    )


def _gpu(p: Resource) -> Gpu:
    # MemorySummary came with Redfish 2020.4; before that the memory is a list, which may hold caches too.
    mib = p.number("MemorySummary/TotalMemorySizeMiB")
    if mib is None:
        parts = [size for item in p.each("ProcessorMemory") if (size := item.number("CapacityMiB"))]
        mib = max(parts) if parts else None
    return Gpu(
        slot=p.text("Id"),
        model=p.text("Model"),
        manufacturer=p.text("Manufacturer"),
        serial=p.text("SerialNumber"),
        uuid=p.text("UUID").lower(),
        memory_gib=mib / 1024 if mib is not None else None,
    )


def _module(m: Resource) -> MemoryModule:
    return MemoryModule(
        slot=m.text("Id"),
        size_gib=(m.number("CapacityMiB") or 0) / 1024,
        kind=m.text("MemoryDeviceType"),
        serial=m.text("SerialNumber"),
        part_number=m.text("PartNumber"),
    )


def _drive(d: Resource) -> Drive:
    size = d.number("CapacityBytes")
    return Drive(
        slot=d.text("Id"),
        model=d.text("Model"),
        serial=d.text("SerialNumber"),
        manufacturer=d.text("Manufacturer"),
        capacity_gb=size / 1e9 if size is not None else None,
        protocol=d.text("Protocol"),
        media=d.text("MediaType"),
    )
