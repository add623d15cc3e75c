"""The records of one device: itself, its type, what is inside it, its ports and its address. Pure.

Parts are modules, not inventory items: NetBox has deprecated the latter since 4.3 and plans to remove them
(netbox-community/netbox#19004, #21943). A part with a serial number of its own (GPU, drive, NIC, DPU) is a module in a bay
named by its slot; processors and memory are counted by kind in `ew_hardware`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from domain.hardware import ServerHardware
from domain.lifecycle import NETBOX_STATUS
from domain.model import Json, MacAddress, Model
from domain.netbox_schema import SERVER_ROLE, TAG, Cf, Observed, switch_role
from domain.quarantine import as_kept
from domain.recording_addresses import OOB_IP, pointers_of_switch, pointers_of_system, with_address
from domain.recording_facts import DeviceFacts, ServerFacts
from domain.recording_site import (
    CF_KEY,
    cf,
    device_type_link,
    device_type_records,
    location_link,
    manufacturer_record,
    rack_link,
    role_link,
    site_link,
    slug_of,
)
from domain.records import Endpoint, Field, Link, Record
from domain.server_class import ServerClass
from domain.site import (
    PORT_OF_BMC,
    CableDeclaration,
    Owner,
    Plane,
    ServerDeclaration,
    SiteDeclaration,
    SwitchDeclaration,
    SystemDeclaration,
)

MANAGEMENT_PORT = "eth0"
"""The management port of a switch, as NVUE calls it."""

STATE_FIELDS = frozenset(
    {"status", *(cf(name) for name in (Cf.LIFECYCLE, Cf.HOLDER, Cf.OPERATION, Cf.QUARANTINE_REASONS))}
)
"""Given to a new server when it is made; of an existing one they are moved singly, by `set_lifecycle`."""

_SERIAL_CHARS = 50
_PART_CHARS = 64

_SPEEDS: tuple[tuple[float, str], ...] = (
    (1, "1000base-t"),
    (10, "10gbase-x-sfpp"),
    (25, "25gbase-x-sfp28"),
    (40, "40gbase-x-qsfpp"),
    (50, "50gbase-x-sfp56"),
    (100, "100gbase-x-qsfp28"),
    (200, "200gbase-x-qsfp56"),
    (400, "400gbase-x-qsfp112"),
    (800, "800gbase-x-osfp"),
)

_INFINIBAND: tuple[tuple[float, str], ...] = (
    (56, "infiniband-fdr"),
    (100, "infiniband-edr"),
    (200, "infiniband-hdr"),
    (400, "infiniband-ndr"),
    (800, "infiniband-xdr"),
)


class Port(Model):
    """One port to record; `plane` is None where no declared cable says it."""

    name: str
    mac: MacAddress | None = None
    speed_gbps: float | None = None
    plane: Plane | None = None
    management: bool = False
    stands_in: frozenset[str] = frozenset()
    """Fields that say what is declared where a reading would know: they make a port and change none."""


def interface_type(plane: Plane | None, speed_gbps: float | None) -> str:
    """NetBox's interface type for a port: `other` where the speed is not known."""
    table = _INFINIBAND if plane is Plane.INFINIBAND else _SPEEDS
    return next((name for speed, name in table if speed == speed_gbps), "other")


def device_key(site: str, device: str) -> str:
    return f"{site}/{device}"


def interface_link(site: str, device: str, port: str) -> Link:
    return Link(endpoint=Endpoint.INTERFACE, key=f"{site}/{device}/{port}")


def planes_of(declaration: SiteDeclaration) -> dict[tuple[str, str], CableDeclaration]:
    """The declared cable at each end: it says the port's plane and speed."""
    return {(end.device, end.port): cable for cable in declaration.cables for end in (cable.a, cable.b)}


# Servers.


def server_records(
    declaration: SiteDeclaration, server: ServerDeclaration, kind: ServerClass, facts: ServerFacts, operation: str
) -> Iterator[Record]:
    """A server that was found, in the state it is to be made with. What its BMC would not tell stays as declared."""
    site, hardware = declaration.name, facts.hardware
    device = Link(endpoint=Endpoint.DEVICE, key=device_key(site, server.name))
    address = facts.address or (hardware.bmc.address if hardware else "") or server.bmc_address or ""
    fields: dict[str, Field] = {
        "name": server.name,
        "site": site_link(site),
        "location": location_link(site),
        "rack": rack_link(site, server.rack),
        "position": server.unit,
        "face": "front",
        "role": role_link(SERVER_ROLE),
        "device_type": device_type_link(kind.manufacturer, kind.model),
        "status": NETBOX_STATUS[facts.lifecycle],
        "tags": [TAG.slug],
        CF_KEY: device.key,
        cf(Cf.LIFECYCLE): facts.lifecycle,
        cf(Cf.OPERATION): operation,
        cf(Cf.QUARANTINE_REASONS): as_kept(facts.reasons, judged=True),
        cf(Cf.OBSERVED): Observed.OBSERVED if hardware else Observed.DECLARED,
        cf(Cf.OWNER): Owner.OURS,
        cf(Cf.CLASS): server.server_class,
        cf(Cf.DRIVER): "redfish",
        cf(Cf.ATTESTATION): server.factory_new.model_dump(mode="json") if server.factory_new else None,
    }
    if serial := (hardware.serial if hardware else "") or server.serial:
        fields["serial"] = serial[:_SERIAL_CHARS]
    if hardware is not None:
        fields[cf(Cf.HARDWARE)] = summary(hardware)
        fields[cf(Cf.FIRMWARE)] = {entry.component: entry.version for entry in hardware.firmware}
    record = Record(
        endpoint=Endpoint.DEVICE,
        key=device.key,
        fields=fields,
        create_only=STATE_FIELDS | _unless_read(hardware),
    )
    # What the host itself will be managed at is known when it is provisioned.
    yield from with_address(declaration, record, PORT_OF_BMC, address, (OOB_IP,))
    if hardware is not None:
        yield from part_records(device, hardware)
    yield from _interfaces(device, _server_ports(declaration, server, kind, hardware))


def server_type_records(kind: ServerClass, hardware: Iterable[ServerHardware]) -> Iterator[Record]:
    """The class as a device type. It has a bay for each slot seen, so that making a server makes its bays: half the cost
    of making them one by one. A server with more slots gets those of its own."""
    yield from device_type_records(kind.manufacturer, kind.model, kind.height_u)
    link = device_type_link(kind.manufacturer, kind.model)
    slots = sorted({slot for seen in hardware for slot, _, _, _ in parts(seen)})
    for slot in slots:
        yield Record(
            endpoint=Endpoint.MODULE_BAY_TEMPLATE,
            key=f"{link.key}/{slot}",
            fields={"device_type": link, "name": slot},
        )


def _server_ports(
    declaration: SiteDeclaration, server: ServerDeclaration, kind: ServerClass, hardware: ServerHardware | None
) -> Iterator[Port]:
    cables = planes_of(declaration)
    seen = {port.name: port for port in hardware.ports} if hardware else {}
    bmc = cables.get((server.name, PORT_OF_BMC))
    read = hardware.bmc.mac if hardware else None
    yield Port(
        name=PORT_OF_BMC,
        mac=read or server.bmc_mac,
        speed_gbps=(bmc.speed_gbps if bmc else None) or 1,
        plane=Plane.OUT_OF_BAND,
        management=True,
        stands_in=_stand_ins(mac=read is None),
    )
    for name in dict.fromkeys((*seen, *kind.ports())):
        cable, port = cables.get((server.name, name)), seen.get(name)
        if port is None and cable is None and hardware is not None:
            continue  # the class has the port, this machine does not: comparing says so, recording must not invent it
        declared = cable.speed_gbps if cable else None
        yield Port(
            name=name,
            mac=port.mac if port else None,
            # The speed of the port, not of today's link: a link that trains down is no change of the inventory.
            speed_gbps=declared or (port.speed_gbps if port else None),
            plane=cable.plane if cable else None,
            stands_in=_stand_ins(
                mac=port is None or port.mac is None,
                type=declared is None and (port is None or port.speed_gbps is None),
            ),
        )


def parts(hardware: ServerHardware) -> Iterator[tuple[str, str, str, str]]:
    """Slot, manufacturer, model and serial of each part that is recorded individually."""
    for gpu in hardware.gpus:
        yield gpu.slot, gpu.manufacturer or "NVIDIA", gpu.model or "GPU", gpu.serial or gpu.uuid
    for drive in hardware.drives:
        yield drive.slot, drive.manufacturer or "generic", drive.model or "drive", drive.serial
    for adapter in hardware.adapters:
        yield adapter.slot, adapter.manufacturer or "generic", adapter.model or "adapter", adapter.serial


def part_records(device: Link, hardware: ServerHardware) -> Iterator[Record]:
    """For each part its bay, its module type (shared by all sites) and the module."""
    for slot, maker, model, serial in parts(hardware):
        bay = Link(endpoint=Endpoint.MODULE_BAY, key=f"{device.key}/{slot}")
        kind = Link(endpoint=Endpoint.MODULE_TYPE, key=f"{slug_of(maker)}/{model}")
        yield manufacturer_record(maker)
        yield Record(
            endpoint=Endpoint.MODULE_TYPE,
            key=kind.key,
            fields={"manufacturer": Link(endpoint=Endpoint.MANUFACTURER, key=slug_of(maker)), "model": model},
        )
        yield Record(endpoint=Endpoint.MODULE_BAY, key=bay.key, fields={"device": device, "name": slot[:_PART_CHARS]})
        yield Record(
            endpoint=Endpoint.MODULE,
            key=bay.key,
            fields={
                "device": device,
                "module_bay": bay,
                "module_type": kind,
                "serial": serial[:_SERIAL_CHARS],
                "status": "active",
            },
        )


def summary(hardware: ServerHardware) -> dict[str, Json]:
    """What is not recorded part by part, and says what the machine is. No readings: they change while nothing changed."""
    processors = Counter((cpu.manufacturer, cpu.model, cpu.cores) for cpu in hardware.processors)
    memory = Counter((module.kind, module.size_gib) for module in hardware.memory)
    gpus = Counter((gpu.model, gpu.memory_gib) for gpu in hardware.gpus)
    return {
        "manufacturer": hardware.manufacturer,
        "model": hardware.model,
        "sku": hardware.sku,
        "uuid": hardware.uuid,
        "processors": [
            {"manufacturer": maker, "model": model, "cores": cores, "count": count}
            for (maker, model, cores), count in sorted(processors.items(), key=str)
        ],
        "memory_gib": hardware.memory_gib,
        "memory": [
            {"kind": kind, "size_gib": size, "count": count} for (kind, size), count in sorted(memory.items(), key=str)
        ],
        "gpus": [
            {"model": model, "memory_gib": size, "count": count}
            for (model, size), count in sorted(gpus.items(), key=str)
        ],
        "drives_gb": sum(drive.capacity_gb or 0 for drive in hardware.drives),
        "secure_boot": hardware.secure_boot,
        "tpm": [{"kind": tpm.kind, "enabled": tpm.enabled} for tpm in hardware.trusted_modules],
        "bmc": {"vendor": hardware.bmc.vendor, "product": hardware.bmc.product, "uuid": hardware.bmc.uuid},
        "missing": list(hardware.missing),
    }


# Switches and the site's other systems.


def switch_records(
    declaration: SiteDeclaration, switch: SwitchDeclaration, facts: DeviceFacts | None
) -> Iterator[Record]:
    site = declaration.name
    device = Link(endpoint=Endpoint.DEVICE, key=device_key(site, switch.name))
    yield from device_type_records(switch.manufacturer, switch.model, switch.height_u)
    yield from _port_templates(device_type_link(switch.manufacturer, switch.model), facts)
    fields: dict[str, Field] = {
        "name": switch.name,
        "site": site_link(site),
        "location": location_link(site),
        "rack": rack_link(site, switch.rack),
        "position": switch.unit,
        "face": "front",
        "role": role_link(switch_role(switch.role)),
        "device_type": device_type_link(switch.manufacturer, switch.model),
        "status": "active",
        "tags": [TAG.slug],
        CF_KEY: device.key,
        cf(Cf.OWNER): Owner.OURS,
        cf(Cf.DRIVER): "nvue",
        cf(Cf.PLANE): switch.plane,
        cf(Cf.ASN): switch.asn,
        **_seen(facts, switch.serial),
    }
    record = Record(endpoint=Endpoint.DEVICE, key=device.key, fields=fields, create_only=_unless_read(facts))
    yield from with_address(declaration, record, MANAGEMENT_PORT, switch.address, pointers_of_switch(switch))
    yield from _interfaces(device, _device_ports(declaration, switch.name, MANAGEMENT_PORT, facts))


def _port_templates(link: Link, facts: DeviceFacts | None) -> Iterator[Record]:
    """A switch has many ports that no cable of ours says anything about: a type that lists them makes them with the
    device, at half the cost. Ports with a plane are written a second time, which is why servers have no templates."""
    for port in facts.ports if facts else ():
        yield Record(
            endpoint=Endpoint.INTERFACE_TEMPLATE,
            key=f"{link.key}/{port.name}",
            fields={
                "device_type": link,
                "name": port.name,
                "type": interface_type(None, port.speed_gbps),
                "mgmt_only": port.name == MANAGEMENT_PORT,
            },
        )


def system_records(
    declaration: SiteDeclaration, system: SystemDeclaration, facts: DeviceFacts | None
) -> Iterator[Record]:
    """A storage system, gateway, clock and so on. In a rack if it was declared there, else just at the site."""
    site = declaration.name
    device = Link(endpoint=Endpoint.DEVICE, key=device_key(site, system.name))
    model = system.model or str(system.kind)
    racked = system.rack is not None and system.unit is not None
    yield from device_type_records(system.manufacturer, model, 1 if racked else 0)
    fields: dict[str, Field] = {
        "name": system.name,
        "site": site_link(site),
        "location": location_link(site),
        "rack": rack_link(site, system.rack) if system.rack else None,
        "position": system.unit if racked else None,
        "face": "front" if racked else None,
        "role": role_link(system.kind),
        "device_type": device_type_link(system.manufacturer, model),
        "status": "active",
        "tags": [TAG.slug],
        CF_KEY: device.key,
        cf(Cf.OWNER): system.owner,
        cf(Cf.DRIVER): system.driver,
        **_seen(facts, system.serial),
    }
    ports = list(_device_ports(declaration, system.name, MANAGEMENT_PORT, facts, system.ports))
    if system.address is not None and all(port.name != MANAGEMENT_PORT for port in ports):
        ports.insert(0, Port(name=MANAGEMENT_PORT, management=True))
    # One that has a driver and is silent tonight was observed all the same if it ever was: a finding says that it is silent.
    unread = _unless_read(facts or system.driver is None)
    record = Record(endpoint=Endpoint.DEVICE, key=device.key, fields=fields, create_only=unread)
    pointers = pointers_of_system(declaration, system)
    yield from with_address(declaration, record, MANAGEMENT_PORT, system.address or "", pointers)
    yield from _interfaces(device, ports)


def _seen(facts: DeviceFacts | None, declared_serial: str | None) -> dict[str, Field]:
    """What was read before stands where nobody could look this time, a serial that the declaration does not name too."""
    fields: dict[str, Field] = {cf(Cf.OBSERVED): Observed.OBSERVED if facts else Observed.DECLARED}
    if serial := (facts.serial if facts else "") or declared_serial:
        fields["serial"] = serial[:_SERIAL_CHARS]
    if facts is not None:
        fields[cf(Cf.FIRMWARE)] = dict(facts.firmware)
        fields[cf(Cf.HARDWARE)] = dict(facts.summary)
    return fields


def _device_ports(
    declaration: SiteDeclaration,
    device: str,
    management: str,
    facts: DeviceFacts | None,
    declared: tuple[str, ...] = (),
) -> Iterator[Port]:
    """Ports that were seen, declared or cabled; the management port in any case if the device is reached by it."""
    cables = {port: cable for (name, port), cable in planes_of(declaration).items() if name == device}
    seen = {port.name: port for port in facts.ports} if facts else {}
    always = (management,) if any(switch.name == device for switch in declaration.switches) else ()
    for name in dict.fromkeys((*always, *seen, *declared, *cables)):
        cable, port = cables.get(name), seen.get(name)
        read = port.speed_gbps if port else None
        yield Port(
            name=name,
            mac=port.mac if port else None,
            speed_gbps=read or (cable.speed_gbps if cable else None),
            plane=Plane.OUT_OF_BAND if name == management else (cable.plane if cable else None),
            management=name == management,
            stands_in=_stand_ins(mac=port is None or port.mac is None, type=read is None),
        )


# What all devices have.


def _unless_read(read: object) -> frozenset[str]:
    """What only a reading knows: where nobody read, it is said of a new device and left alone on one that is known."""
    return frozenset[str]() if read else frozenset({cf(Cf.OBSERVED)})


def _stand_ins(*, mac: bool = False, type: bool = False) -> frozenset[str]:
    return frozenset(name for name, so in (("mac_address", mac), ("type", type)) if so)


def _interfaces(device: Link, ports: Iterable[Port]) -> Iterator[Record]:
    for port in ports:
        yield Record(
            endpoint=Endpoint.INTERFACE,
            key=f"{device.key}/{port.name}",
            fields={
                "device": device,
                "name": port.name,
                "type": interface_type(port.plane, port.speed_gbps),
                "mgmt_only": port.management,
                "mac_address": port.mac,
                # A port that nobody declares a cable for any more keeps its plane: the cable is still recorded, and shown.
                **({cf(Cf.PLANE): port.plane} if port.plane else {}),
            },
            create_only=port.stands_in,
        )
