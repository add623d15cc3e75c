"""Site onboarding: from a declaration and a network of unknown devices to verified servers in NetBox."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from domain.acceptance_report import CHECK as ACCEPTANCE_CHECK
from domain.acceptance_report import ImportReportOrder, ReportImported
from domain.access import Place
from domain.finding import Report, Severity, Sighting
from domain.onboarding import (
    Discovered,
    JudgeOrder,
    OnboardingReport,
    Planned,
    RackOrder,
    RackProgress,
    RackReport,
    RackSize,
    Recorded,
    RecordOrder,
    SiteRef,
    SwitchesRead,
    TakeSwitchesOrder,
)
from domain.operation import OperationState, Outcome
from domain.order import Order
from domain.plan import shown_hash
from workflows import site_observation
from workflows.calls import (
    IMPORT_ACCEPTANCE_REPORT,
    JUDGE_RACK,
    PLAN_SITE,
    RECORD_SITE,
    REPORT_FINDINGS,
    TAKE_OVER_SWITCHES,
)
from workflows.failures import reason_of
from workflows.onboarding_rack import RackOnboarding
from workflows.runbook import Ended, Runbook
from workflows.search_attributes import of_child
from workflows.site_observation import Observed, SiteObservation

TITLES = {
    **site_observation.TITLES,
    **site_observation.KNOWN,
    "plan": "Check that the plan is still true",
    "accounts": "Take over the switches' credentials",
    "frame": "Record the site and its racks in NetBox",
    "servers": "Take over, read, compare and record the servers",
    "report": "Import the installer's acceptance report",
    "cables": "Check and record the other cables, and report",
}

RACKS_AT_ONCE = 4
MEND_AND_RETRY = "Mend what the findings name, then retry the operation."
EVIDENCE_TOLD = 100
"""Entries that the outcome names; the ledger has all of them, by operation."""


@workflow.defn
class SiteOnboarding:
    """Brings every declared device of a site into NetBox, verified. Safe to cancel: what is recorded stays true.

    Onboarding again changes nothing; onboarding a grown declaration adds only what is new.
    """

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._book = Runbook(order, titles_for(order))
        self._observation = SiteObservation(self._book, tells=True)
        self._holdable = False
        """Passwords are changed from here on, so holds stop it; false where an older build began the operation."""
        self._critical = 0

    @workflow.run
    async def run(self, order: Order) -> OnboardingReport:
        report = await self._book.carry_out(self._onboard, outcome_of)
        return report or OnboardingReport(site=order.site)

    async def _onboard(self) -> OnboardingReport:
        observed = await self._observation.observe()
        await self._check_plan(observed)
        site, found = observed.site, observed.found
        self._holdable = workflow.patched("holds")
        switches = await self._take_over_switches(observed)
        self._critical += critical(switches.sightings)
        frame = await self._record_frame(observed, switches)
        racks = await self._bring_in_servers(site, found, switches)
        imported = await self._import_report(site)
        cables = await self._record_cables(site, switches, racks)
        not_recorded = await self._report_recording(site, (frame, *(rack.recorded for rack in racks), cables))
        return OnboardingReport(
            site=site.name,
            racks=racks,
            missing=found.missing,
            switches_unread=switches.total - switches.read,
            systems_left=observed.systems.left,
            not_recorded=not_recorded,
            reported=imported.evidence,
            critical=self._critical,
            skipped=self._book.skipped(),
            unfinished=unfinished(site, racks),
        )

    # --- phases ---------------------------------------------------------------------------------------------------

    async def _check_plan(self, observed: Observed) -> None:
        """An apply that names a plan changes nothing unless the plan made now, under the lock, is still that one."""
        approved = self._book.order.plan_hash
        if approved is None:
            return
        planned = await self._book.must("plan", lambda: self._plan(observed, approved))
        if planned.summary.hash != approved:
            raise plan_stale(planned)

    async def _plan(self, observed: Observed, approved: str) -> Planned:
        return await PLAN_SITE(await self._observation.plan_order(observed, approved=approved))

    async def _take_over_switches(self, observed: Observed) -> SwitchesRead:
        """After the plan was checked, for it changes switches. One that cannot be taken over is a finding and stops nobody."""

        async def take_over() -> SwitchesRead:
            site, before = observed.site, observed.switches
            order = TakeSwitchesOrder(site=site, discovery=observed.found.discovery, switches=before.readings)
            after = await TAKE_OVER_SWITCHES(order, queue=self._book.order.devices_queue)
            if after.sightings != before.sightings:
                await self._observation.tell_switches(site, after)
            self._book.detail("accounts", f"{len(after.taken_over)} switches taken over")
            return after

        return await self._book.step("accounts", take_over, disruptive=self._holdable) or observed.switches

    async def _record_frame(self, observed: Observed, switches: SwitchesRead) -> Recorded:
        """Region, site, location, racks, switches, systems, pools: what the servers' records point at."""
        order = RecordOrder(
            operation_id=self._book.order.operation_id,
            site=observed.site,
            switches=switches.readings,
            systems=observed.systems.observations,
        )
        return await self._book.must("frame", lambda: RECORD_SITE(order))

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
                        operation_id=self._book.order.operation_id,
                        site=site,
                        rack=size,
                        missing=tuple(name for name in found.missing if name in size.servers),
                        discovery=found.discovery,
                        switches=switches.readings,
                        devices_queue=self._book.order.devices_queue,
                        parent=workflow.info().workflow_id,
                    ),
                    id=f"site/{site.name}/rack/{size.rack}",
                    cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                    parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                    static_summary=f"Onboard rack {size.rack}",
                    search_attributes=of_child(self._book.order.operation_id, site.region, site.name),
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

        return await self._book.step("servers", racks, disruptive=self._holdable) or tuple(done)

    async def _import_report(self, site: SiteRef) -> ReportImported:
        """What the installer tested before we came, kept as evidence. A report that does not hold is a finding."""

        async def import_report() -> ReportImported:
            order = ImportReportOrder(operation_id=self._book.order.operation_id, site=site)
            imported = await IMPORT_ACCEPTANCE_REPORT(order)
            place = Place(region=site.region, site=site.name)
            seen = imported.sightings
            await REPORT_FINDINGS(
                Report(check=ACCEPTANCE_CHECK, place=place, sightings=seen, operation=self._book.order.operation_id)
            )
            self._book.detail("report", report_in_words(imported))
            return imported

        return await self._book.step("report", import_report) or ReportImported(present=True)

    async def _record_cables(self, site: SiteRef, switches: SwitchesRead, racks: tuple[RackReport, ...]) -> Recorded:
        """Cables need both their ends in NetBox, so they come last. Those that end at no server are checked here."""

        async def record() -> Recorded:
            judged = await JUDGE_RACK(
                JudgeOrder(site=site, switches=switches.readings), about="cables between switches"
            )
            self._critical += critical(judged.sightings)
            place = Place(region=site.region, site=site.name)
            seen = judged.sightings
            await REPORT_FINDINGS(
                Report(check="cabling", place=place, sightings=seen, operation=self._book.order.operation_id)
            )
            verdicts = (*(rack.verdict for rack in racks if rack.verdict is not None), judged.verdict)
            order = RecordOrder(
                operation_id=self._book.order.operation_id, site=site, switches=switches.readings, verdicts=verdicts
            )
            return await RECORD_SITE(order)

        return await self._book.step("cables", record) or Recorded()

    async def _report_recording(self, site: SiteRef, recorded: tuple[Recorded, ...]) -> tuple[str, ...]:
        """What NetBox would not have, or has otherwise by somebody's hand, is a finding like any other."""
        flags = tuple(flag for part in recorded for flag in part.flags)
        place = Place(region=site.region, site=site.name)
        await REPORT_FINDINGS(
            Report(check="inventory", place=place, sightings=flags, operation=self._book.order.operation_id)
        )
        return tuple(refused for part in recorded for refused in part.refused)

    # --- what the racks tell ----------------------------------------------------------------------------------------

    @workflow.signal
    def servers_observed(self, progress: RackProgress) -> None:
        for standing in progress.servers:
            self._book.standing(standing)


def plan_stale(planned: Planned) -> Ended:
    """The world has moved since the plan was approved: nothing was changed."""
    return Ended(
        Outcome(
            state=OperationState.REFUSED,
            kind="plan-stale",
            reason="The site is not as it was when the plan was made; nothing was changed.",
            do=f"Read the new plan (edgewright describe plan {shown_hash(planned.summary.hash)}), then apply that.",
            details=tuple(f"{d.object}: was {d.was}, is {d.now}" for d in planned.stale),
        )
    )


def report_in_words(imported: ReportImported) -> str:
    if not imported.present:
        return "none is declared"
    if imported.refused:
        return f"refused: {imported.problems[0].message}"
    return f"{imported.report}: {len(imported.evidence)} servers have evidence of it"


def titles_for(order: Order) -> dict[str, str]:
    """Without a plan to hold to, there is no step that checks one."""
    return {key: title for key, title in TITLES.items() if key not in ("known", "plan") or order.plan_hash is not None}


def critical(sightings: Iterable[Sighting]) -> int:
    return sum(1 for sighting in sightings if sighting.severity is Severity.CRITICAL)


def unfinished(site: SiteRef, racks: tuple[RackReport, ...]) -> tuple[str, ...]:
    """Servers of racks that a person skipped: nobody knows how they are."""
    done = {report.rack for report in racks}
    return tuple(name for size in site.racks if size.rack not in done for name in size.servers)


def outcome_of(report: OnboardingReport) -> Outcome:
    """Succeeded if every declared server is in; partial, with what to do, if some are quarantined, missing or busy."""
    return _standing(report).model_copy(update={"evidence": report.evidence[:EVIDENCE_TOLD]})


def _standing(report: OnboardingReport) -> Outcome:
    busy = tuple(name for rack in report.racks for name in rack.busy)
    held = tuple(name for rack in report.racks for name in rack.held)
    left = tuple(dict.fromkeys((*report.quarantined, *report.missing, *busy, *held, *report.unfinished)))
    in_order = f"{report.good} servers of {report.site} are in order"
    if left:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}, {len(left)} are not: {', '.join(left[:20])}"
            + (f"; held: {', '.join(held[:20])}" if held else ""),
            kind="servers-left",
            do=MEND_AND_RETRY,
            details=left,
        )
    if report.not_recorded:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}; NetBox did not take {len(report.not_recorded)} objects",
            kind="not-recorded",
            do="Mend what the findings name in NetBox, then retry the operation.",
            details=report.not_recorded[:20],
        )
    if report.switches_unread:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}; {report.switches_unread} switches were not read, so their cables are unverified",
            kind="switches-left",
            do=MEND_AND_RETRY,
        )
    if report.systems_left:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}; {len(report.systems_left)} of its other systems do not answer or are not as declared: "
            + ", ".join(report.systems_left[:20]),
            kind="systems-left",
            do=MEND_AND_RETRY,
            details=report.systems_left,
        )
    if report.critical:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}; {report.critical} critical findings are about its switches and the cables between them",
            kind="findings-left",
            do=MEND_AND_RETRY,
        )
    if report.skipped:
        return Outcome(
            state=OperationState.PARTIAL,
            reason=f"{in_order}; skipped: {', '.join(report.skipped)}",
            kind="steps-skipped",
            do="Retry the operation when what was skipped can be done.",
            details=report.skipped,
        )
    return Outcome(state=OperationState.SUCCEEDED, reason=in_order)
