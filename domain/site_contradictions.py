"""What parts of a site declaration, each right by itself, say against each other. Pure.

Works on the parts that can be read, so that a declaration with a wrong field elsewhere is told its contradictions too.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.checking import Problem
from domain.secret import owner_of

if TYPE_CHECKING:
    from domain.site import (
        AcceptanceReport,
        CableDeclaration,
        Credentials,
        Installer,
        OutOfBand,
        RackDeclaration,
        ServerDeclaration,
        SwitchDeclaration,
        SystemDeclaration,
        UnderlayPools,
    )

type Part[T] = tuple[str, T]
"""A part with the path to it: `servers[3]`."""


@dataclass
class SiteParts:
    """`names`: of every device, rack and installer by its path, those included whose other fields cannot be read."""

    name: str = ""
    names: dict[str, list[Part[str]]] = field(default_factory=dict[str, list["Part[str]"]])
    racks: "Sequence[Part[RackDeclaration]]" = ()
    servers: "Sequence[Part[ServerDeclaration]]" = ()
    switches: "Sequence[Part[SwitchDeclaration]]" = ()
    systems: "Sequence[Part[SystemDeclaration]]" = ()
    cables: "Sequence[Part[CableDeclaration]]" = ()
    installers: "Sequence[Part[Installer]]" = ()
    out_of_band: "OutOfBand | None" = None
    credentials: "Credentials | None" = None
    underlay: "UnderlayPools | None" = None
    public_ranges: Sequence[Part[str]] = ()
    acceptance_report: "AcceptanceReport | None" = None

    @property
    def device_names(self) -> list[Part[str]]:
        return [named for kind in ("servers", "switches", "systems") for named in self.names.get(kind, ())]


def contradictions(site: SiteParts) -> tuple[Problem, ...]:
    """Every contradiction, with the path to its place."""
    rules: tuple[Callable[[SiteParts], Iterator[Problem]], ...] = (
        _names, _racks, _cables, _identities, _addresses, _pools, _pins, _secrets, _installers,
    )  # fmt: skip
    return tuple(problem for rule in rules for problem in rule(site))


def secret_paths(site: SiteParts) -> Iterator[Part[str]]:
    """Every secret that the declaration names."""
    if site.credentials is not None:
        yield "credentials.bmc", site.credentials.bmc
        if site.credentials.switch is not None:
            yield "credentials.switch", site.credentials.switch
    if site.out_of_band is not None and site.out_of_band.trust.ca is not None:
        yield "out_of_band.trust.ca", site.out_of_band.trust.ca
    for path, system in site.systems:
        if system.credential is not None:
            yield f"{path}.credential", system.credential


def _names(site: SiteParts) -> Iterator[Problem]:
    for path, name, other in _doubles(site.device_names):
        yield Problem(
            path=f"{path}.name", message=f"the name {name} is also used by {other}: names are unique in a site"
        )
    for kind, word in (("racks", "rack"), ("installers", "installer")):
        for path, name, _ in _doubles(site.names.get(kind, ())):
            yield Problem(path=f"{path}.name", message=f"{word} {name} is declared more than once")


def _doubles(named: Iterable[Part[str]]) -> Iterator[tuple[str, str, str]]:
    """(path, value, path of the first) of each value that was there before."""
    first: dict[str, str] = {}
    for path, value in named:
        other = first.setdefault(value, path)
        if other != path:
            yield path, value, other


def _racks(site: SiteParts) -> Iterator[Problem]:
    racks = {rack.name: rack for _, rack in site.racks}
    known = {name for _, name in site.names.get("racks", ())}
    taken: dict[tuple[str, int], str] = {}
    placed = [(path, device, device.height_u) for path, device in site.switches]
    for path, device, height in (
        *((path, device, 1) for path, device in site.servers),
        *placed,
        *((path, device, 1) for path, device in site.systems),
    ):
        if device.rack is None:
            continue
        if device.rack not in known:
            message = f"{device.name} stands in rack {device.rack}, which is not declared under `racks`"
            yield Problem(path=f"{path}.rack", message=message)
            continue
        rack = racks.get(device.rack)
        if device.unit is None or rack is None:
            continue
        top = device.unit + height - 1
        if top > rack.height_u:
            message = (
                f"{device.name} does not fit: rack {rack.name} has {rack.height_u} units and it would reach unit {top}"
            )
            yield Problem(path=f"{path}.unit", message=message)
        for filled in range(device.unit, top + 1):
            other = taken.setdefault((rack.name, filled), device.name)
            if other != device.name:
                message = f"{device.name} and {other} are both in rack {rack.name} unit {filled}"
                yield Problem(path=f"{path}.unit", message=message)


def _cables(site: SiteParts) -> Iterator[Problem]:
    devices = {name for _, name in site.device_names}
    ends: dict[tuple[str, str], str] = {}
    for at, cable in site.cables:
        if cable.a.device == cable.b.device:
            message = f"the cable begins and ends at {cable.a.device}: a cable joins two devices"
            yield Problem(path=f"{at}.b.device", message=message)
        for side, end in (("a", cable.a), ("b", cable.b)):
            path = f"{at}.{side}"
            if end.device not in devices:
                message = f"cable {cable.key} ends at {end.device}, which is not declared"
                yield Problem(path=f"{path}.device", message=message)
            other = ends.setdefault((end.device, end.port), path)
            if other != path:
                message = f"{other} also ends at {end.device} {end.port}: a port holds one cable"
                yield Problem(path=f"{path}.port", message=message)


def _identities(site: SiteParts) -> Iterator[Problem]:
    given: dict[tuple[str, str], str] = {}
    for path, device in (*site.servers, *site.switches, *site.systems):
        for what in ("serial", "bmc_mac"):
            value: str | None = getattr(device, what, None)
            other = device.name if value is None else given.setdefault((what, value), device.name)
            if other != device.name:
                message = f"{what} {value} is given to {other} and {device.name}"
                yield Problem(path=f"{path}.{what}", message=message)


def _addresses(site: SiteParts) -> Iterator[Problem]:
    """One address is one box: only systems may share one, for a gateway may be the firewall too."""
    taken: dict[str, tuple[str, str]] = {}
    for kind, what, devices in (
        ("server", "bmc_address", site.servers),
        ("switch", "address", site.switches),
        ("system", "address", site.systems),
    ):
        for path, device in devices:
            address: str | None = getattr(device, what)
            if address is None:
                continue
            other, of_kind = taken.setdefault(address, (device.name, kind))
            if other != device.name and (kind, of_kind) != ("system", "system"):
                message = f"{what} {address} is given to {other} and {device.name}"
                yield Problem(path=f"{path}.{what}", message=message)
            if kind == "server" and site.out_of_band is not None and not site.out_of_band.holds(address):
                message = f"{address} lies in none of `out_of_band.ranges`: the BMC of {device.name} would not be found"
                yield Problem(path=f"{path}.{what}", message=message)


def _pools(site: SiteParts) -> Iterator[Problem]:
    pools: list[Part[str]] = []
    if site.underlay is not None:
        named = ((name, getattr(site.underlay, name)) for name in ("loopbacks", "fabric", "storage"))
        pools += [(f"underlay.{name}", prefix) for name, prefix in named if prefix is not None]
    pools += site.public_ranges
    for index, (path, prefix) in enumerate(pools):
        network = ipaddress.ip_network(prefix)
        for other, taken in pools[:index]:
            if network.overlaps(ipaddress.ip_network(taken)):
                yield Problem(path=path, message=f"{prefix} overlaps {taken} of {other}: an address has one use")


def _pins(site: SiteParts) -> Iterator[Problem]:
    devices = {name for _, name in site.device_names}
    for name in site.out_of_band.trust.pins if site.out_of_band is not None else ():
        if name not in devices:
            yield Problem(path=f"out_of_band.trust.pins.{name}", message=f"no device of the site is called {name}")


def _secrets(site: SiteParts) -> Iterator[Problem]:
    for path, secret in secret_paths(site) if site.name else ():
        owner = owner_of(secret)
        if owner not in ("", site.name):
            message = f"{secret} belongs to site {owner}: name one of site/{site.name}/…, or one of the fleet's"
            yield Problem(path=path, message=message)


def _installers(site: SiteParts) -> Iterator[Problem]:
    report = site.acceptance_report
    if report is not None and report.installer not in {name for _, name in site.names.get("installers", ())}:
        message = f"{report.installer} is not declared under `installers`: give its public key there"
        yield Problem(path="acceptance_report.installer", message=message)
