"""A person's answer to an operation that waits, and the ways to stop one. Nothing here decides: the workflow's own validator
does, addressed by the row's first run, so that an answer never reaches another operation that took the same lock later."""

from datetime import timedelta
from http import HTTPStatus

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.context import JoinedStores, Services, now
from api.problems import Refusal, invalid
from api.services.access import allow
from api.services.starting import operation_of, workflow_id_of
from api.temporal import NO_ANSWER, code_of
from api.threads import in_thread
from domain.access import AuditEvent, Principal, Role
from domain.canonical import digest
from domain.checking import Problem
from domain.errors import Conflict, Rejected, Transient
from domain.model import Model
from domain.operation import CancelAsked, Choice, IdempotencyKey, Operation, Waiting
from domain.order import CONTROL_QUEUE, Decided, Decision

UPDATE_TIMEOUT = timedelta(seconds=10)


class NothingWaits(Conflict):
    """The operation is not waiting for a person."""

    kind = "nothing-waits"


class ChoiceNotOffered(Conflict):
    """What the operation waits for cannot be answered so."""

    kind = "choice-not-offered"


class DecisionRefused(Rejected):
    """The workflow refused the answer, in its own words."""

    kind = "decision-refused"


class OperationEnded(Conflict):
    """The operation has ended: there is nothing left to stop or to answer."""

    kind = "operation-ended"


class NoWorkerAnswers(Transient):
    """The answer was not taken, because no worker is there to take it."""

    kind = "no-worker-answers"


class TemporalUnreachable(Transient):
    """Temporal does not answer."""

    kind = "temporal-unreachable"


def wait_for(operation: Operation, choice: Choice, step: str) -> Waiting:
    """The wait that an answer is about. `step` may be left out where only one wait offers the choice."""
    if not operation.waiting:
        raise NothingWaits(
            f"{operation.id} is {operation.state} and waits for nobody's answer.",
            do=f"See what it does: edgewright watch {operation.id}",
        )
    named = [w for w in operation.waiting if step in ("", w.key, w.step)]
    if not named:
        raise NothingWaits(
            f"{operation.id} does not wait at step {step!r}.",
            do="It waits at: " + ", ".join(w.key for w in operation.waiting),
        )
    offering = [w for w in named if choice in w.choices]
    if not offering:
        offered = sorted({c.value for w in named for c in w.choices})
        do = f"Safe now: {', '.join(offered)}." if offered else "It goes on by itself when its reason is gone."
        raise ChoiceNotOffered(
            f"{operation.id} waits at {named[0].step!r} ({named[0].reason}), not for {choice}.", do=do
        )
    if len(offering) > 1:
        keys = ", ".join(w.key for w in offering)
        raise invalid([Problem(path="step", message=f"say which step is meant, one of: {keys}")])
    return offering[0]


async def decide(
    services: Services, operation: Operation, choice: Choice, principal: Principal, *, why: str, step: str, key: str
) -> Decided:
    """Sends the answer to the workflow that shows the step and returns when it was taken. The same `key` is one answer."""
    wait = wait_for(operation, choice, step)
    workflow_id = wait.workflow_id or workflow_id_of(operation)
    handle = await addressed(services, operation, workflow_id)
    decision = Decision(operation_id=operation.id, by=principal.name, why=why, step=wait.key)
    try:
        return await handle.execute_update(
            choice.value,
            decision,
            id=digest([operation.id, choice.value, principal.token, key])[:40],
            result_type=Decided,
            rpc_timeout=UPDATE_TIMEOUT,
        )
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        message = cause.message if isinstance(cause, ApplicationError) else str(cause)
        raise DecisionRefused(message, do=f"See what it waits for: edgewright why {operation.id}") from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise NoWorkerAnswers(
            f"No worker took the answer to {operation.id} within {UPDATE_TIMEOUT.seconds} s; it has not been decided.",
            do=f"Start a worker for the queue `{CONTROL_QUEUE}` (edgewright up), then send it again.",
        ) from error
    except NO_ANSWER as error:
        raise as_our_error(error, operation) from error


class Asked(Model):
    """The kept answer to a request that stops an operation: it was sent, and how the operation is now is read anew."""

    operation: str


class DecisionTaken(Model):
    operation: str
    """The operation to follow: the same, or the new one that retries what an ended one left undone."""
    step: str
    choice: Choice
    declaration_version: int | None = None
    """Of a new operation: the version of the declaration that it works by."""


async def answer(
    services: Services,
    principal: Principal,
    operation: Operation,
    choice: Choice,
    why: str,
    step: str,
    key: IdempotencyKey,
) -> DecisionTaken:
    """`decide` for somebody who acts: checked, and written down with the answer to the key.

    Temporal has the effect, so it comes first: a crash before the answer is kept repeats the update under its own id.
    """
    allow(principal, Role.OPERATOR, operation.place)
    kept = await in_thread(services.answers.find, key, DecisionTaken)
    if kept is not None:
        return kept
    decided = await decide(services, operation, choice, principal, why=why, step=step, key=key.key)
    taken = DecisionTaken(operation=operation.id, step=decided.step, choice=decided.choice)
    return await _keep(services, key, taken, _event(principal, choice.value, operation, why))


async def cancel(services: Services, principal: Principal, operation: Operation, why: str, key: IdempotencyKey) -> None:
    """Asks the workflow to stop: it cleans up and ends by itself. The row says who asked before the workflow hears of it."""
    allow(principal, Role.OPERATOR, operation.place)
    if await in_thread(services.answers.find, key, Asked) is not None:
        return
    handle = await addressed(services, _still_open(operation), workflow_id_of(operation))
    asked = CancelAsked(who=principal.name, at=now(), why=why)
    await in_thread(services.operations.ask_cancel, operation.id, asked)
    try:
        await handle.cancel(rpc_timeout=UPDATE_TIMEOUT)
    except NO_ANSWER as error:
        raise as_our_error(error, operation) from error
    await _keep(services, key, Asked(operation=operation.id), _event(principal, "cancel", operation, why))


async def terminate(
    services: Services, principal: Principal, operation: Operation, why: str, key: IdempotencyKey
) -> None:
    """Ends the workflow without clean-up; the row is ended by the caller through `reconcile`."""
    allow(principal, Role.ADMIN, operation.place)
    if await in_thread(services.answers.find, key, Asked) is not None:
        return
    handle = await addressed(services, _still_open(operation), workflow_id_of(operation))
    try:
        await handle.terminate(reason=f"{principal.name}: {why}", rpc_timeout=UPDATE_TIMEOUT)
    except NO_ANSWER as error:
        raise as_our_error(error, operation) from error
    await _keep(services, key, Asked(operation=operation.id), _event(principal, "terminate", operation, why))


async def addressed(services: Services, operation: Operation, workflow_id: str) -> WorkflowHandle[object, object]:
    """The operation's own run under its lock. Before a worker has taken the row, the workflow itself says whose it is."""
    if workflow_id != workflow_id_of(operation):
        return services.temporal.get_workflow_handle(workflow_id)
    first_run = operation.first_run_id
    if not first_run:
        try:
            found = await services.temporal.get_workflow_handle(workflow_id).describe(rpc_timeout=UPDATE_TIMEOUT)
        except NO_ANSWER as error:
            raise as_our_error(error, operation) from error
        if operation_of(found) != operation.id:
            raise _not_running(operation)
        first_run = found.raw_description.workflow_execution_info.first_run_id or found.run_id
    return services.temporal.get_workflow_handle(workflow_id, first_execution_run_id=first_run)


def _still_open(operation: Operation) -> Operation:
    if operation.state.ended:
        raise OperationEnded(f"{operation.id} has already ended ({operation.state}).", do="There is nothing to stop.")
    return operation


def _not_running(operation: Operation) -> Refusal:
    return Refusal(
        HTTPStatus.CONFLICT,
        "not-running",
        f"{operation.id} has no running workflow: it has not been started yet, or it ended a moment ago.",
        do=f"Look again in a moment: edgewright why {operation.id}",
    )


def as_our_error(error: RPCError | RuntimeError, operation: Operation) -> Exception:
    if code_of(error) is RPCStatusCode.NOT_FOUND:
        return _not_running(operation)
    return TemporalUnreachable(
        f"Temporal did not answer about {operation.id}: {error}.",
        do="Check it with `edgewright status`, then send the request again with the same Idempotency-Key.",
    )


async def _keep[T: Model](services: Services, key: IdempotencyKey, answer: T, event: AuditEvent) -> T:
    def effect(stores: JoinedStores) -> T:
        stores.audit(event)
        return answer

    return await in_thread(services.answers.once, key, type(answer), effect)


def _event(principal: Principal, action: str, operation: Operation, why: str) -> AuditEvent:
    return AuditEvent(
        at=now(),
        who=principal.name,
        action=f"operation.{action}",
        object=operation.target,
        place=operation.place,
        operation=operation.id,
        detail=why,
    )
