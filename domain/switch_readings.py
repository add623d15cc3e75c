"""What came of reading a site's switches, put together, and what is to be said about one. Pure."""

from collections.abc import Iterable

from domain.access import Place
from domain.account import LoginRefused
from domain.errors import EdgewrightError, NotYet, Throttled, Transient
from domain.finding import Severity, Sighting
from domain.onboarding import SwitchReadings
from domain.site import SiteDeclaration

UNFINISHED = "take-over-unfinished"


def merged(parts: Iterable[SwitchReadings]) -> SwitchReadings:
    parts = tuple(parts)
    return SwitchReadings(
        sights=tuple(sight for part in parts for sight in part.sights),
        facts=tuple(facts for part in parts for facts in part.facts),
        sightings=tuple(sighting for part in parts for sighting in part.sightings),
        not_ours=tuple(name for part in parts for name in part.not_ours),
    )


def without_unfinished(readings: SwitchReadings) -> SwitchReadings:
    """For a take-over, which finishes them or says why not."""
    left = tuple(sighting for sighting in readings.sightings if sighting.kind != UNFINISHED)
    return readings.model_copy(update={"sightings": left})


def wrong_serial(site: SiteDeclaration, name: str, serial: str) -> tuple[Sighting, ...]:
    """Nothing where the declaration names no serial, or this one."""
    declared = next(switch for switch in site.switches if switch.name == name)
    if declared.serial is None or declared.serial == serial:
        return ()
    message = f"{name} has serial {serial}, the declaration says {declared.serial}."
    do = "Check that the right switch is in this place, or correct the declaration."
    return (_sighting(site, name, "serial-mismatch", message, do),)


def take_over_unfinished(site: SiteDeclaration, name: str) -> Sighting:
    message = f"Taking over the login of {name} was cut off; which of its two passwords is right is not known yet."
    return _sighting(
        site, name, UNFINISHED, message, "Onboard the site: that finishes the take-over, then reads the switch."
    )


def switch_refused(site: SiteDeclaration, name: str, error: EdgewrightError) -> Sighting:
    """A switch that could not be read or taken over. The same trouble gives the same words, whenever it is seen."""
    later = isinstance(error, Transient | Throttled | NotYet)
    # How long to wait is another number each time, and would make each plan another one.
    message = error.message if error.retry_after_s is None else _steady(name, error)
    do = "Look at the switch if it stays so, then onboard the site again." if later else error.do
    if isinstance(error, LoginRefused):
        do = f"Enter the right login: edgewright credentials set {site.name}/{name} --username NAME; then retry."
    return _sighting(site, name, error.kind, message, do)


def _steady(name: str, error: EdgewrightError) -> str:
    return f"{name} must be left alone for a while ({error.kind}): another try might lock its account, or it asked for a pause."


def _sighting(site: SiteDeclaration, name: str, kind: str, message: str, do: str) -> Sighting:
    return Sighting(
        object=f"site/{site.name}/switch/{name}",
        kind=kind,
        severity=Severity.CRITICAL,
        message=message,
        do=do,
        place=Place(region=site.region.name, site=site.name),
    )
