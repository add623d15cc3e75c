"""Why does an operation wait? The answer comes from its row and from what Temporal knows of its pending work, so it is there
when no worker is alive; a worker that answers within a second adds detail."""

import asyncio
from datetime import datetime, timedelta

from temporalio.client import WorkflowExecutionDescription
from temporalio.service import RPCStatusCode

from api.context import Services, now
from api.services.pending import PendingWork, pending_of, waiting_for_worker
from api.services.queues import QueueStanding, standing_of
from api.services.starting import operation_of, workflow_id_of
from api.temporal import NO_ANSWER, code_of, words_of
from domain.model import Model
from domain.operation import Choice, Operation, OperationState, Waiting
from domain.order import CONTROL_QUEUE, Progress

QUERY_TIMEOUT = timedelta(seconds=1)
CHILDREN_AT_MOST = 64
"""How many children one answer looks into; beyond them it says how many there are."""


class Why(Model):
    """`sentences` is the answer for people, in the order in which they matter; the rest is the same for scripts."""

    operation: str
    state: OperationState
    since: datetime
    sentences: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    """What is safe to do now."""
    waiting: tuple[Waiting, ...] = ()
    pending: tuple[PendingWork, ...] = ()
    queues: tuple[QueueStanding, ...] = ()
    children: int = 0
    progress: Progress | None = None
    """Only if a worker answered within a second."""
    temporal_answers: bool = True


async def why(services: Services, operation: Operation) -> Why:
    if operation.state.ended:
        return _ended(operation)
    workflow_id = workflow_id_of(operation)
    try:
        pending, children, started = await _pending(services, operation, workflow_id)
    except NO_ANSWER as error:
        sentences = (
            *_about_cancel(operation),
            *_about_waits(operation),
            f"Temporal does not answer, so nothing newer is known: {words_of(error)}.",
        )
        return _answer(operation, sentences, temporal_answers=False)
    if not started:
        sentence = f"{operation.id} is accepted and its workflow is not started yet; the API starts it within a minute."
        return _answer(operation, (sentence,))
    names = sorted({work.queue for work in pending if work.queue})
    queues = await asyncio.gather(*(standing_of(services, name) for name in names))
    progress = await progress_of(services, operation)
    sentences = (
        *_about_cancel(operation),
        *_about_waits(operation),
        *(queue.sentence for queue in queues if not queue.polled),
        *(work.sentence for work in pending),
    )
    if not sentences:
        running = next((step.title for step in operation.steps if step.state == "running"), "")
        sentences = (
            f"{operation.id} is not stuck: it is at step {running!r}." if running else f"{operation.id} runs.",
        )
    return _answer(operation, sentences, pending=pending, queues=tuple(queues), children=children, progress=progress)


async def progress_of(services: Services, operation: Operation) -> Progress | None:
    """What the workflow itself says, if a worker answers within a second. Not for lists."""
    handle = services.temporal.get_workflow_handle(workflow_id_of(operation))
    try:
        query = handle.query("progress", result_type=Progress, rpc_timeout=QUERY_TIMEOUT)
        progress: Progress = await asyncio.wait_for(query, QUERY_TIMEOUT.total_seconds())
    # A query is a courtesy: whatever it dies of, the row and `describe` have the answer.
    except Exception:
        return None
    # The lock may belong to a later operation by now.
    return progress if progress.operation_id == operation.id else None


async def _pending(
    services: Services, operation: Operation, workflow_id: str
) -> tuple[tuple[PendingWork, ...], int, bool]:
    """The pending work of the operation's workflow and its children, how many children there are, and whether it runs."""
    try:
        root = await services.temporal.get_workflow_handle(workflow_id).describe(rpc_timeout=timedelta(seconds=5))
    except NO_ANSWER as error:
        if code_of(error) is RPCStatusCode.NOT_FOUND:
            return (), 0, False
        raise
    if operation_of(root) != operation.id:
        return (), 0, False
    level, found, count = [root], list(_work_of(root)), 0
    while level and count < CHILDREN_AT_MOST:
        ids = [child.workflow_id for parent in level for child in parent.raw_description.pending_children]
        room = CHILDREN_AT_MOST - count
        count += len(ids)
        level = [child for child in await asyncio.gather(*(_describe(services, i) for i in ids[:room])) if child]
        for child in level:
            found.extend(_work_of(child))
    troubled_first = sorted(found, key=lambda work: (not work.last_error, work.since))
    return tuple(troubled_first), count, True


async def _describe(services: Services, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        return await services.temporal.get_workflow_handle(workflow_id).describe(rpc_timeout=timedelta(seconds=5))
    except NO_ANSWER:
        return None


def _work_of(description: WorkflowExecutionDescription) -> tuple[PendingWork, ...]:
    activities = tuple(
        pending_of(description.id, activity, default_queue=CONTROL_QUEUE)
        for activity in description.raw_description.pending_activities
    )
    task = waiting_for_worker(description, now())
    return (*activities, task) if task else activities


def _about_cancel(operation: Operation) -> tuple[str, ...]:
    if operation.cancel_asked is None:
        return ()
    stops = "It lets what changes a device come to a safe end, and then ends as cancelled by itself."
    return (f"{operation.id} was asked to stop by {operation.cancel_asked}. {stops}",)


def _about_waits(operation: Operation) -> tuple[str, ...]:
    """One sentence for all that wait for the same: a hold stops each server of a rack by itself."""
    alike: dict[tuple[str, tuple[Choice, ...]], list[Waiting]] = {}
    for wait in operation.waiting:
        alike.setdefault((wait.reason, wait.choices), []).append(wait)
    return tuple(
        f"{waits[0].step}{f' and {len(waits) - 1} more' if waits[1:] else ''}: {reason} "
        f"(since {min(wait.since for wait in waits):%Y-%m-%d %H:%M:%S} UTC). "
        + (f"Safe now: {', '.join(choices)}." if choices else "It goes on by itself.")
        for (reason, choices), waits in alike.items()
    )


def _ended(operation: Operation) -> Why:
    outcome = operation.outcome
    reason = outcome.reason if outcome and outcome.reason else ""
    sentences = [f"{operation.id} waits for nothing: it ended as {operation.state}." + (f" {reason}" if reason else "")]
    sentences += list(outcome.details) if outcome else []
    sentences += [outcome.do] if outcome and outcome.do else []
    retriable = operation.state in (OperationState.PARTIAL, OperationState.FAILED)
    return _answer(operation, tuple(sentences), choices=(Choice.RETRY,) if retriable else ())


def _answer(
    operation: Operation,
    sentences: tuple[str, ...],
    *,
    choices: tuple[Choice, ...] | None = None,
    pending: tuple[PendingWork, ...] = (),
    queues: tuple[QueueStanding, ...] = (),
    children: int = 0,
    progress: Progress | None = None,
    temporal_answers: bool = True,
) -> Why:
    offered = tuple(dict.fromkeys(choice for wait in operation.waiting for choice in wait.choices))
    since = min((wait.since for wait in operation.waiting), default=operation.ended_at or operation.started_at)
    return Why(
        operation=operation.id,
        state=operation.state,
        since=since or operation.accepted_at,
        sentences=sentences,
        choices=offered if choices is None else choices,
        waiting=operation.waiting,
        pending=pending,
        queues=queues,
        children=children,
        progress=progress,
        temporal_answers=temporal_answers,
    )
