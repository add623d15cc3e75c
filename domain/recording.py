"""What NetBox must hold about a site: the declaration, and what was seen of it, to wanted records. Pure.

Volatile readings (power, temperature, time) are never recorded: recording twice must change nothing. The three parts can be
recorded one after the other: `site_records` first, then racks in any order or side by side, then `cable_records`.
"""

from collections.abc import Iterable, Mapping

from domain.netbox_schema import Cf, Observed
from domain.reconcile import cable_key
from domain.recording_devices import (
    interface_link,
    server_records,
    server_type_records,
    switch_records,
    system_records,
)
from domain.recording_facts import SiteFacts
from domain.recording_site import CF_KEY, cf, skeleton
from domain.records import Endpoint, Link, Record
from domain.server_class import ServerClass
from domain.site import CableDeclaration, SiteDeclaration

type Classes = Mapping[str, ServerClass]


def records(declaration: SiteDeclaration, classes: Classes, facts: SiteFacts) -> tuple[Record, ...]:
    """Everything about a site."""
    racks = (rack_records(declaration, rack.name, classes, facts) for rack in declaration.racks)
    return _unique(
        (
            *site_records(declaration, classes, facts),
            *(record for rack in racks for record in rack),
            *cable_records(declaration, facts),
        )
    )


def site_records(declaration: SiteDeclaration, classes: Classes, facts: SiteFacts) -> tuple[Record, ...]:
    """The site, its pools and racks, switches and other systems, and the types of its servers: all that racks link to."""
    seen = {device.name: device for device in facts.devices}
    found: list[Record] = list(skeleton(declaration))
    for name in declaration.class_names():
        found.extend(server_type_records(classes[name], ()))
    for switch in declaration.switches:
        found.extend(switch_records(declaration, switch, seen.get(switch.name)))
    for system in declaration.systems:
        found.extend(system_records(declaration, system, seen.get(system.name)))
    return _unique(found)


def rack_records(declaration: SiteDeclaration, rack: str, classes: Classes, facts: SiteFacts) -> tuple[Record, ...]:
    """The servers of a rack that were found, and their types with the bays that were seen in them."""
    seen = {server.name: server for server in facts.servers}
    servers = [server for server in declaration.servers_in(rack) if server.name in seen]
    found: list[Record] = []
    for name in sorted({server.server_class for server in servers}):
        hardware = [seen[server.name].hardware for server in servers if server.server_class == name]
        found.extend(server_type_records(classes[name], [machine for machine in hardware if machine is not None]))
    for server in servers:
        kind = classes[server.server_class]
        found.extend(server_records(declaration, server, kind, seen[server.name], facts.operation))
    return _unique(found)


def cable_records(declaration: SiteDeclaration, facts: SiteFacts) -> tuple[Record, ...]:
    """The declared cables between devices that are recorded. A cable nobody could confirm is recorded as declared."""
    recorded = {
        *(server.name for server in facts.servers),
        *(switch.name for switch in declaration.switches),
        *(system.name for system in declaration.systems),
    }
    return tuple(
        _cable(declaration.name, cable, facts)
        for cable in declaration.cables
        if {cable.a.device, cable.b.device} <= recorded
    )


def cable_link(site: str, cable: CableDeclaration) -> Link:
    """The record of a declared cable."""
    a = interface_link(site, cable.a.device, cable.a.port)
    b = interface_link(site, cable.b.device, cable.b.port)
    return Link(endpoint=Endpoint.CABLE, key=cable_key(a, b))


def _cable(site: str, cable: CableDeclaration, facts: SiteFacts) -> Record:
    a = interface_link(site, cable.a.device, cable.a.port)
    b = interface_link(site, cable.b.device, cable.b.port)
    ends = frozenset({"a_terminations", "b_terminations"})
    seen = cable.key in facts.verified_cables or cable.key in facts.wrong_cables
    return Record(
        endpoint=Endpoint.CABLE,
        key=cable_link(site, cable).key,
        fields={
            "a_terminations": (a,),
            "b_terminations": (b,),
            "status": "planned" if cable.key in facts.wrong_cables else "connected",
            CF_KEY: f"{site}/{cable.key}"[:200],
            cf(Cf.PLANE): cable.plane,
            cf(Cf.OBSERVED): Observed.OBSERVED if cable.key in facts.verified_cables else Observed.DECLARED,
        },
        # NetBox may have recorded the ends the other way round: the same cable. And where nobody could look, what was seen
        # of it before stands.
        create_only=ends if seen else ends | {"status", cf(Cf.OBSERVED)},
    )


def _unique(found: Iterable[Record]) -> tuple[Record, ...]:
    """Each object once: devices of one kind all bring their type and manufacturer."""
    return tuple({record.object: record for record in found}.values())
