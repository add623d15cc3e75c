"""What a switch said, as cabling checks and recording want it. Pure."""

from collections.abc import Iterable

from domain.cabling import PortSight, SwitchSight
from domain.nvue import LearnedMac, SwitchIdentity, SwitchInterface, SwitchNeighbor
from domain.recording_facts import DeviceFacts, PortFacts

PHYSICAL = frozenset({"swp", "eth"})
"""Kinds of interface that have a socket; the others (bond, bridge, loopback) have no cable."""


def sight_of(
    name: str,
    identity: SwitchIdentity,
    interfaces: Iterable[SwitchInterface],
    neighbors: Iterable[SwitchNeighbor],
    learned: Iterable[LearnedMac],
) -> SwitchSight:
    """Every port with a socket, and who is heard on it."""
    heard = {neighbor.port: neighbor for neighbor in neighbors}
    macs: dict[str, list[str]] = {}
    for entry in learned:
        macs.setdefault(entry.port, []).append(entry.mac)
    ports = [
        _port(interface, heard.get(interface.name), macs.get(interface.name, ()))
        for interface in interfaces
        if interface.kind in PHYSICAL
    ]
    return SwitchSight(switch=name, mac=identity.mac, ports=tuple(ports))


def _port(interface: SwitchInterface, neighbor: SwitchNeighbor | None, macs: Iterable[str]) -> PortSight:
    if neighbor is None:
        return PortSight(port=interface.name, link_up=interface.link_up, macs=tuple(macs))
    return PortSight(
        port=interface.name,
        link_up=interface.link_up,
        neighbor=neighbor.system_name,
        neighbor_port="" if neighbor.port_mac else neighbor.port_id,
        neighbor_mac=neighbor.port_mac or None,
        chassis_mac=neighbor.chassis_mac or None,
        macs=tuple(macs),
    )


def facts_of_switch(name: str, identity: SwitchIdentity, interfaces: Iterable[SwitchInterface]) -> DeviceFacts:
    """What is recorded of a switch. A port's speed is left out: NVUE tells the link's, not what the port can do."""
    return DeviceFacts(
        name=name,
        serial=identity.serial,
        firmware={"os": identity.os_release, **identity.firmware} if identity.os_release else identity.firmware,
        ports=tuple(
            PortFacts(name=interface.name, mac=interface.mac) for interface in interfaces if interface.kind in PHYSICAL
        ),
        summary={"model": identity.model, "part_number": identity.part_number, "asic": identity.asic},
    )
