"""Who polls which task queue, and when somebody last did: the reason behind most waits that nobody planned."""

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from api.context import Services, now
from api.temporal import NO_ANSWER
from api.threads import in_thread
from domain.model import Model
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE

FRESH = timedelta(seconds=70)
"""A worker's long poll lasts a minute: a queue whose last poll is older has no worker."""


class QueueStanding(Model):
    queue: str
    polled: bool
    last_poll: datetime | None = None
    workers: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        if self.polled:
            return f"`{self.queue}` is polled by {', '.join(self.workers)}."
        if self.last_poll is None:
            return f"No worker has ever polled `{self.queue}`: start one (edgewright up, or the site's own worker)."
        return (
            f"No worker has polled `{self.queue}` since {self.last_poll:%Y-%m-%d %H:%M} UTC: "
            "start one (edgewright up, or the site's own worker)."
        )


async def standing_of(services: Services, queue: str) -> QueueStanding:
    """What Temporal sees now, else what was stored when it last saw something; works when no worker is alive."""
    seen = await pollers_of(services, queue)
    stored = await in_thread(services.polls.last, queue)
    last = max((poll for poll in (*seen.values(), stored) if poll is not None), default=None)
    alive = tuple(sorted(identity for identity, at in seen.items() if now() - at < FRESH))
    return QueueStanding(queue=queue, polled=bool(alive), last_poll=last, workers=alive)


async def pollers_of(services: Services, queue: str) -> dict[str, datetime]:
    """Each worker's identity with its last poll of this queue, as far as Temporal remembers (minutes)."""
    found: dict[str, datetime] = {}
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=services.temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        try:
            answer = await services.temporal.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=3))
        except NO_ANSWER:
            continue
        for poller in answer.pollers:
            at = poller.last_access_time.ToDatetime(tzinfo=UTC)
            found[poller.identity] = max(at, found.get(poller.identity, at))
    return found


async def queues_in_use(services: Services) -> tuple[str, ...]:
    """The shared queues, and one for each site whose worker is its own."""
    return tuple(sorted({CONTROL_QUEUE, DEVICES_QUEUE, *(await in_thread(services.polls.known))}))


async def record_polls(services: Services) -> None:
    for queue in await queues_in_use(services):
        for identity, at in (await pollers_of(services, queue)).items():
            await in_thread(services.polls.record, queue, identity, at)
