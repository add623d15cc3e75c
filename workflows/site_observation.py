"""Observing a site: the phases that onboarding, planning and audits share. Changes nothing."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.access import Place
from domain.finding import Report
from domain.model import Model
from domain.onboarding import (
    Discovered,
    DiscoverOrder,
    KnownRead,
    LoadOrder,
    NameOrder,
    PlanOrder,
    ReadKnownOrder,
    ReadSwitchesOrder,
    Scanned,
    ScanOrder,
    SiteRef,
    SwitchesRead,
)
from domain.order import Order
from domain.system_observation import ObserveSystemsOrder, SystemsObserved
from workflows.calls import (
    DISCOVER_DEVICES,
    LOAD_SITE,
    NAME_BMCS,
    OBSERVE_SYSTEMS,
    REACH_OUT_OF_BAND,
    READ_KNOWN_SERVERS,
    READ_SWITCHES,
    REPORT_FINDINGS,
)
from workflows.runbook import Runbook

TITLES = {
    "load": "Load the declaration",
    "reach": "Reach the out-of-band network",
    "discover": "Discover BMCs and switches",
    "switches": "Read the switches",
    "systems": "Observe the other systems",
}
"""In this order; a workflow puts its own after them."""

KNOWN = {"known": "Read the servers that know us"}
"""For workflows that ask for a `plan_order`."""


class Observed(Model):
    """A site as it was found, by reference."""

    site: SiteRef
    found: Discovered
    switches: SwitchesRead
    systems: SystemsObserved


class SiteObservation:
    """Runs the shared phases in a workflow's runbook. `tells`: what is seen goes out as findings at once."""

    def __init__(self, book: Runbook, *, tells: bool) -> None:
        self._book, self._tells = book, tells

    @property
    def _order(self) -> Order:
        return self._book.order

    async def observe(self) -> Observed:
        site = await self._load()
        found = await self._discover(site, await self._reach(site))
        switches = await self._read_switches(site, found)
        return Observed(site=site, found=found, switches=switches, systems=await self._observe_systems(site))

    async def plan_order(self, observed: Observed, *, approved: str = "") -> PlanOrder:
        """What planning and audits start from: the observation, and the servers that let us read them."""
        known = await self._read_known(observed)
        declaration = self._order.declaration
        return PlanOrder(
            operation_id=self._order.operation_id,
            author=self._order.who,
            site=observed.site,
            digest=declaration.digest if declaration is not None else "",
            discovery=observed.found.discovery,
            switches=observed.switches.readings,
            systems=observed.systems.observations,
            servers=known.readings,
            approved=approved,
        )

    async def tell_switches(self, site: SiteRef, switches: SwitchesRead) -> None:
        """What is known of the switches now, in place of what was told before."""
        await self._tell(site, "switches", switches)

    async def _load(self) -> SiteRef:
        """The declaration as it was when the operation was accepted."""
        declaration = self._order.declaration
        if declaration is None:
            raise ApplicationError("a site operation needs a declaration", type="rejected", non_retryable=True)
        return await self._book.must("load", lambda: LOAD_SITE(LoadOrder(declaration=declaration)))

    async def _reach(self, site: SiteRef) -> Scanned:
        """Who answers in the out-of-band ranges; nobody at all means that we do not reach the network."""

        async def reach() -> Scanned:
            scanned = await REACH_OUT_OF_BAND(ScanOrder(site=site), queue=self._order.devices_queue)
            if scanned.answering == 0:
                raise ApplicationError(
                    f"Nothing answers at any of the {scanned.tried} addresses and ports of {site.name}'s out-of-band "
                    f"network. Check that the worker of queue {self._order.devices_queue} can reach it, then: "
                    f'edgewright retry {self._order.operation_id} --why "…"',
                    type="out-of-band-unreachable",
                )
            self._book.detail("reach", f"{scanned.answering} of {scanned.tried} addresses and ports answer")
            return scanned

        return await self._book.must("reach", reach)

    async def _discover(self, site: SiteRef, scanned: Scanned) -> Discovered:
        """Who they are. Unexpected devices are reported, not adopted."""

        async def discover() -> Discovered:
            order = DiscoverOrder(site=site, answers=scanned.answers)
            found = await DISCOVER_DEVICES(order, queue=self._order.devices_queue)
            if found.nameable and found.survey is not None:
                asked = NameOrder(site=site, survey=found.survey)
                found = await NAME_BMCS(asked, queue=self._order.devices_queue)
            await self._tell(site, "discovery", found)
            self._book.detail("discover", f"{found.servers} servers, {found.switches} switches")
            return found

        return await self._book.must("discover", discover)

    async def _read_switches(self, site: SiteRef, found: Discovered) -> SwitchesRead:
        """What each switch is and sees. One that cannot be read leaves its cables unverified."""

        async def read() -> SwitchesRead:
            order = ReadSwitchesOrder(site=site, discovery=found.discovery)
            switches = await READ_SWITCHES(order, queue=self._order.devices_queue)
            await self.tell_switches(site, switches)
            self._book.detail("switches", f"{switches.read} of {switches.total} switches read")
            return switches

        return await self._book.must("switches", read)

    async def _observe_systems(self, site: SiteRef) -> SystemsObserved:
        """Storage, gateways, DNS and the like, where a driver exists. Nothing later needs them, so a person may skip it."""

        async def observe() -> SystemsObserved:
            seen = SystemsObserved()
            if site.systems:
                seen = await OBSERVE_SYSTEMS(ObserveSystemsOrder(site=site), queue=self._order.devices_queue)
            await self._tell(site, "systems", seen)
            told = f"{seen.observed} of {seen.total} systems observed" if site.systems else "no system names a driver"
            self._book.detail("systems", told)
            return seen

        if not workflow.patched("systems"):
            return SystemsObserved()
        return await self._book.step("systems", observe) or SystemsObserved()

    async def _read_known(self, observed: Observed) -> KnownRead:
        async def read() -> KnownRead:
            order = ReadKnownOrder(site=observed.site, discovery=observed.found.discovery)
            known = await READ_KNOWN_SERVERS(order, queue=self._order.devices_queue)
            self._book.detail("known", f"{known.read} of {known.known} servers that know us were read")
            return known

        return await self._book.must("known", read)

    async def _tell(self, site: SiteRef, check: str, seen: Discovered | SwitchesRead | SystemsObserved) -> None:
        if self._tells:
            unseen = seen.unseen if isinstance(seen, SystemsObserved) else ()
            report = Report(
                check=check,
                place=Place(region=site.region, site=site.name),
                sightings=seen.sightings,
                unseen=unseen,
                operation=self._order.operation_id,
            )
            await REPORT_FINDINGS(report)
