"""A runbook in progress: the steps people see, the row they are written to, and the person who decides when one fails.

Composition, not inheritance: a workflow holds a `Runbook`, runs its phases through `step`, and hands its updates to `decide`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

from domain.access import Place
from domain.hold import Hold
from domain.operation import (
    Choice,
    EndOrder,
    OpenOrder,
    OperationDraft,
    OperationState,
    Outcome,
    PlanRecord,
    ProgressRecord,
    Step,
    StepState,
    TakeOrder,
    Waiting,
    WaitingRecord,
    WaitKind,
)
from domain.order import Decided, Decision, Order, Progress, ServerStanding
from workflows.calls import (
    END_OPERATION,
    OPEN_OPERATION,
    RECORD_PLAN,
    RECORD_PROGRESS,
    RECORD_WAITING,
    TAKE_OPERATION,
)
from workflows.failures import kind_of, reason_of
from workflows.holding import Boundary
from workflows.search_attributes import BLOCKED, KIND, OPERATION_ID, PHASE, REGION, SITE, mark

AFTER_FAILURE = (Choice.RETRY, Choice.SKIP, Choice.ABANDON)
MUST_SUCCEED = (Choice.RETRY, Choice.ABANDON)
"""For a step without which the later ones make no sense: it cannot be skipped."""


class Ended(Exception):
    """The operation ends here, with this outcome. Raised by a phase, written down by `Runbook.carry_out`."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


class Abandoned(Ended):
    """A person gave the operation up at a step that failed."""

    def __init__(self, step: str, reason: str, decision: Decision) -> None:
        said = f"abandoned by {decision.by} at {step}: {decision.why or reason}"
        super().__init__(Outcome(state=OperationState.FAILED, kind="abandoned", reason=said))


class GaveUp(Ended):
    """A step failed of an operation that changes nothing and waits for nobody."""

    def __init__(self, step: str, title: str, error: FailureError) -> None:
        self.step, self.reason = step, reason_of(error)
        super().__init__(
            Outcome(
                state=OperationState.FAILED,
                kind=kind_of(error),
                reason=f"{title}: {self.reason}",
                do="Mend what it names, then ask again.",
            )
        )


class Runbook:
    """The steps of one operation's workflow, in order, with their human titles."""

    def __init__(self, order: Order, titles: dict[str, str], *, waits: bool = True) -> None:
        """`waits`: for a person, where a step fails. What only looks ends instead: it is asked for again at no cost."""
        self._order, self._waits = order, waits
        self._steps = {key: Step(key=key, title=title) for key, title in titles.items()}
        self._servers: dict[str, ServerStanding] = {}
        self._waiting: Waiting | None = None
        self._decision: tuple[Choice, Decision] | None = None
        self._boundary = Boundary()
        self._revision = 0
        self._one_wait = asyncio.Lock()
        self._summary = ""
        self._listen()

    def _listen(self) -> None:
        """Every operation's workflow answers the same query, signal and updates; see `domain.order` for their shapes."""
        workflow.set_query_handler("progress", self.progress)  # pyright: ignore[reportUnknownMemberType]
        for choice in (Choice.APPROVE, Choice.RETRY, Choice.SKIP, Choice.ABANDON):
            taking, checking = self._taking(choice), self._checking(choice)
            workflow.set_update_handler(choice.value, taking, validator=checking)  # pyright: ignore[reportUnknownMemberType]

    def _taking(self, choice: Choice) -> Callable[[Decision], Awaitable[Decided]]:
        async def take(decision: Decision) -> Decided:
            return self.decide(choice, decision)

        return take

    def _checking(self, choice: Choice) -> Callable[[Decision], None]:
        def check(decision: Decision) -> None:
            self.check(choice, decision)

        return check

    @property
    def place(self) -> Place:
        return Place(region=self._order.region, site=self._order.site)

    @property
    def order(self) -> Order:
        """What this run was asked. A scheduled one has no operation id before its row is open."""
        return self._order

    async def carry_out[T](self, work: Callable[[], Awaitable[T]], outcome_of: Callable[[T], Outcome]) -> T | None:
        """Takes the row (a scheduled run opens its own), does the work, and writes down how it ended. None: it did not finish.

        Raises:
            ApplicationError: the row is another run's; nothing was done.
            CancelledError: after the row says so.
        """
        if not self._order.operation_id:
            await self._open()
        elif not_ours := await self._take():
            raise ApplicationError(not_ours, type="conflict", non_retryable=True)
        try:
            result = await work()
        except Ended as ended:
            await self._end(ended.outcome)
            return None
        except (asyncio.CancelledError, FailureError) as error:
            if not is_cancelled_exception(error):
                raise
            await self._end(Outcome(state=OperationState.CANCELLED, reason="cancelled; what is recorded stays"))
            raise
        await self._end(outcome_of(result))
        return result

    async def _open(self) -> None:
        """A scheduled run's row, running from the start."""
        order, info = self._order, workflow.info()
        declaration = order.declaration
        draft = OperationDraft(
            kind=order.kind,
            target=order.target,
            place=self.place,
            who="schedule",
            workflow_id=info.workflow_id,
            declaration_kind=declaration.kind if declaration else "",
            declaration_name=declaration.name if declaration else "",
            declaration_version=declaration.version if declaration else None,
            declaration_digest=declaration.digest if declaration else "",
            inputs={"devices_queue": order.devices_queue},
        )
        row = await OPEN_OPERATION(OpenOrder(draft=draft, run_id=info.first_execution_run_id))
        self._order = order.model_copy(update={"operation_id": row.id})
        places = [key.value_set(value) for key, value in ((REGION, order.region), (SITE, order.site)) if value]
        mark(OPERATION_ID.value_set(row.id), KIND.value_set(order.kind), *places)

    async def _take(self) -> str:
        """Makes the operation's row ours. The empty string, or why this run must end at once."""
        info = workflow.info()
        taken = await TAKE_OPERATION(
            TakeOrder(
                operation=self._order.operation_id, workflow_id=info.workflow_id, run_id=info.first_execution_run_id
            )
        )
        return "" if taken.granted else taken.why or "the operation's row belongs to another run"

    async def step[T](
        self, key: str, work: Callable[[], Awaitable[T]], *, disruptive: bool = False, can_skip: bool = True
    ) -> T | None:
        """Runs a phase. A failure becomes `blocked` and waits for a person: retry runs it again, skip gives `None`.

        Raises:
            Abandoned: a person gave up.
            GaveUp: it failed, and this operation waits for nobody.
            CancelledError: the operation was cancelled.
        """
        self._begin(key)
        if disruptive:
            await self._pass_holds(key)
        while True:
            try:
                result = await work()
            except (ActivityError, ChildWorkflowError, ApplicationError) as error:
                if isinstance(error.cause, CancelledError):
                    # As what it is: an activity that was cancelled comes wrapped in a failure, which nobody above expects.
                    raise error.cause from error
                reason = reason_of(error)
                self._set(key, StepState.FAILED, reason)
                if not self._waits and workflow.patched("waits-for-nobody"):
                    raise GaveUp(key, self._steps[key].title, error) from error
                choices = AFTER_FAILURE if can_skip else MUST_SUCCEED
                choice, decision = await self._wait(key, WaitKind.BLOCKED, reason, choices)
                if choice is Choice.ABANDON:
                    raise Abandoned(self._steps[key].title, reason, decision) from error
                if choice is Choice.SKIP:
                    self._set(key, StepState.SKIPPED, f"skipped by {decision.by}: {decision.why or reason}")
                    return None
                self._begin(key)
                continue
            self._set(key, StepState.DONE)
            await self.record()
            return result

    async def must[T](self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """A phase without which the later ones make no sense: it is done, or the operation is abandoned."""
        result = await self.step(key, work, can_skip=False)
        assert result is not None, "a step that cannot be skipped has a result"
        return result

    async def gate(self, key: str, reason: str, plan_hash: str) -> Decision:
        """Waits for a person to approve what destroys data. Raises `Abandoned` if they do not want it."""
        choice, decision = await self._wait(
            key, WaitKind.GATE, reason, (Choice.APPROVE, Choice.ABANDON), plan_hash=plan_hash
        )
        if choice is Choice.ABANDON:
            raise Abandoned(self._steps[key].title, reason, decision)
        return decision

    async def _end(self, outcome: Outcome) -> None:
        """Writes the outcome to the row. Runs to its end although the operation is being cancelled."""
        for key, step in self._steps.items():
            if step.state in (StepState.RUNNING, StepState.WAITING):
                self._set(key, StepState.FAILED)
        await asyncio.shield(
            END_OPERATION(
                EndOrder(
                    operation=self._order.operation_id,
                    run_id=workflow.info().first_execution_run_id,
                    outcome=outcome,
                    steps=tuple(self._steps.values()),
                )
            )
        )
        mark(BLOCKED.value_set(False), PHASE.value_set(outcome.state.value))
        self._show()

    def skipped(self) -> tuple[str, ...]:
        """Titles of the steps that a person skipped."""
        return tuple(step.title for step in self._steps.values() if step.state is StepState.SKIPPED)

    def detail(self, key: str, detail: str, *, done: int | None = None, total: int | None = None) -> None:
        """Says more about a running step, such as `12 of 32 servers`."""
        self._steps[key] = self._steps[key].model_copy(update={"detail": detail, "done": done, "total": total})
        self._show()

    def standing(self, standing: ServerStanding) -> None:
        """How far one server is, as its rack told."""
        self._servers[standing.server] = standing
        self._show()

    async def record(self, summary: str = "") -> None:
        """Writes the steps to the row, so that lists and `why` need no worker."""
        self._summary = summary or self._summary
        self._revision += 1
        await RECORD_PROGRESS(
            ProgressRecord(
                operation=self._order.operation_id,
                revision=self._revision,
                steps=tuple(self._steps.values()),
                summary=self._summary,
            )
        )

    async def record_plan(self, plan_hash: str) -> None:
        """Writes to the row what was planned, so that the person who asked finds it."""
        run = workflow.info().first_execution_run_id
        await RECORD_PLAN(PlanRecord(operation=self._order.operation_id, run_id=run, plan_hash=plan_hash))

    # --- what the workflow's handlers call ----------------------------------------------------------------------

    def progress(self) -> Progress:
        return Progress(
            operation_id=self._order.operation_id,
            steps=tuple(self._steps.values()),
            waiting=(self._waiting,) if self._waiting is not None else (),
            servers=tuple(self._servers.values()),
        )

    def check(self, choice: Choice, decision: Decision) -> None:
        """For an update's validator: refuses, without a trace in the history, what nobody waits for."""
        if decision.operation_id != self._order.operation_id:
            raise ApplicationError(
                f"this workflow runs {self._order.operation_id}, not {decision.operation_id}", type="conflict"
            )
        waiting = self._waiting
        if waiting is None or self._decision is not None:
            raise ApplicationError(f"{decision.operation_id} waits for no decision", type="conflict")
        if decision.step and decision.step != waiting.key:
            raise ApplicationError(
                f"{decision.operation_id} waits at {waiting.key}, not {decision.step}", type="conflict"
            )
        if choice not in waiting.choices:
            allowed = ", ".join(waiting.choices)
            raise ApplicationError(f"{choice} is not possible at {waiting.step}: choose {allowed}", type="rejected")

    def decide(self, choice: Choice, decision: Decision) -> Decided:
        assert self._waiting is not None, "the validator lets nothing through that nobody waits for"
        self._decision = (choice, decision)
        return Decided(step=self._waiting.key, choice=choice)

    # --- waiting --------------------------------------------------------------------------------------------------

    async def _pass_holds(self, key: str) -> None:
        """Stops at this boundary while anybody holds the place; goes on by itself when it is released."""
        show = partial(self._show_hold, key)
        if await self._boundary.passed(self.place, show, interrupted=lambda: self._decision is not None):
            await self._clear_hold(key)
            return
        assert self._decision is not None, "nothing else interrupts it"
        _, decision = self._decision
        self._decision = None
        await self._clear_hold(key)
        raise Abandoned(self._steps[key].title, "held", decision)

    async def _show_hold(self, key: str, holds: tuple[Hold, ...]) -> None:
        if self._waiting is not None:
            return
        reason = "; ".join(str(hold) for hold in holds)
        await self._announce(key, WaitKind.HOLD, reason, (Choice.RELEASE, Choice.ABANDON))

    async def _clear_hold(self, key: str) -> None:
        if self._waiting is not None:
            await self._clear(key)
            self._begin(key)

    async def _wait(
        self, key: str, kind: WaitKind, reason: str, choices: tuple[Choice, ...], *, plan_hash: str = ""
    ) -> tuple[Choice, Decision]:
        async with self._one_wait:
            await self._announce(key, kind, reason, choices, plan_hash=plan_hash)
            await workflow.wait_condition(lambda: self._decision is not None)
            decision = self._decision
            self._decision = None
            await self._clear(key)
        assert decision is not None
        return decision

    async def _announce(
        self, key: str, kind: WaitKind, reason: str, choices: tuple[Choice, ...], *, plan_hash: str = ""
    ) -> None:
        """The row knows before anybody waits, so that `why` has an answer although no worker is alive."""
        self._waiting = Waiting(
            key=key,
            step=self._steps[key].title,
            kind=kind,
            reason=reason,
            choices=choices,
            since=workflow.now(),
            workflow_id=workflow.info().workflow_id,
            plan_hash=plan_hash,
        )
        self._set(key, StepState.WAITING, reason)
        mark(BLOCKED.value_set(True))
        await RECORD_WAITING(WaitingRecord(operation=self._order.operation_id, waiting=(self._waiting,)))

    async def _clear(self, key: str) -> None:
        self._waiting = None
        mark(BLOCKED.value_set(False))
        await RECORD_WAITING(WaitingRecord(operation=self._order.operation_id, cleared=(key,)))

    # --- showing --------------------------------------------------------------------------------------------------

    def _begin(self, key: str) -> None:
        self._set(key, StepState.RUNNING)
        mark(PHASE.value_set(key))

    def _set(self, key: str, state: StepState, detail: str | None = None) -> None:
        step = self._steps[key]
        now: datetime = workflow.now()
        ended = state in (StepState.DONE, StepState.SKIPPED, StepState.FAILED)
        self._steps[key] = step.model_copy(
            update={
                "state": state,
                "detail": step.detail if detail is None else detail,
                "started_at": step.started_at or now,
                "ended_at": now if ended else None,
            }
        )
        self._show()

    def _show(self) -> None:
        """The same steps in the Temporal UI."""
        marks = {
            StepState.DONE: "✓",
            StepState.RUNNING: "▶",
            StepState.WAITING: "⏸",
            StepState.SKIPPED: "↷",
            StepState.FAILED: "✗",
            StepState.PENDING: "·",
        }
        lines = [
            f"- {marks[step.state]} **{step.title}**{f': {step.detail}' if step.detail else ''}"
            for step in self._steps.values()
        ]
        workflow.set_current_details("\n".join(lines)[:18_000])
