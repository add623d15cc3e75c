"""What a site's systems say, held against the declaration: facts to record and what somebody should know. Pure."""

from collections.abc import Iterator

from domain.access import Place
from domain.errors import EdgewrightError, NotYet, Throttled, Transient
from domain.finding import Severity, Sighting
from domain.model import Json
from domain.recording_facts import DeviceFacts
from domain.site import Owner, SiteDeclaration, SystemDeclaration
from domain.system_drivers import drivers_for, needs_of, observable, system_problems
from domain.system_observation import SystemObservation
from domain.systems import ClockSight, SystemSight, ZoneSight

REFUSALS = frozenset({"RATE", "DENY", "RSTR"})
"""RFC 5905 section 7.4: kiss codes by which a server tells this client to ask less, or not at all. Others say that it starts."""

OFFSET_TOLD_S = 1.0
"""A difference that no network explains: certificates, tokens and logs go by it."""


def judge_system(site: SiteDeclaration, system: SystemDeclaration, sight: SystemSight) -> SystemObservation:
    """Another box than the declared one is reported, and nothing of it is recorded."""
    wrong = tuple(_identity(site, system, sight))
    found = (*wrong, *_health(site, system, sight), *_clock(site, system, sight.clock), *_zones(site, system, sight))
    facts: tuple[DeviceFacts, ...] = () if wrong else (sight.facts,)
    return SystemObservation(name=system.name, facts=facts, sightings=found)


def system_refused(site: SiteDeclaration, system: SystemDeclaration, error: EdgewrightError) -> SystemObservation:
    """A system that could not be observed: what stood about it before stands. The same trouble gives the same words."""
    later = isinstance(error, Transient | Throttled | NotYet)
    message = error.message
    if error.retry_after_s is not None:
        # How long to wait is another number each time.
        message = f"{system.name} must be left alone for a while ({error.kind}): another try might lock its account."
    do = error.do
    if later:
        do = f"Check its power, its network and its service{_whose(system)}; then onboard the site again."
    sighting = _sighting(site, system, error.kind, message, do)
    return SystemObservation(name=system.name, sightings=(sighting,), unseen=True)


def not_observable(site: SiteDeclaration) -> tuple[Sighting, ...]:
    """Systems with a driver that cannot be asked: declared by an older build, which did not look at the name."""
    messages: dict[str, list[str]] = {}
    for problem in system_problems(site):
        index = int(problem.path.partition("[")[2].partition("]")[0])
        messages.setdefault(site.systems[index].name, []).append(str(problem))
    return tuple(
        _sighting(
            site,
            system,
            "driver-unusable",
            "; ".join(messages[system.name]),
            "Correct the declaration, then apply it.",
            severity=Severity.WARNING,
        )
        for system in site.systems
        if system.name in messages
    )


def in_words(system: SystemDeclaration) -> str:
    """What onboarding will do about a system, for a plan."""
    what = f"{system.name} ({system.kind}, {system.owner})"
    if observable(system):
        return f"{what} will be observed by its driver {system.driver}: read only"
    if system.driver is None:
        return f"{what} is recorded as declared, not observed: it names no driver"
    known = ", ".join(drivers_for(system.kind)) or "none yet"
    why = "lacks what it needs" if needs_of(system) else f"is not known (for its kind: {known})"
    return f"{what} is recorded as declared, not observed: its driver {system.driver} {why}"


def _identity(site: SiteDeclaration, system: SystemDeclaration, sight: SystemSight) -> Iterator[Sighting]:
    do = "Check that the right system is in this place, or correct the declaration."
    serial = sight.facts.serial
    if system.serial is not None and serial and serial != system.serial:
        message = f"{system.name} has serial {serial}, the declaration says {system.serial}."
        yield _sighting(site, system, "serial-mismatch", message, do)
    if system.model and sight.model and system.model.casefold() != sight.model.casefold():
        message = f"{system.name} is a {sight.model}, the declaration says {system.model}."
        yield _sighting(site, system, "model-mismatch", message, do)


def _health(site: SiteDeclaration, system: SystemDeclaration, sight: SystemSight) -> Iterator[Sighting]:
    if sight.health not in ("", "OK"):
        severity = Severity.CRITICAL if sight.health == "Critical" else Severity.WARNING
        message = f"{system.name} reports its own health as {sight.health}."
        do = f"Read its event log{_whose(system)}, mend what it names, then audit the site."
        yield _sighting(site, system, "system-unhealthy", message, do, severity=severity)


def _clock(site: SiteDeclaration, system: SystemDeclaration, clock: ClockSight | None) -> Iterator[Sighting]:
    if clock is None:
        return
    evidence: Json = {
        "stratum": clock.stratum, "leap": clock.leap, "reference": clock.reference, "offset_s": round(clock.offset_s, 3),
    }  # fmt: skip
    if clock.stratum == 0 and clock.reference in REFUSALS:
        message = f"{system.name} answers, but refuses to serve us ({clock.reference})."
        do = f"Allow our addresses on it{_whose(system)}, then onboard the site again."
        yield _sighting(site, system, "ntp-refused", message, do, evidence)
    elif not clock.synchronised:
        message = f"{system.name} answers, and says that its own clock is not synchronised."
        do = f"Check what it takes its time from{_whose(system)}; nobody should follow it until then."
        yield _sighting(site, system, "clock-unsynchronised", message, do, evidence)
    elif abs(clock.offset_s) > OFFSET_TOLD_S:
        message = (
            f"The clock of {system.name} and that of the worker which asked it are more than {OFFSET_TOLD_S:g} s apart."
        )
        do = "See which of the two is wrong, and mend that: certificates and logs go by it."
        yield _sighting(site, system, "clock-offset", message, do, evidence, severity=Severity.WARNING)


def _zones(site: SiteDeclaration, system: SystemDeclaration, sight: SystemSight) -> Iterator[Sighting]:
    if missing := [zone for zone in sight.zones if not zone.served]:
        told = "; ".join(f"{zone.zone}: {_zone_in_words(zone)}" for zone in missing)
        do = f"Configure the zone on it{_whose(system)}, or correct `zones` in the declaration; then onboard the site again."
        yield _sighting(site, system, "zone-not-served", f"{system.name} does not serve what is declared: {told}.", do)


def _zone_in_words(zone: ZoneSight) -> str:
    if zone.rcode != "NOERROR":
        return f"it answers {zone.rcode}"
    return "its answer is not authoritative" if zone.primary else "its answer has no SOA record"


def _whose(system: SystemDeclaration) -> str:
    """We never change what is not ours."""
    return ", with the local IT: it is theirs" if system.owner is Owner.LOCAL_IT else ""


def _sighting(
    site: SiteDeclaration,
    system: SystemDeclaration,
    kind: str,
    message: str,
    do: str,
    evidence: Json = None,
    *,
    severity: Severity = Severity.CRITICAL,
) -> Sighting:
    return Sighting(
        object=system_object(site, system.name),
        kind=kind,
        severity=severity,
        message=message,
        do=do,
        evidence=evidence,
        place=Place(region=site.region.name, site=site.name),
    )


def system_object(site: SiteDeclaration, name: str) -> str:
    """How findings name a system."""
    return f"site/{site.name}/system/{name}"
