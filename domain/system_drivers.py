"""Which drivers there are for which kind of system, and what a declaration must say for each. Pure; the worker wires them."""

from collections.abc import Iterator
from enum import StrEnum

from domain.checking import Problem
from domain.model import Model
from domain.site import SiteDeclaration, SystemDeclaration, SystemKind


class DriverName(StrEnum):
    BIND9 = "bind9"
    NTP = "ntp"
    REDFISH = "redfish"
    NVUE = "nvue"


class DriverNeeds(Model):
    """Where a driver is asked for, and what it must be given."""

    kinds: tuple[SystemKind, ...]
    ports: tuple[int, ...]
    """The protocol's own, where the declaration names no `service_ports`. Empty: those that the out-of-band scan tries."""
    credential: bool = False
    zones: bool = False


DRIVERS = {
    DriverName.BIND9: DriverNeeds(kinds=(SystemKind.DNS,), ports=(53,), zones=True),
    DriverName.NTP: DriverNeeds(kinds=(SystemKind.NTP,), ports=(123,)),
    # A management controller is the same whatever the box does.
    DriverName.REDFISH: DriverNeeds(
        kinds=tuple(kind for kind in SystemKind if kind not in (SystemKind.DNS, SystemKind.NTP)),
        ports=(),
        credential=True,
    ),
    DriverName.NVUE: DriverNeeds(kinds=(SystemKind.GATEWAY,), ports=(), credential=True),
}


def drivers_for(kind: SystemKind) -> tuple[str, ...]:
    return tuple(str(name) for name, needs in DRIVERS.items() if kind in needs.kinds)


def needs_of(system: SystemDeclaration) -> DriverNeeds | None:
    """What its driver needs; None if it names none, or one that there is not."""
    if system.driver not in drivers_for(system.kind):
        return None
    return DRIVERS[DriverName(system.driver)]


def ports_of(site: SiteDeclaration, system: SystemDeclaration) -> tuple[int, ...]:
    """Where its driver asks, in this order."""
    needs = needs_of(system)
    if system.service_ports or needs is None:
        return system.service_ports
    if needs.ports:
        return needs.ports
    return site.out_of_band.switch_ports if system.driver == DriverName.NVUE else site.out_of_band.bmc_ports


def observable(system: SystemDeclaration) -> bool:
    """Whether a driver can be asked: it is known, and the declaration gives it what it needs."""
    return system.driver is not None and not any(_problems("", system))


def system_problems(site: SiteDeclaration) -> tuple[Problem, ...]:
    """Every driver that there is not, and everything that a driver lacks."""
    return tuple(p for i, system in enumerate(site.systems) for p in _problems(f"systems[{i}].", system))


def _problems(at: str, system: SystemDeclaration) -> Iterator[Problem]:
    needs = needs_of(system)
    if system.zones and (needs is None or not needs.zones):
        yield Problem(path=f"{at}zones", message=f"zones are for a dns system with a driver; {system.name} is none")
    if system.driver is None:
        return
    if needs is None:
        known = ", ".join(drivers_for(system.kind)) or "none yet"
        message = (
            f"there is no driver {system.driver} for a {system.kind} system (known: {known}); "
            f"without one {system.name} is recorded as declared, not observed"
        )
        yield Problem(path=f"{at}driver", message=message)
        return
    for field, lacks, what in (
        ("address", system.address is None, "where it is asked"),
        ("credential", needs.credential and system.credential is None, "the secret with the login that may read it"),
        ("zones", needs.zones and not system.zones, "the zones that it serves"),
    ):
        if lacks:
            message = f"is required: the driver {system.driver} of {system.name} needs {what}"
            yield Problem(path=f"{at}{field}", message=message)
