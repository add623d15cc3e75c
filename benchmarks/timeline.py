"""When each activity of an operation was asked for, begun and finished: read from Temporal's histories, its children's too."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

HISTORIES_AT_ONCE = 8


@dataclass(frozen=True)
class Ran:
    """One finished activity; seconds since the epoch. With more than one attempt, the waits between them count as queueing."""

    name: str
    workflow: str
    scheduled: float
    started: float
    ended: float
    attempts: int

    @property
    def queued_s(self) -> float:
        return self.started - self.scheduled

    @property
    def ran_s(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True)
class Workflow:
    id: str
    kind: str
    began: float
    ended: float
    events: int


@dataclass
class Timeline:
    workflows: list[Workflow] = field(default_factory=list[Workflow])
    activities: list[Ran] = field(default_factory=list[Ran])

    @property
    def began(self) -> float:
        return self.workflows[0].began

    @property
    def ended(self) -> float:
        return self.workflows[0].ended

    def of(self, *names: str) -> list[Ran]:
        return [ran for ran in self.activities if ran.name in names]


async def timeline(client: Client, workflow: str, run: str | None = None) -> Timeline:
    """Of a closed workflow and all its children; itself comes first."""
    found = Timeline()
    gate = asyncio.Semaphore(HISTORIES_AT_ONCE)

    async def read(handle: WorkflowHandle) -> None:
        async with gate:
            events = list((await handle.fetch_history()).events)
        found.workflows.append(_workflow(handle.id, events))
        found.activities.extend(_activities(handle.id, events))
        children = [
            client.get_workflow_handle(told.workflow_execution.workflow_id, run_id=told.workflow_execution.run_id)
            for told in (event.child_workflow_execution_started_event_attributes for event in events)
            if told.workflow_execution.run_id
        ]
        await asyncio.gather(*map(read, children))

    await read(client.get_workflow_handle(workflow, run_id=run))
    return found


def union_s(intervals: Iterable[tuple[float, float]]) -> float:
    """How long at least one of them lasted."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _workflow(name: str, events: list[HistoryEvent]) -> Workflow:
    kind = events[0].workflow_execution_started_event_attributes.workflow_type.name
    return Workflow(name, kind, _at(events[0]), _at(events[-1]), len(events))


def _activities(workflow: str, events: list[HistoryEvent]) -> list[Ran]:
    scheduled: dict[int, HistoryEvent] = {}
    started: dict[int, HistoryEvent] = {}
    ran: list[Ran] = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = event
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started[event.activity_task_started_event_attributes.scheduled_event_id] = event
        elif (number := _ended(event)) in started:
            asked, begun = scheduled[number], started[number]
            name = asked.activity_task_scheduled_event_attributes.activity_type.name
            attempts = begun.activity_task_started_event_attributes.attempt
            ran.append(Ran(name, workflow, _at(asked), _at(begun), _at(event), attempts))
    return ran


def _ended(event: HistoryEvent) -> int:
    """Which activity this event ends, by the number of the event that scheduled it; 0: none."""
    return (
        event.activity_task_completed_event_attributes.scheduled_event_id
        or event.activity_task_failed_event_attributes.scheduled_event_id
        or event.activity_task_timed_out_event_attributes.scheduled_event_id
    )


def _at(event: HistoryEvent) -> float:
    return event.event_time.ToNanoseconds() / 1e9
