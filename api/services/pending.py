"""One piece of work that Temporal holds open: an activity that runs, fails or waits for its next try, or a workflow whose
next step no worker has taken."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecutionDescription

from domain.model import Model
from workflows.calls import TITLES

SLOW_PICK_UP = timedelta(seconds=5)
"""A step of a workflow that no worker takes up for this long is worth a sentence."""


class PendingWork(Model):
    workflow_id: str
    title: str
    activity: str = ""
    """The activity's type; empty if the workflow itself waits for a worker."""
    state: str
    queue: str = ""
    attempt: int = 1
    since: datetime
    last_error: str = ""
    next_retry_at: datetime | None = None
    gives_up_at: datetime | None = None

    @property
    def sentence(self) -> str:
        text = f"{self.title} ({self.workflow_id}): {self.state} since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.attempt > 1:
            text += f", attempt {self.attempt}"
        if self.last_error:
            text += f"; last error: {self.last_error.splitlines()[0]}"
        if self.next_retry_at:
            text += f"; next try at {self.next_retry_at:%H:%M:%S} UTC"
        return text + "."


_STATES = {
    PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED: "waiting for a worker",
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED: "running",
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED: "being cancelled",
    PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED: "paused by a person",
    PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED: "being paused by a person",
}


def pending_of(workflow_id: str, info: PendingActivityInfo, default_queue: str) -> PendingWork:
    waits = info.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    failed_at = _time(info.last_attempt_complete_time)
    # Between two tries `scheduled_time` is when the next one comes: since when it waits is when the last one failed.
    since = (failed_at if waits else None) or _time(info.last_started_time) or _time(info.scheduled_time)
    return PendingWork(
        workflow_id=workflow_id,
        title=title_of(info.activity_type.name),
        activity=info.activity_type.name,
        state="waiting for its next try" if waits and failed_at else _STATES.get(info.state, "pending"),
        queue=info.activity_options.task_queue.name or default_queue,
        attempt=max(info.attempt, 1),
        since=since or datetime.now(UTC),
        last_error=innermost(info),
        next_retry_at=_time(info.next_attempt_schedule_time),
        gives_up_at=_time(info.expiration_time),
    )


def waiting_for_worker(description: WorkflowExecutionDescription, at: datetime) -> PendingWork | None:
    """The workflow's own next step, if no worker has taken it for a while, or none could carry it out."""
    raw = description.raw_description
    if not raw.HasField("pending_workflow_task"):
        return None
    task = raw.pending_workflow_task
    since = _time(task.original_scheduled_time) or _time(task.scheduled_time)
    if since is None or at - since < SLOW_PICK_UP:
        return None
    # A worker whose code fails on the step keeps silent until Temporal gives it the step again: taken, and not the first time.
    failing = task.attempt > 1
    if task.state != PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED and not failing:
        return None
    return PendingWork(
        workflow_id=description.id,
        title="Its next step",
        state="taken by a worker that fails at it (its log says why)" if failing else "waiting for a worker",
        queue=description.task_queue,
        attempt=max(task.attempt, 1),
        since=since,
    )


def title_of(activity_type: str) -> str:
    """As workflows call it; one that only another build knows, by its words: `observe_server` → `Observe server`."""
    return TITLES.get(activity_type) or activity_type.replace("_", " ").capitalize()


def innermost(info: PendingActivityInfo) -> str:
    """The first line an activity's own error says; Temporal wraps it in others."""
    failure = info.last_failure
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.message


def _time(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.seconds or stamp.nanos else None
