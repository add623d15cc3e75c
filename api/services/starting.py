"""From an accepted row to a running workflow. The row is written first, so a crash between the two loses nothing: the sweep
calls the same `start` for whatever was left, and starting twice is starting once."""

import logging
from datetime import timedelta
from enum import StrEnum

from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCStatusCode

from api.context import Services
from api.temporal import NO_ANSWER, code_of
from api.threads import in_thread
from domain.errors import Conflict
from domain.model import Model
from domain.operation import Operation, OperationState, Outcome
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE, DeclarationRef, Order
from workflows import search_attributes

log = logging.getLogger(__name__)

RPC_TIMEOUT = timedelta(seconds=5)


class LockTaken(Conflict):
    """Another operation works on the same thing."""

    kind = "lock-taken"


class Holder(Model):
    """Who holds a lock: the workflow, and the operation it belongs to where it says so."""

    workflow_id: str
    operation: str = ""
    kind: str = ""


class Start(StrEnum):
    STARTED = "started"
    ALREADY_OURS = "already-ours"
    """The workflow runs for this very row: an earlier start got through and its answer was lost."""
    LOCK_TAKEN = "lock-taken"
    ENDED_BEFORE = "ended-before"
    """The workflow was started and ended without taking its row, by a terminate for example; it is not started again."""
    POSTPONED = "postponed"
    """Temporal does not answer; the row stays accepted and the sweep starts it."""


class Started(Model):
    how: Start
    operation: Operation
    holder: Holder | None = None


def order_of(operation: Operation) -> Order:
    """What the workflow is told: made from the row alone, so that the sweep makes the same."""
    declaration = None
    if operation.declaration_version is not None:
        declaration = DeclarationRef(
            kind=operation.declaration_kind,
            name=operation.declaration_name,
            version=operation.declaration_version,
            digest=operation.declaration_digest,
        )
    return Order(
        operation_id=operation.id,
        kind=operation.kind,
        target=operation.target,
        region=operation.place.region,
        site=operation.place.site,
        declaration=declaration,
        plan_hash=operation.plan_hash or None,
        retry_of=operation.retry_of or None,
        who=operation.who,
        devices_queue=str(operation.inputs.get("devices_queue") or DEVICES_QUEUE),
    )


def workflow_id_of(operation: Operation) -> str:
    return operation.workflow_id or f"{operation.kind}/{operation.id}"


async def start(services: Services, operation: Operation) -> Started:
    """Starts the row's workflow. A taken lock ends the row as `refused`; a silent Temporal leaves it to the sweep."""
    kind, workflow_id = services.kinds[operation.kind], workflow_id_of(operation)
    attributes = (
        (search_attributes.OPERATION_ID, operation.id),
        (search_attributes.KIND, operation.kind),
        (search_attributes.SITE, operation.place.site),
        (search_attributes.REGION, operation.place.region),
    )
    behalf = f" for {operation.on_behalf_of}" if operation.on_behalf_of else ""
    try:
        await services.temporal.start_workflow(
            kind.workflow,
            order_of(operation),
            id=workflow_id,
            task_queue=CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(key, value) for key, value in attributes if value]
            ),
            static_summary=f"{kind.title}: {operation.target} ({operation.id})",
            static_details=f"Asked for by {operation.who}{behalf}. `edgewright describe {operation.id}` tells the rest.",
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return await _lock_is_held(services, operation, workflow_id)
    except NO_ANSWER as error:
        # Refused for a reason of its own (search attributes not registered, say), it is as good as silent: the row stays.
        log.warning("Temporal did not start %s: %s; the sweep tries again", operation.id, error)
        return Started(how=Start.POSTPONED, operation=operation)
    return Started(how=Start.STARTED, operation=await in_thread(services.operations.get, operation.id))


async def start_again(services: Services, operation: Operation) -> Started:
    """The sweep's start. A row whose workflow ended without taking it is not started a second time: somebody ended it."""
    try:
        last = await services.temporal.get_workflow_handle(workflow_id_of(operation)).describe(rpc_timeout=RPC_TIMEOUT)
    except NO_ANSWER as error:
        if code_of(error) is not RPCStatusCode.NOT_FOUND:
            return Started(how=Start.POSTPONED, operation=operation)
        return await start(services, operation)
    if operation_of(last) != operation.id or last.status is WorkflowExecutionStatus.RUNNING:
        return await start(services, operation)
    status = last.status.name.lower() if last.status else "ended"
    outcome = Outcome(
        state=OperationState.REFUSED,
        kind="ended-before-it-began",
        reason=f"Its workflow was {status} before it took up the operation; nothing was changed.",
        do="Start it again if it is still wanted.",
    )
    return Started(how=Start.ENDED_BEFORE, operation=await in_thread(services.operations.refuse, operation.id, outcome))


def operation_of(description: WorkflowExecutionDescription) -> str:
    """The `op-` id that a workflow was started for; empty if it was not started by us."""
    return description.typed_search_attributes.get(search_attributes.OPERATION_ID) or ""


async def _lock_is_held(services: Services, operation: Operation, workflow_id: str) -> Started:
    description = await services.temporal.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    holder = Holder(
        workflow_id=workflow_id,
        operation=operation_of(description),
        kind=description.typed_search_attributes.get(search_attributes.KIND) or "",
    )
    if holder.operation == operation.id:
        return Started(how=Start.ALREADY_OURS, operation=await in_thread(services.operations.get, operation.id))
    who = f"{holder.kind} {holder.operation}".strip() or f"the workflow {workflow_id}"
    outcome = Outcome(
        state=OperationState.REFUSED,
        kind=LockTaken.kind,
        reason=f"{operation.target} is being worked on by {who}; nothing was changed.",
        do=f"Wait for it (edgewright watch {holder.operation}) or cancel it, then start again."
        if holder.operation
        else "Wait until that workflow ends, then start again.",
    )
    refused = await in_thread(services.operations.refuse, operation.id, outcome)
    return Started(how=Start.LOCK_TAKEN, operation=refused, holder=holder)
