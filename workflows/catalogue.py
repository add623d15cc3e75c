"""The kinds of operation there are: what starts them, under which workflow id, and what people call them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.order import Order, fabric_lock
from workflows.onboarding import SiteOnboarding


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


KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (Kind("site-onboarding", "Onboard a site", SiteOnboarding.run, _site_fabric),)
}
