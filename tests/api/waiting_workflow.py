"""A workflow in the shape of all ours that does nothing but wait for a person, and the catalogue that lists it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.operation import Choice, Step, StepState, TakeOrder, Waiting, WaitingRecord, WaitKind
    from domain.order import Decided, Decision, Order, Progress, Released


@workflow.defn
class WaitingWork:
    """Takes its row, waits at a step for a decision, tries `unlucky` while it is told to retry, and ends."""

    def __init__(self) -> None:
        self._answers: list[tuple[Choice, Decision]] = []
        self._released = 0
        self._order: Order | None = None

    @workflow.run
    async def run(self, order: Order) -> str:
        self._order = order
        info = workflow.info()
        take = TakeOrder(operation=order.operation_id, workflow_id=info.workflow_id, run_id=info.first_execution_run_id)
        await workflow.execute_activity("take", take, start_to_close_timeout=timedelta(seconds=10))
        waiting = Waiting(
            key="repair", step="Repair", kind=WaitKind.BLOCKED, reason="one GPU is missing",
            choices=(Choice.RETRY, Choice.SKIP, Choice.ABANDON), since=workflow.now(), workflow_id=info.workflow_id,
        )  # fmt: skip
        record = WaitingRecord(operation=order.operation_id, waiting=(waiting,))
        await workflow.execute_activity("wait", record, start_to_close_timeout=timedelta(seconds=10))
        await workflow.wait_condition(lambda: bool(self._answers) or self._released > 0)
        if self._answers and self._answers[0][0] is Choice.RETRY:
            # Fails until somebody cancels: what `why` has to explain.
            await workflow.execute_activity(
                "unlucky",
                order.operation_id,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=30)),
            )
        return "done"

    @workflow.query
    def progress(self) -> Progress:
        assert self._order is not None
        step = Step(key="repair", title="Repair", state=StepState.WAITING)
        return Progress(operation_id=self._order.operation_id, steps=(step,))

    def _check(self, decision: Decision) -> None:
        assert self._order is not None
        if decision.operation_id != self._order.operation_id:
            raise ApplicationError("that is another operation", type="conflict")

    def _take(self, choice: Choice, decision: Decision) -> Decided:
        self._answers.append((choice, decision))
        return Decided(step=decision.step, choice=choice)

    @workflow.update
    def retry(self, decision: Decision) -> Decided:
        return self._take(Choice.RETRY, decision)

    @workflow.update
    def skip(self, decision: Decision) -> Decided:
        return self._take(Choice.SKIP, decision)

    @retry.validator
    def _may_retry(self, decision: Decision) -> None:
        self._check(decision)

    @skip.validator
    def _may_skip(self, decision: Decision) -> None:
        self._check(decision)

    @workflow.signal
    def hold_released(self, _: Released) -> None:
        self._released += 1


def activities(operations: Any) -> list[Callable[..., Any]]:
    """The row's activities on the given store, and one that fails for a reason."""

    @activity.defn(name="take")
    async def take(order: TakeOrder) -> None:
        operations.take(order.operation, order.workflow_id, order.run_id)

    @activity.defn(name="wait")
    async def wait(record: WaitingRecord) -> None:
        operations.record_waiting(record)

    @activity.defn(name="unlucky")
    async def unlucky(operation: str) -> None:
        raise ApplicationError("BMC 10.0.0.7 does not answer")

    return [take, wait, unlucky]


@dataclass(frozen=True)
class TestKind:
    name: str
    title: str
    locks: bool
    workflow: Callable[..., Any] = WaitingWork.run

    def lock(self, order: Order) -> str:
        return f"site/{order.site}/fabric" if self.locks else ""


KINDS = {
    kind.name: kind
    for kind in (
        TestKind("site-plan", "Plan a site", locks=False),
        TestKind("site-onboarding", "Onboard a site", locks=True),
        TestKind("site-audit", "Audit a site", locks=False),
    )
}
