"""What runs over the fleet by schedule. Queue `control`."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Protocol

from temporalio import activity

from domain.access import Place
from domain.declaration import Declaration
from domain.finding import FindingStore, Report, Severity, Sighting
from domain.fleet import TIME_LIMITS, FleetSite, FleetSites, FleetWindow, StateLimits, StatesWatched
from domain.inventory import DeviceQuery, DeviceState, Inventory
from domain.order import DeclarationRef, devices_queue
from domain.paging import Page, PageRequest
from domain.site import stored_site


class SiteList(Protocol):
    """What is asked of the declaration store."""

    def list(self, kind: str, reach: Place, page: PageRequest) -> Page[Declaration]: ...

    def head(self, kind: str, name: str) -> Declaration | None: ...


class FleetActivities:
    def __init__(
        self,
        declarations: SiteList,
        inventory: Inventory,
        findings: FindingStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._declarations, self._inventory, self._findings, self._clock = declarations, inventory, findings, clock

    @activity.defn
    def list_sites(self, window: FleetWindow) -> FleetSites:
        """One window of declared sites; deleted ones are left out."""
        page = self._declarations.list(
            "Site", Place(region=window.region), PageRequest(cursor=window.after, limit=window.at_most)
        )
        sites = tuple(_site(declared) for declared in page.items if not declared.deleted)
        return FleetSites(sites=sites, next=page.next)

    @activity.defn
    def watch_states(self, limits: StateLimits) -> StatesWatched:
        """A finding for each server that stays longer in its state than the state's limit; resolved when it moves on.

        Raises:
            InventoryUnreachable: retried.
        """
        now = self._clock()
        late: list[Sighting] = []
        region_of = cache(self._region)
        for lifecycle, limit in TIME_LIMITS.items():
            since = now - limit * limits.factor
            query = DeviceQuery(region=limits.region or None, lifecycles=(lifecycle,), unchanged_since=since)
            late += [
                _late(device, region_of(device.site), limit.total_seconds() * limits.factor)
                for device in self._inventory.devices(query)
            ]
        report = Report(
            check="state-watch",
            place=Place(region=limits.region),
            sightings=tuple(late),
            operation=limits.operation_id,
            key=f"{limits.operation_id}/state-watch",
        )
        reported = self._findings.report(report)
        return StatesWatched(late=len(late), new=len(reported.new), resolved=len(reported.resolved))

    def _region(self, site: str) -> str:
        """As declared: whoever may see the region must see the finding. Empty for a site that nobody declares."""
        head = self._declarations.head("Site", site)
        return head.place.region if head is not None else ""


def _site(declared: Declaration) -> FleetSite:
    site = stored_site(declared.body)
    ref = DeclarationRef(kind=declared.kind, name=declared.name, version=declared.version, digest=declared.digest)
    return FleetSite(
        name=site.name,
        region=site.region.name,
        declaration=ref,
        devices_queue=devices_queue(site.name, site.worker),
    )


def _late(device: DeviceState, region: str, limit_s: float) -> Sighting:
    at = device.since or device.changed_at
    since = at.strftime("%Y-%m-%d %H:%M UTC") if at else "long ago"
    by = f" by {device.holder}" if device.holder else ""
    return Sighting(
        object=f"site/{device.site}/server/{device.name}",
        kind="state-too-long",
        severity=Severity.WARNING,
        message=f"{device.name} is {device.lifecycle}{by} since {since}, longer than {limit_s / 3600:.0f} hours.",
        do=f"See what it waits for: edgewright describe server {device.site}/{device.name}",
        place=Place(region=region, site=device.site, rack=device.rack, server=device.name),
    )
