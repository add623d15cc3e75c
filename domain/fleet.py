"""What runs over the fleet by schedule: a window of sites, and the watch over states that last too long."""

from datetime import timedelta

from domain.access import Place
from domain.finding import Severity, Sighting
from domain.lifecycle import Lifecycle
from domain.model import Model, Name
from domain.order import DeclarationRef


class FleetWindow(Model):
    """Some sites of a region (empty: of the fleet), in the order of their names. `after`: where the window before ended."""

    region: str = ""
    after: str = ""
    at_most: int = 100


class FleetSite(Model):
    name: Name
    region: str
    declaration: DeclarationRef
    devices_queue: str


class FleetSites(Model):
    """`next`: where the following window starts; empty after the last."""

    sites: tuple[FleetSite, ...] = ()
    next: str = ""


class FleetReport(Model):
    """How many sites were looked at; `busy` ones were being audited already, `failed` ones have operations of their own."""

    audited: int = 0
    busy: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    """Nobody answered for them: each has the finding `site-unreachable`, and the others were audited."""


UNREACHABLE = "site-unreachable"


def unreachable(place: Place, reason: str) -> Sighting:
    """What an audit says of a site where it could look at nothing."""
    return Sighting(
        object=f"site/{place.site}",
        kind=UNREACHABLE,
        severity=Severity.CRITICAL,
        message=f"{place.site} was not reached: {reason}",
        do="Check the out-of-band network and the worker of its queue, then audit the site again.",
        place=place,
    )


TIME_LIMITS: dict[Lifecycle, timedelta] = {
    Lifecycle.DISCOVERED: timedelta(hours=4),
    Lifecycle.VERIFIED: timedelta(days=14),
    Lifecycle.ACCEPTING: timedelta(hours=12),
    Lifecycle.SANITIZING: timedelta(hours=24),
    Lifecycle.ALLOCATED: timedelta(hours=4),
    Lifecycle.PROVISIONING: timedelta(hours=4),
    Lifecycle.DRAINING: timedelta(hours=12),
    Lifecycle.QUARANTINED: timedelta(days=7),
    Lifecycle.MAINTENANCE: timedelta(days=14),
}
"""How long a server may stay in a state before somebody should look. States without a limit are where servers belong."""


class StateLimits(Model):
    """Whose servers are watched. `factor` stretches every limit: 1 in production."""

    region: str = ""
    operation_id: str
    factor: float = 1.0


class StatesWatched(Model):
    late: int = 0
    new: int = 0
    resolved: int = 0
