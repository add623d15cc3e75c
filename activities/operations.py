"""Operation rows, holds and findings as activities. Queue `control`."""

from temporalio import activity

from domain.finding import FindingStore, Report, Reported
from domain.hold import HoldQuery, Holds, HoldStore
from domain.operation import (
    EndOrder,
    OpenOrder,
    Operation,
    OperationStore,
    PlanRecord,
    ProgressRecord,
    Taken,
    TakeOrder,
    WaitingRecord,
)


class OperationActivities:
    """Each writes what is so now; run twice, the second changes nothing."""

    def __init__(self, operations: OperationStore, findings: FindingStore, holds: HoldStore) -> None:
        self._operations = operations
        self._findings = findings
        self._holds = holds

    @activity.defn
    def open_operation(self, order: OpenOrder) -> Operation:
        """A scheduled run's row, running from the start; the same run gets the same row."""
        return self._operations.open_running(order.draft, order.run_id)

    @activity.defn
    def take_operation(self, order: TakeOrder) -> Taken:
        """Every workflow's first step. Not granted: another run has the row or it has ended, and this run must end at once."""
        return self._operations.take(order.operation, order.workflow_id, order.run_id)

    @activity.defn
    def record_plan(self, record: PlanRecord) -> Operation:
        """The row names the plan from here on, so that whoever looks at the operation finds it."""
        return self._operations.record_plan(record)

    @activity.defn
    def record_progress(self, record: ProgressRecord) -> Operation:
        return self._operations.record_progress(record)

    @activity.defn
    def record_waiting(self, record: WaitingRecord) -> Operation:
        """Written before a wait and after it, so that "why" has an answer when no worker is alive."""
        return self._operations.record_waiting(record)

    @activity.defn
    def end_operation(self, order: EndOrder) -> Operation:
        """The first outcome stays. Raises `Conflict` if another run has the row."""
        return self._operations.end(order.operation, order.run_id, order.outcome, order.steps)

    @activity.defn
    def read_holds(self, query: HoldQuery) -> Holds:
        return Holds(holds=self._holds.covering(query.place, within=query.within))

    @activity.defn
    def report_findings(self, report: Report) -> Reported:
        """A retry of this activity counts nothing twice: without a key of its own the report gets the activity's."""
        if not report.key and activity.in_activity():
            info = activity.info()
            key = f"{info.workflow_id}/{info.workflow_run_id}/{info.activity_id}"
            report = report.model_copy(update={"key": key})
        return self._findings.report(report)
