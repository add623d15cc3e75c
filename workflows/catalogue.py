"""The kinds of operation there are: what starts them, under which workflow id, and what people call them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.order import Order, fabric_lock
from workflows.onboarding import SiteOnboarding
from workflows.site_audit import FLEET_AUDIT, SITE_AUDIT, STATE_WATCH, FleetAudit, SiteAudit, StateWatch
from workflows.site_plan import SitePlan


@dataclass(frozen=True)
class Kind:
    """One capability. `locks` gives the workflow id that is its lock; None: it takes none and runs as `{kind}/{op-id}`."""

    name: str
    title: str
    workflow: Callable[..., Any]
    locks: Callable[[Order], str] | None = None

    def lock(self, order: Order) -> str:
        return self.locks(order) if self.locks is not None else ""


def _site_fabric(order: Order) -> str:
    return fabric_lock(order.site)


_ALL = (
    Kind("site-onboarding", "Onboard a site", SiteOnboarding.run, _site_fabric),
    Kind("site-plan", "Plan the onboarding of a site", SitePlan.run),
    Kind(SITE_AUDIT, "Audit a site", SiteAudit.run),
    Kind(FLEET_AUDIT, "Audit the fleet", FleetAudit.run),
    Kind(STATE_WATCH, "Watch how long servers stay in a state", StateWatch.run),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
