"""No row says `running` forever: what was ended from outside (terminated, timed out, its history gone) is found and written."""

import logging
from datetime import timedelta

from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCStatusCode

from api.context import Services
from api.services.starting import Start, operation_of, start_again, workflow_id_of
from api.temporal import NO_ANSWER, code_of
from api.threads import in_thread
from domain.access import Place
from domain.operation import OPEN_STATES, Operation, OperationFilter, OperationState, Outcome
from domain.paging import PageRequest

log = logging.getLogger(__name__)

UNSTARTED_AFTER_S = 15.0
"""A start takes a second; a row that is accepted for longer was left by a crash or a silent Temporal."""

_ENDINGS = {
    WorkflowExecutionStatus.TERMINATED: (OperationState.FAILED, "terminated", "Its workflow was terminated"),
    WorkflowExecutionStatus.CANCELED: (OperationState.CANCELLED, "cancelled", "Its workflow was cancelled"),
    WorkflowExecutionStatus.TIMED_OUT: (OperationState.FAILED, "timed-out", "Its workflow ran out of time"),
    WorkflowExecutionStatus.FAILED: (OperationState.FAILED, "workflow-failed", "Its workflow failed"),
    WorkflowExecutionStatus.COMPLETED: (OperationState.FAILED, "unreported", "Its workflow ended without a report"),
}


async def sweep(services: Services) -> int:
    """Starts every accepted row that no workflow was started for. Returns how many were started now."""
    count = 0
    for operation in await in_thread(services.operations.unstarted, UNSTARTED_AFTER_S):
        started = await start_again(services, operation)
        if started.how is not Start.ALREADY_OURS:
            log.info("sweep: %s %s", operation.id, started.how)
        count += started.how is Start.STARTED
    return count


async def reconcile_all(services: Services) -> int:
    """Ends the rows whose workflow has ended without them. Returns how many."""
    count, cursor = 0, ""
    where = OperationFilter(states=tuple(sorted(OPEN_STATES - {OperationState.ACCEPTED})))
    while True:
        page = await in_thread(services.operations.list, where, Place(), PageRequest(cursor=cursor, limit=100))
        for operation in page.items:
            count += (await reconcile(services, operation)).state.ended
        if not page.next:
            return count
        cursor = page.next


async def reconcile(services: Services, operation: Operation) -> Operation:
    """The row, ended if its workflow has. Reads the workflow first and the row after it, because a workflow writes its end
    before it closes: a row that is still open then will never be ended by it."""
    if operation.state.ended or not operation.first_run_id:
        return operation
    workflow_id = workflow_id_of(operation)
    try:
        last = await services.temporal.get_workflow_handle(workflow_id).describe(rpc_timeout=timedelta(seconds=5))
        if operation_of(last) != operation.id:
            handle = services.temporal.get_workflow_handle(workflow_id, run_id=operation.first_run_id)
            last = await handle.describe(rpc_timeout=timedelta(seconds=5))
    except NO_ANSWER as error:
        if code_of(error) is not RPCStatusCode.NOT_FOUND:
            return operation
        last = None
    if last is not None and last.status is WorkflowExecutionStatus.RUNNING:
        return operation
    again = await in_thread(services.operations.get, operation.id)
    if again.state.ended:
        return again
    return await in_thread(services.operations.end, operation.id, operation.first_run_id, _outcome(last))


def _outcome(last: WorkflowExecutionDescription | None) -> Outcome:
    status = last.status if last else None
    unknown = (OperationState.FAILED, "history-gone", "Its workflow is no longer known to Temporal")
    state, kind, reason = _ENDINGS.get(status, unknown) if status else unknown
    when = f" at {last.close_time:%Y-%m-%d %H:%M:%S} UTC" if last and last.close_time else ""
    return Outcome(
        state=state,
        kind=kind,
        reason=f"{reason}{when}, from outside this operation; its last steps may be half done.",
        do="Plan again to see what is left, then apply or retry.",
    )
