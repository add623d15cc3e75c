"""Auditing sites: drift between declaration, NetBox and devices as findings. Changes nothing else."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

from domain.finding import Report, Sighting
from domain.fleet import UNREACHABLE, FleetReport, FleetSite, FleetWindow, StateLimits, StatesWatched, unreachable
from domain.onboarding import AuditReport
from domain.operation import OperationState, Outcome
from domain.order import Order
from workflows import site_observation
from workflows.calls import AUDIT_SITE, LIST_SITES, REPORT_FINDINGS, WATCH_STATES
from workflows.runbook import GaveUp, Runbook
from workflows.site_observation import SiteObservation

SITE_AUDIT, FLEET_AUDIT, STATE_WATCH = "site-audit", "fleet-audit", "state-watch"

SITES_AT_ONCE = 8
SITES_A_WINDOW = 100
"""Sites listed at a time. All windows are in one history, some six events a site: fleets of thousands need schedules per region."""


@workflow.defn
class SiteAudit:
    """Observes a site again and reports what is not as declared. Takes no lock."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        titles = {**site_observation.TITLES, **site_observation.KNOWN, "audit": "Compare and report"}
        self._book = Runbook(order, titles, waits=False)
        self._observation = SiteObservation(self._book, tells=False)

    @workflow.run
    async def run(self, order: Order) -> AuditReport | None:
        return await self._book.carry_out(self._audit, audited)

    async def _audit(self) -> AuditReport:
        try:
            observed = await self._observation.observe()
        except GaveUp as error:
            if error.step != "reach":
                raise
            await self._tell_reach(unreachable(self._book.place, error.reason))
            return AuditReport(site=self._book.place.site, unreached=error.reason)
        if workflow.patched("site-unreachable"):
            await self._tell_reach()
        asked = await self._observation.plan_order(observed)
        return await self._book.must("audit", lambda: AUDIT_SITE(asked))

    async def _tell_reach(self, *seen: Sighting) -> None:
        """Nothing else is reported of a site that was not reached: what is open stays as it is."""
        report = Report(check="reach", place=self._book.place, sightings=seen, operation=self._book.order.operation_id)
        await REPORT_FINDINGS(report)


def audited(report: AuditReport) -> Outcome:
    if report.unreached:
        return Outcome(
            state=OperationState.PARTIAL,
            kind=UNREACHABLE,
            reason=f"{report.site} was not reached, so nothing of it was looked at: {report.unreached}",
            do="Mend what the finding names, then audit it again.",
        )
    known = report.open - report.new
    said = f"{report.sightings} facts to look at: {report.new} new, {known} known before; {report.resolved} resolved"
    return Outcome(state=OperationState.SUCCEEDED, reason=said if report.sightings else "everything is as declared")


@workflow.defn
class FleetAudit:
    """Audits a window of sites, each by its own operation. Started by a schedule, for one region or for all."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._book = Runbook(order, {"list": "List the sites", "audit": "Audit the sites"}, waits=False)
        self._done = FleetReport()

    @workflow.run
    async def run(self, order: Order) -> FleetReport | None:
        return await self._book.carry_out(self._audit, self._outcome)

    async def _audit(self) -> FleetReport:
        region = self._book.order.region
        window = await self._book.must("list", lambda: LIST_SITES(FleetWindow(region=region, at_most=SITES_A_WINDOW)))
        while True:
            await self._audit_window(window.sites)
            if not window.next:
                return self._done
            window = await LIST_SITES(FleetWindow(region=region, after=window.next, at_most=SITES_A_WINDOW))

    async def _audit_window(self, sites: tuple[FleetSite, ...]) -> None:
        at_once = asyncio.Semaphore(SITES_AT_ONCE)

        async def audit(site: FleetSite) -> None:
            async with at_once:
                await self._audit_one(site)

        async def every() -> FleetReport:
            await asyncio.gather(*map(audit, sites))
            return self._done

        await self._book.must("audit", every)

    async def _audit_one(self, site: FleetSite) -> None:
        order = Order(
            operation_id="",
            kind=SITE_AUDIT,
            target=site.name,
            region=site.region,
            site=site.name,
            declaration=site.declaration,
            devices_queue=site.devices_queue,
        )
        done = self._done
        try:
            report = await workflow.execute_child_workflow(
                SiteAudit.run,
                order,
                id=f"{SITE_AUDIT}/scheduled/{site.name}",
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                static_summary=f"Audit {site.name}",
            )
        except WorkflowAlreadyStartedError:
            self._done = done.model_copy(update={"busy": (*self._done.busy, site.name)})
            return
        except ChildWorkflowError:
            report = None
        if report is not None and report.unreached:
            self._done = self._done.model_copy(update={"unreached": (*self._done.unreached, site.name)})
        elif report is None:
            self._done = self._done.model_copy(update={"failed": (*self._done.failed, site.name)})
        else:
            self._done = self._done.model_copy(update={"audited": self._done.audited + 1})
        self._book.detail("audit", f"{self._done.audited} sites audited", done=self._done.audited)

    @staticmethod
    def _outcome(report: FleetReport) -> Outcome:
        left = (*report.unreached, *report.busy, *report.failed)
        said = f"{report.audited} sites audited"
        if not left:
            return Outcome(state=OperationState.SUCCEEDED, reason=said)
        return Outcome(
            state=OperationState.PARTIAL,
            kind="sites-left",
            reason=f"{said}, {len(left)} were not: {', '.join(left[:20])}",
            do="See what each of them says: edgewright get findings, edgewright get operations",
            details=left,
        )


@workflow.defn
class StateWatch:
    """Finds servers that stay in a state longer than the state allows. Started by a schedule."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._book = Runbook(order, {"watch": "Look for servers that stay too long"}, waits=False)

    @workflow.run
    async def run(self, order: Order) -> StatesWatched | None:
        return await self._book.carry_out(self._watch, watched)

    async def _watch(self) -> StatesWatched:
        order = self._book.order
        limits = StateLimits(region=order.region, operation_id=order.operation_id)
        return await self._book.must("watch", lambda: WATCH_STATES(limits))


def watched(report: StatesWatched) -> Outcome:
    said = f"{report.late} servers stay longer than they should" if report.late else "no server stays too long"
    return Outcome(state=OperationState.SUCCEEDED, reason=said)
