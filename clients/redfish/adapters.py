"""Network adapters: their ports by our names, their MACs, and whether they run as NIC, SuperNIC or DPU."""

import re

from clients.redfish.resource import Reader, Resource
from domain.hardware import NetworkAdapter, NicMode, NicPort
from domain.site import natural_order

_MAC = re.compile(r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
_ADAPTER_LEVELS = 3
"""Adapters, their collections of ports and functions, and the members of those: one request where the BMC expands."""


def read_adapters(reader: Reader, chassis: tuple[Resource, ...]) -> tuple[NetworkAdapter, ...]:
    """The adapters of every chassis, in the order of their slots."""
    found = [
        _adapter(reader, adapter)
        for one in chassis
        for adapter in reader.members(one.inner("NetworkAdapters"), levels=_ADAPTER_LEVELS)
    ]
    return tuple(sorted(found, key=lambda adapter: natural_order(adapter.slot)))


def _adapter(reader: Reader, adapter: Resource) -> NetworkAdapter:
    slot = slot_name(adapter.text("Id"))
    controller = next(iter(adapter.each("Controllers")), Resource(None))
    return NetworkAdapter(
        slot=slot,
        model=adapter.text("Model") or adapter.text("Name"),
        manufacturer=adapter.text("Manufacturer"),
        serial=adapter.text("SerialNumber"),
        part_number=adapter.text("PartNumber") or adapter.text("SKU"),
        firmware=controller.text("FirmwarePackageVersion"),
        mode=mode_of(adapter),
        ports=_ports(reader, adapter, slot),
    )


def slot_name(identifier: str) -> str:
    """The adapter's Redfish id as a port name may carry it: `NIC.Slot.3` becomes `nic-slot-3`."""
    return re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-") or "adapter"


def mode_of(adapter: Resource) -> NicMode:
    """NVIDIA's own field where there is one (`Oem.Nvidia.Mode` of a BlueField), else what the model's name says."""
    stated = adapter.text("Oem/Nvidia/Mode").lower()
    named = f"{adapter.text('Model')} {adapter.text('Name')} {adapter.text('Description')}".lower()
    if stated == "nicmode":
        return NicMode.SUPERNIC if "supernic" in named else NicMode.NIC
    if stated == "dpumode":
        return NicMode.DPU
    if "supernic" in named:
        return NicMode.SUPERNIC
    return NicMode.DPU if re.search(r"\bdpu\b|bluefield", named) else NicMode.NIC


def _ports(reader: Reader, adapter: Resource, slot: str) -> tuple[NicPort, ...]:
    # NetworkPorts is the older form of Ports (before Redfish 2020.4); some BMCs have only that.
    ports = reader.members(adapter.inner("Ports") or adapter.inner("NetworkPorts"))
    functions = reader.members(adapter.inner("NetworkDeviceFunctions"))
    by_port = {_assigned_port(function): mac for function in functions if (mac := _function_mac(function))}
    macs = [mac for function in functions if (mac := _function_mac(function))]
    ordered = sorted(ports, key=lambda port: natural_order(port.text("PortId") or port.text("Id")))
    return tuple(
        NicPort(
            name=f"{slot}-p{number}",
            # Without any link between them, the n-th function is taken for the n-th port only if there are as many.
            mac=_port_mac(port) or by_port.get(port.path) or (macs[number] if len(macs) == len(ordered) else None),
            speed_gbps=_speed(port),
            link_up=_link(port),
        )
        for number, port in enumerate(ordered)
    )


def _port_mac(port: Resource) -> str | None:
    several = (
        *port.inner("Ethernet").texts("AssociatedMACAddresses"),
        *port.texts("AssociatedNetworkAddresses"),
    )
    return next((mac for text in several if (mac := mac_of(text))), None)


def _function_mac(function: Resource) -> str | None:
    return mac_of(function.text("Ethernet/PermanentMACAddress")) or mac_of(function.text("Ethernet/MACAddress"))


def _assigned_port(function: Resource) -> str:
    links = function.inner("Links")
    for holder in (links, function):
        for name in ("PhysicalNetworkPortAssignment", "PhysicalPortAssignment"):
            if path := holder.inner(name).path:
                return path
    return ""


def _speed(port: Resource) -> float | None:
    for name in ("MaxSpeedGbps", "CurrentSpeedGbps"):
        if speed := port.number(name):
            return speed
    mbps = port.number("CurrentLinkSpeedMbps")
    return mbps / 1000 if mbps else None


def _link(port: Resource) -> bool | None:
    return {"linkup": True, "up": True, "linkdown": False, "down": False, "nolink": False}.get(
        port.text("LinkStatus").lower()
    )


def mac_of(text: str) -> str | None:
    """Lower case with colons, from any of the ways they are written; None for what is none, all zeros included."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    mac = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    return mac if _MAC.match(mac) and mac != "00:00:00:00:00:00" else None
