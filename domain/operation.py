"""Operations: the row that says what one workflow was asked to do, by whom, how far it is, what it waits for and how it ended."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from domain.access import Place
from domain.errors import Conflict, Rejected
from domain.model import Model
from domain.paging import Page, PageRequest


class OperationUnknown(Rejected):
    """No operation has this id."""

    kind = "operation-unknown"


class IdempotencyKeyReused(Conflict):
    """The same idempotency key came with another request."""

    kind = "idempotency-key-reused"


class OperationState(StrEnum):
    ACCEPTED = "accepted"
    RUNNING = "running"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """It ended and did part: some servers are in, others are quarantined or were busy."""
    FAILED = "failed"
    REFUSED = "refused"
    """It changed nothing: the plan was stale, or the lock was taken."""
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in OPEN_STATES


OPEN_STATES = frozenset({OperationState.ACCEPTED, OperationState.RUNNING, OperationState.BLOCKED})


class WaitKind(StrEnum):
    """Why a step waits: for an approval, for a hold to be released, or for a person to decide about a failure."""

    GATE = "gate"
    HOLD = "hold"
    BLOCKED = "blocked"


class Choice(StrEnum):
    """What is safe to do about a wait; each is an update of the workflow that waits."""

    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    SKIP = "skip"
    ABANDON = "abandon"
    RELEASE = "release"
    CANCEL = "cancel"


class Waiting(Model):
    """One wait of an operation, written before the wait begins. Several children of one operation may wait at once."""

    key: str
    """Names the wait within its operation: the waiting step's key, with the child's target in front where a child waits."""
    step: str
    """The step's human title."""
    kind: WaitKind
    reason: str
    choices: tuple[Choice, ...] = ()
    since: datetime
    workflow_id: str = ""
    """Where an update about this wait goes: the root's workflow, or the child's that waits."""
    plan_hash: str = ""
    """At a gate: the hash an approval must name."""
    object: str = ""


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class Step(Model):
    """A step as people see it, the same in API, CLI, console and Temporal UI."""

    key: str
    title: str
    state: StepState = StepState.PENDING
    detail: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    done: int | None = None
    total: int | None = None


class Outcome(Model):
    """How an operation ended: in one sentence, with what to do next where something is left to do."""

    state: OperationState
    reason: str = ""
    kind: str = ""
    """A stable word for scripts, such as `plan-stale`."""
    do: str = ""
    details: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class OperationDraft(Model):
    """What the API knows when it accepts an operation."""

    kind: str
    target: str
    place: Place = Place()
    who: str
    workflow_id: str = ""
    """The lock. Empty for what takes none: it becomes `{kind}/{op-id}`."""
    on_behalf_of: str = ""
    plan_hash: str = ""
    declaration_kind: str = ""
    declaration_name: str = ""
    declaration_version: int | None = None
    declaration_digest: str = ""
    retry_of: str = ""
    disruptive: bool = False
    inputs: dict[str, str | int | bool | None] = {}
    """What else the workflow's order is made from; the sweep starts a row from nothing but the row."""


class CancelAsked(Model):
    """A person wants the operation to stop. It does so by itself; until it has, the row says who asked."""

    who: str
    at: datetime
    why: str = ""

    def __str__(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        return f"{self.who}, {self.at:%Y-%m-%d %H:%M:%S} UTC{reason}"


class Operation(OperationDraft):
    id: str
    state: OperationState
    first_run_id: str = ""
    """The run that took the row; updates, cancel and terminate are addressed with it (`first_execution_run_id`)."""
    accepted_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    waiting: tuple[Waiting, ...] = ()
    steps: tuple[Step, ...] = ()
    summary: str = ""
    """One line about now, such as `12 of 32 servers verified`."""
    cancel_asked: CancelAsked | None = None


class IdempotencyKey(Model):
    """What a client sent so that a repeated request is one operation. `scope` keeps clients' keys apart (the token's id)."""

    key: str
    request_digest: str
    scope: str = ""


class Opened(Model):
    """An opened operation, or the one that the same idempotency key opened before."""

    operation: Operation
    replayed: bool = False


class OperationFilter(Model):
    """Every set field narrows the list."""

    kind: str = ""
    target: str = ""
    states: tuple[OperationState, ...] = ()
    who: str = ""
    place: Place = Place()
    workflow_id: str = ""


# --- what activities take and give ---------------------------------------------------------------------------------


class OpenOrder(Model):
    """A scheduled operation opens its own row as first step; the row is this run's from the start."""

    draft: OperationDraft
    run_id: str


class TakeOrder(Model):
    operation: str
    workflow_id: str
    run_id: str
    """The first run's id (`workflow.info().first_execution_run_id`): a run that continued as new takes nothing again."""


class Taken(Model):
    """`granted`: the row is this run's. Otherwise the run must end at once; `why` says who has it or how it ended."""

    granted: bool
    operation: Operation | None = None
    why: str = ""


class ProgressRecord(Model):
    operation: str
    revision: int
    """Grows with each record of one run; an older one, retried late, changes nothing."""
    steps: tuple[Step, ...]
    summary: str = ""


class PlanRecord(Model):
    """What a run has planned. Only that run's own row takes it."""

    operation: str
    run_id: str
    plan_hash: str


class WaitingRecord(Model):
    """Before a wait: `waiting`. After it: `cleared`, the keys of waits that are over."""

    operation: str
    waiting: tuple[Waiting, ...] = ()
    cleared: tuple[str, ...] = ()


class EndOrder(Model):
    operation: str
    run_id: str
    outcome: Outcome
    steps: tuple[Step, ...] = ()


class OperationRef(Model):
    operation: str


class OperationStore(Protocol):
    """The table `operations`. Every method is one transaction and may be called twice."""

    def open(self, draft: OperationDraft, key: IdempotencyKey | None = None) -> Opened:
        """Writes an accepted row and the key together. Raises `IdempotencyKeyReused` if the key came with another request."""
        ...

    def open_running(self, draft: OperationDraft, run_id: str) -> Operation:
        """For a scheduled run: a row that is running from the start; the same run gets the same row."""
        ...

    def get(self, operation: str) -> Operation: ...

    def take(self, operation: str, workflow_id: str, run_id: str) -> Taken:
        """accepted → running, once: the same run may ask again, any other is refused, and so is an ended row."""
        ...

    def record_plan(self, record: PlanRecord) -> Operation:
        """Writes which plan the operation works by; a later plan of the same run (a deferred stage) replaces it.

        An ended row keeps what it has. Raises `Conflict` if another run has the row.
        """
        ...

    def record_progress(self, record: ProgressRecord) -> Operation: ...

    def record_waiting(self, record: WaitingRecord) -> Operation:
        """The row is `blocked` while at least one wait is written, else `running`. A new wait goes out by webhook."""
        ...

    def ask_cancel(self, operation: str, asked: CancelAsked) -> Operation:
        """Writes who wants it to stop. The first to ask is kept; an ended row is left alone."""
        ...

    def end(self, operation: str, run_id: str, outcome: Outcome, steps: tuple[Step, ...] = ()) -> Operation:
        """Ends the row, once. A row that another run took is left alone (`Conflict`); an ended one keeps its outcome."""
        ...

    def refuse(self, operation: str, outcome: Outcome) -> Operation:
        """The start was refused, by the lock for example: an accepted row ends as `refused`; any other is left alone."""
        ...

    def unstarted(self, older_than_s: float) -> tuple[Operation, ...]:
        """Accepted rows that no run has taken although they are this old: a crash came between the row and the start."""
        ...

    def list(self, where: OperationFilter, reach: Place, page: PageRequest) -> Page[Operation]:
        """Newest first, only what `reach` covers."""
        ...


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)


def sortable_id(prefix: str, at: datetime, entropy: int) -> str:
    """A short id that sorts by time: eight characters of milliseconds since 2026 (till 2060), then five of `entropy`'s (25 bits).

    Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`, so it survives being read out on the phone.
    """
    number = (max(0, int(at.timestamp() * 1000) - _EPOCH_MS) << 25) | (entropy & 0x1FFFFFF)
    return f"{prefix}-" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(60, -1, -5))
