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
    device: str = ""
    """The declared server whose certificate it showed: proved by the handshake, so no login is needed."""
    unnamed_because: str = ""
    """Why nobody could be asked for its serial."""


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
    nameable: bool = False
    """Some of these may be servers that are still missing and declared by serial or MAC: naming them is worth a login."""
    unexpected: tuple[str, ...] = ()

    def server(self, name: str) -> FoundAt | None:
        return next((found for found in self.servers if found.name == name), None)


def discover(site: SiteDeclaration, survey: Survey) -> Discovery:
    """Matches by serial, then BMC MAC, then certificate, then address: the better proof wins over the weaker one."""
    by_serial = {bmc.serial: bmc for bmc in survey.bmcs if bmc.serial}
    by_mac = {bmc.mac: bmc for bmc in survey.bmcs if bmc.mac}
    by_device = {bmc.device: bmc for bmc in survey.bmcs if bmc.device}
    by_address = {bmc.address: bmc for bmc in survey.bmcs}
    matched: dict[str, BmcFound] = {}
    proved: set[str] = set()
    for server in site.servers:
        bmc = _proved(server, by_serial, by_mac, by_device)
        if bmc is not None and bmc.address not in proved:
            matched[server.name] = bmc
            proved.add(bmc.address)
    for server in site.servers:
        # An address is the weakest proof: a BMC that is known to be another server's, or nobody's, is not taken for its sake.
        bmc = by_address.get(server.bmc_address or "")
        if server.name not in matched and bmc is not None and bmc.address not in proved and _may_be(server, bmc):
            matched[server.name] = bmc
    matched = {server.name: matched[server.name] for server in site.servers if server.name in matched}
    # A declared system is no stranger, and its management controller is not ours to log in to unasked.
    systems = {system.address for system in site.systems if system.address is not None}
    taken = {bmc.address for bmc in matched.values()} | systems
    left = tuple(bmc for bmc in survey.bmcs if bmc.address not in taken)
    at = {presence.address: presence for presence in survey.switches if presence.speaks_nvue}
    declared = {switch.address for switch in site.switches}
    found = tuple(
        FoundAt(name=switch.name, address=switch.address, port=at[switch.address].port)
        for switch in site.switches
        if switch.address in at
    )
    strangers = [f"{bmc.address}:{bmc.port}" for bmc in left]
    strangers += [f"{address}:{p.port}" for address, p in at.items() if address not in declared | systems]
    missing = tuple(server for server in site.servers if server.name not in matched)
    return Discovery(
        servers=tuple(FoundAt(name=name, address=bmc.address, port=bmc.port) for name, bmc in matched.items()),
        switches=found,
        missing_servers=tuple(server.name for server in missing),
        missing_switches=tuple(switch.name for switch in site.switches if switch.address not in at),
        unnamed=left,
        nameable=bool(left) and any(server.serial or server.bmc_mac for server in missing),
        unexpected=tuple(sorted([*strangers, *(at for at in survey.others if at.rpartition(":")[0] not in systems)])),
    )


def _proved(
    server: ServerDeclaration,
    by_serial: Mapping[str, BmcFound],
    by_mac: Mapping[str, BmcFound],
    by_device: Mapping[str, BmcFound],
) -> BmcFound | None:
    if server.serial is not None and server.serial in by_serial:
        return by_serial[server.serial]
    if server.bmc_mac is not None and server.bmc_mac in by_mac:
        return by_mac[server.bmc_mac]
    return by_device.get(server.name)


def _may_be(server: ServerDeclaration, bmc: BmcFound) -> bool:
    """Whether nothing that is known of the BMC speaks against it."""
    if bmc.serial and server.serial is not None:
        return bmc.serial == server.serial
    if bmc.mac is not None and server.bmc_mac is not None:
        return bmc.mac == server.bmc_mac
    return True


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
    why = {f"{bmc.address}:{bmc.port}": f" {bmc.unnamed_because}" for bmc in discovery.unnamed if bmc.unnamed_because}
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
            message=f"A device answers at {address} that the declaration of {site.name} does not name. It was left alone."
            + why.get(address, ""),
            do="Add it to the declaration, or take it off the management network.",
        )
        for address in discovery.unexpected
    ]
    return tuple(found)
