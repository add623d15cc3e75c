"""What is made of a site's racks and of the cables between them: the same for onboarding, planning and audits. Pure."""

from collections.abc import Iterable

from domain.attestation import NOTHING_COVERED, Covered
from domain.cabling import DevicePorts, cables_of, check_cables
from domain.hardware import ServerHardware
from domain.judgement import ServerReading, cable_sightings, judge
from domain.onboarding import RackVerdict, SiteBundle, SwitchReadings
from domain.site import PORT_OF_BMC, SiteDeclaration


def judge_servers(
    bundle: SiteBundle,
    rack: str,
    switches: SwitchReadings,
    readings: Iterable[ServerReading],
    left_out: Iterable[str] = (),
    attested: Covered = NOTHING_COVERED,
) -> RackVerdict:
    """The servers of a rack, and the cables that end at them. `left_out` servers were not found, or are not looked at."""
    site, read, out = bundle.site, {reading.name: reading for reading in readings}, set(left_out)
    servers = tuple(server for server in site.servers_in(rack) if server.name not in out)
    cables = cables_of(site, (server.name for server in servers))
    verdicts = check_cables(cables, switches.sights, (ports_of(reading) for reading in read.values()))
    judgements = [
        judge(
            site,
            server,
            bundle.classes[server.server_class],
            read.get(server.name, ServerReading(name=server.name)),
            tuple(verdict for verdict in verdicts if server.name in verdict.devices),
            attested,
        )
        for server in servers
    ]
    return RackVerdict(
        servers=tuple(judgement.facts for judgement in judgements),
        cables=verdicts,
        sightings=(*(s for j in judgements for s in j.sightings), *cable_sightings(site, verdicts, rack)),
    )


def not_looked_at(site: SiteDeclaration, rack: str, read: Iterable[str]) -> tuple[str, ...]:
    """The servers of a rack whose hardware nobody read this time, and their cables, as findings name them.

    What is known of them stands: a BMC that is silent tonight has not mended its server.
    """
    dark = {server.name for server in site.servers_in(rack)} - set(read)
    servers = [f"site/{site.name}/server/{name}" for name in sorted(dark)]
    return (*servers, *(f"site/{site.name}/cable/{cable.key}" for cable in cables_of(site, sorted(dark))))


def judge_trunks(site: SiteDeclaration, switches: SwitchReadings) -> RackVerdict:
    """The cables that end at no server: between switches, and to gateways, storage and the like."""
    servers = {server.name for server in site.servers}
    trunks = [cable for cable in site.cables if not servers & {cable.a.device, cable.b.device}]
    verdicts = check_cables(trunks, switches.sights, ())
    return RackVerdict(cables=verdicts, sightings=cable_sightings(site, verdicts))


def hardware_of(readings: Iterable[ServerReading]) -> dict[str, ServerHardware]:
    """By server, of those that were read."""
    return {reading.name: reading.hardware for reading in readings if reading.hardware is not None}


def ports_of(reading: ServerReading) -> DevicePorts:
    """The MAC addresses of a server's ports, its BMC's included, as its BMC told them."""
    hardware = reading.hardware
    if hardware is None:
        return DevicePorts(device=reading.name, ports={})
    ports = {port.name: port.mac for port in hardware.ports}
    return DevicePorts(device=reading.name, ports={**ports, PORT_OF_BMC: hardware.bmc.mac})
