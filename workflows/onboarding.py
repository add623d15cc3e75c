"""Site onboarding: from a declaration and a network of unknown devices to verified servers in NetBox."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from domain.access import Place
from domain.finding import Report
from domain.onboarding import (
    Discovered,
    DiscoverOrder,
    LoadOrder,
    OnboardingReport,
    RackOrder,
    RackReport,
    RackSize,
    ReadSwitchesOrder,
    RecordOrder,
    Scanned,
    ScanOrder,
    SiteRef,
    SwitchesRead,
)
from domain.operation import Choice, OperationState, Outcome
from domain.order import Decided, Decision, Order, Progress, Released
from workflows.calls import (
    DISCOVER_DEVICES,
    LOAD_SITE,
    REACH_OUT_OF_BAND,
    READ_SWITCHES,
    RECORD_SITE,
    REPORT_FINDINGS,
)
from workflows.onboarding_rack import RackOnboarding
from workflows.runbook import Abandoned, Runbook, reason_of

TITLES = {
    "load": "Load the declaration",
    "reach": "Reach the out-of-band network",
    "discover": "Discover BMCs and switches",
    "switches": "Read the switches",
    "frame": "Record the site and its racks in NetBox",
    "servers": "Take over, read, compare and record the servers",
    "cables": "Record the cables and report",
}

RACKS_AT_ONCE = 4


@workflow.defn
class SiteOnboarding:
    """Brings every declared device of a site into NetBox, verified. Safe to cancel: what is recorded stays true.

    Onboarding again changes nothing; onboarding a grown declaration adds only what is new.
    """

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._order = order
        self._book = Runbook(order, TITLES)

    @workflow.run
    async def run(self, order: Order) -> OnboardingReport:
        not_ours = await self._book.take()
        if not_ours:
            raise ApplicationError(not_ours, type="conflict", non_retryable=True)
        try:
            report = await self._onboard()
        except Abandoned as abandoned:
            await self._book.end(Outcome(state=OperationState.FAILED, reason=str(abandoned), kind="abandoned"))
            return OnboardingReport(site=order.site)
        except (asyncio.CancelledError, CancelledError):
            await self._book.end(Outcome(state=OperationState.CANCELLED, reason="cancelled; what is recorded stays"))
            raise
        await self._book.end(outcome_of(report))
        return report

    async def _onboard(self) -> OnboardingReport:
        site = await self._load()
        scanned = await self._reach(site)
        found = await self._discover(site, scanned)
        switches = await self._read_switches(site, found)
        await self._record_frame(site, switches)
        racks = await self._bring_in_servers(site, found, switches)
        await self._record_cables(site, switches, racks)
        return OnboardingReport(site=site.name, racks=racks, missing=found.missing)

    # --- phases ---------------------------------------------------------------------------------------------------

    async def _load(self) -> SiteRef:
        """The declaration as it was when the operation was accepted."""
        declaration = self._order.declaration
        if declaration is None:
            raise ApplicationError("onboarding needs a declaration", type="rejected", non_retryable=True)
        return _must(
            await self._book.step("load", lambda: LOAD_SITE(LoadOrder(declaration=declaration)), can_skip=False)
        )

    async def _reach(self, site: SiteRef) -> Scanned:
        """Who answers in the out-of-band ranges; nobody at all means that we do not reach the network."""

        async def reach() -> Scanned:
            scanned = await REACH_OUT_OF_BAND(ScanOrder(site=site), queue=self._order.devices_queue)
            if scanned.answering == 0:
                raise ApplicationError(
                    f"Nothing answers at any of the {scanned.tried} addresses and ports of {site.name}'s out-of-band "
                    f"network. Check that the worker of queue {self._order.devices_queue} can reach it, then: "
                    f"edgewright retry {self._order.operation_id}",
                    type="out-of-band-unreachable",
                )
            self._book.detail("reach", f"{scanned.answering} of {scanned.tried} addresses and ports answer")
            return scanned

        return _must(await self._book.step("reach", reach, can_skip=False))

    async def _discover(self, site: SiteRef, scanned: Scanned) -> Discovered:
        """Who they are. Unexpected devices are reported, not adopted."""

        async def discover() -> Discovered:
            order = DiscoverOrder(site=site, answers=scanned.answers)
            found = await DISCOVER_DEVICES(order, queue=self._order.devices_queue)
            await REPORT_FINDINGS(
                Report(
                    check="discovery",
                    place=Place(region=site.region, site=site.name),
                    sightings=found.sightings,
                    operation=self._order.operation_id,
                )
            )
            self._book.detail("discover", f"{found.servers} servers, {found.switches} switches")
            return found

        return _must(await self._book.step("discover", discover, can_skip=False))

    async def _read_switches(self, site: SiteRef, found: Discovered) -> SwitchesRead:
        """What each switch is and sees. One that cannot be read leaves its cables unverified."""

        async def read() -> SwitchesRead:
            order = ReadSwitchesOrder(site=site, discovery=found.discovery)
            return await READ_SWITCHES(order, queue=self._order.devices_queue)

        return _must(await self._book.step("switches", read, can_skip=False))

    async def _record_frame(self, site: SiteRef, switches: SwitchesRead) -> None:
        """Region, site, location, racks, switches, systems, pools: what the servers' records point at."""
        order = RecordOrder(operation_id=self._order.operation_id, site=site, switches=switches.readings)
        await self._book.step("frame", lambda: RECORD_SITE(order), can_skip=False)

    async def _bring_in_servers(
        self, site: SiteRef, found: Discovered, switches: SwitchesRead
    ) -> tuple[RackReport, ...]:
        """Rack by rack, some at once. A rack that fails waits for a person; the others go on meanwhile."""
        window = asyncio.Semaphore(RACKS_AT_ONCE)
        done: list[RackReport] = []

        async def rack(size: RackSize) -> None:
            async with window:
                report = await workflow.execute_child_workflow(
                    RackOnboarding.run,
                    RackOrder(
                        operation_id=self._order.operation_id,
                        site=site,
                        rack=size,
                        discovery=found.discovery,
                        switches=switches.readings,
                        devices_queue=self._order.devices_queue,
                        parent=workflow.info().workflow_id,
                    ),
                    id=f"site/{site.name}/rack/{size.rack}",
                    cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                    parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                    static_summary=f"Onboard rack {size.rack}",
                )
                done.append(report)
                servers = sum(len(r.servers) for r in site.racks)
                in_place = sum(report.good for report in done)
                self._book.detail(
                    "servers", f"{in_place} of {servers} servers are in order", done=in_place, total=servers
                )

        async def racks() -> tuple[RackReport, ...]:
            finished = {report.rack for report in done}
            left = [size for size in site.racks if size.servers and size.rack not in finished]
            failures = await asyncio.gather(*(rack(size) for size in left), return_exceptions=True)
            for failure in failures:
                if isinstance(failure, FailureError):
                    raise ApplicationError(reason_of(failure), type="rack-failed") from failure
                if isinstance(failure, BaseException):
                    raise failure
            return tuple(done)

        return await self._book.step("servers", racks) or tuple(done)

    async def _record_cables(self, site: SiteRef, switches: SwitchesRead, racks: tuple[RackReport, ...]) -> None:
        """Cables need both their ends in NetBox, so they come last."""
        order = RecordOrder(
            operation_id=self._order.operation_id,
            site=site,
            switches=switches.readings,
            verdicts=tuple(rack.verdict for rack in racks if rack.verdict is not None),
        )
        await self._book.step("cables", lambda: RECORD_SITE(order))

    # --- a person's answers -----------------------------------------------------------------------------------------

    @workflow.query
    def progress(self) -> Progress:
        return self._book.progress()

    @workflow.signal
    def hold_released(self, released: Released) -> None:
        self._book.released(released)

    @workflow.update
    async def retry(self, decision: Decision) -> Decided:
        return self._book.decide(Choice.RETRY, decision)

    @retry.validator
    def _may_retry(self, decision: Decision) -> None:
        self._book.check(Choice.RETRY, decision)

    @workflow.update
    async def skip(self, decision: Decision) -> Decided:
        return self._book.decide(Choice.SKIP, decision)

    @skip.validator
    def _may_skip(self, decision: Decision) -> None:
        self._book.check(Choice.SKIP, decision)

    @workflow.update
    async def abandon(self, decision: Decision) -> Decided:
        return self._book.decide(Choice.ABANDON, decision)

    @abandon.validator
    def _may_abandon(self, decision: Decision) -> None:
        self._book.check(Choice.ABANDON, decision)


def outcome_of(report: OnboardingReport) -> Outcome:
    """Succeeded if every declared server is in; partial, with what to do, if some are quarantined, missing or busy."""
    busy = tuple(name for rack in report.racks for name in rack.busy)
    left = tuple(dict.fromkeys((*report.quarantined, *report.missing, *busy)))
    if not left:
        return Outcome(state=OperationState.SUCCEEDED, reason=f"{report.good} servers of {report.site} are in order")
    return Outcome(
        state=OperationState.PARTIAL,
        reason=f"{report.good} servers of {report.site} are in order, {len(left)} are not: {', '.join(left[:20])}",
        kind="servers-left",
        do="Mend what the findings name, then retry the operation.",
        details=left,
    )


def _must[T](result: T | None) -> T:
    """A step that cannot be skipped has a result."""
    assert result is not None
    return result
