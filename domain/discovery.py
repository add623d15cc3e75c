"""Who was found on the out-of-band network, held against who is declared. Pure. What nobody declared is reported, never adopted."""

from collections.abc import Mapping

from domain.access import Place
from domain.finding import Severity, Sighting
from domain.hardware import BmcIdentity
from domain.model import MacAddress, Model, Name
from domain.nvue import SwitchPresence
from domain.site import ServerDeclaration, SiteDeclaration


class BmcFound(Model):
    """A BMC that answered. Serial and MAC are known only where somebody could log in."""

    address: str
    port: int
    identity: BmcIdentity
    serial: str = ""
    mac: MacAddress | None = None


class Survey(Model):
    """Everything that answered a scan of the out-of-band ranges."""

    scanned: int
    bmcs: tuple[BmcFound, ...] = ()
    switches: tuple[SwitchPresence, ...] = ()
    others: tuple[str, ...] = ()
    """`address:port` of what answered and is neither."""


class FoundAt(Model):
    name: Name
    address: str
    port: int


class Discovery(Model):
    """Which declared device is where. `unnamed` BMCs may still turn out to be servers declared by serial or MAC."""

    servers: tuple[FoundAt, ...] = ()
    switches: tuple[FoundAt, ...] = ()
    missing_servers: tuple[Name, ...] = ()
    missing_switches: tuple[Name, ...] = ()
    unnamed: tuple[BmcFound, ...] = ()
    unexpected: tuple[str, ...] = ()

    def server(self, name: str) -> FoundAt | None:
        return next((found for found in self.servers if found.name == name), None)


def discover(site: SiteDeclaration, survey: Survey) -> Discovery:
    """Matches by serial, then BMC MAC, then address: the better proof wins over the weaker one."""
    by_serial = {bmc.serial: bmc for bmc in survey.bmcs if bmc.serial}
    by_mac = {bmc.mac: bmc for bmc in survey.bmcs if bmc.mac}
    by_address = {bmc.address: bmc for bmc in survey.bmcs}
    matched: dict[str, BmcFound] = {}
    for server in site.servers:
        bmc = _match(server, by_serial, by_mac, by_address)
        if bmc is not None:
            matched[server.name] = bmc
    taken = {bmc.address for bmc in matched.values()}
    left = tuple(bmc for bmc in survey.bmcs if bmc.address not in taken)
    at = {presence.address: presence for presence in survey.switches if presence.speaks_nvue}
    declared = {switch.address for switch in site.switches}
    found = tuple(
        FoundAt(name=switch.name, address=switch.address, port=at[switch.address].port)
        for switch in site.switches
        if switch.address in at
    )
    strangers = [f"{bmc.address}:{bmc.port}" for bmc in left]
    strangers += [f"{address}:{p.port}" for address, p in at.items() if address not in declared]
    return Discovery(
        servers=tuple(FoundAt(name=name, address=bmc.address, port=bmc.port) for name, bmc in matched.items()),
        switches=found,
        missing_servers=tuple(server.name for server in site.servers if server.name not in matched),
        missing_switches=tuple(switch.name for switch in site.switches if switch.address not in at),
        unnamed=left,
        unexpected=tuple(sorted([*strangers, *survey.others])),
    )


def _match(
    server: ServerDeclaration,
    by_serial: Mapping[str, BmcFound],
    by_mac: Mapping[str, BmcFound],
    by_address: Mapping[str, BmcFound],
) -> BmcFound | None:
    if server.serial is not None and server.serial in by_serial:
        return by_serial[server.serial]
    if server.bmc_mac is not None and server.bmc_mac in by_mac:
        return by_mac[server.bmc_mac]
    # An address is the weakest proof: a known serial that is another's overrules it when the hardware is read.
    return by_address.get(server.bmc_address or "")


def sightings(site: SiteDeclaration, discovery: Discovery) -> tuple[Sighting, ...]:
    """What discovery alone has to say: who is missing, and who is there and not declared."""
    servers = {server.name: server for server in site.servers}
    found: list[Sighting] = []
    for name in discovery.missing_servers:
        server = servers[name]
        where = server.bmc_address or server.bmc_mac or server.serial
        found.append(
            Sighting(
                object=f"site/{site.name}/server/{name}",
                kind="server-not-found",
                severity=Severity.CRITICAL,
                message=f"No BMC answers for {name} ({where}) on the out-of-band network of {site.name}.",
                do=f"Check power and the management cable of {name}, or correct the declaration, then retry.",
                place=Place(region=site.region.name, site=site.name, rack=server.rack, server=name),
            )
        )
    for name in discovery.missing_switches:
        address = next(switch.address for switch in site.switches if switch.name == name)
        found.append(
            Sighting(
                object=f"site/{site.name}/switch/{name}",
                kind="switch-not-found",
                severity=Severity.CRITICAL,
                message=f"Switch {name} does not answer at {address}.",
                do=f"Check power and the management cable of {name}, then retry.",
            )
        )
    found += [
        Sighting(
            object=f"site/{site.name}/address/{address}",
            kind="unexpected-device",
            severity=Severity.WARNING,
            message=f"A device answers at {address} that the declaration of {site.name} does not name. It was left alone.",
            do="Add it to the declaration, or take it off the management network.",
        )
        for address in discovery.unexpected
    ]
    return tuple(found)
