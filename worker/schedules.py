"""What runs by itself: Temporal schedules over the fleet, made by bootstrap and changed by nobody else."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.order import CONTROL_QUEUE, Order
from workflows.site_audit import FLEET_AUDIT, STATE_WATCH, FleetAudit, StateWatch


class ScheduleSettings(BaseSettings):
    """How often; 0 leaves a schedule out, and removes it where an earlier bootstrap made it."""

    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_SCHEDULE_", extra="ignore")

    fleet_audit_h: float = Field(default=24, ge=0)
    state_watch_h: float = Field(default=1, ge=0)


@dataclass(frozen=True)
class Wanted:
    """One schedule over the whole fleet."""

    name: str
    workflow: Any
    every: timedelta

    @property
    def schedule(self) -> Schedule:
        """Never two at once: a run that is still under way when the next is due lets that one pass."""
        return Schedule(
            action=ScheduleActionStartWorkflow(
                self.workflow,
                Order(operation_id="", kind=self.name, target="fleet"),
                id=f"{self.name}/scheduled",
                task_queue=CONTROL_QUEUE,
                static_summary=f"{self.name} by schedule",
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=self.every)], jitter=self.every / 10),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=1)),
        )


def wanted(settings: ScheduleSettings) -> tuple[Wanted, ...]:
    return (
        Wanted(FLEET_AUDIT, FleetAudit.run, timedelta(hours=settings.fleet_audit_h)),
        Wanted(STATE_WATCH, StateWatch.run, timedelta(hours=settings.state_watch_h)),
    )


async def ensure_schedules(client: Client, settings: ScheduleSettings) -> tuple[str, ...]:
    """Makes, changes or removes the schedules; says what it did. One that somebody paused stays paused."""
    there = {entry.id async for entry in await client.list_schedules()}
    done: list[str] = []
    for schedule in wanted(settings):
        if not schedule.every:
            if schedule.name in there:
                await client.get_schedule_handle(schedule.name).delete()
                done.append(f"schedule {schedule.name} removed")
        elif schedule.name not in there:
            try:
                await client.create_schedule(schedule.name, schedule.schedule)
                done.append(f"schedule {schedule.name}, every {schedule.every}")
            except ScheduleAlreadyRunningError:
                continue  # the list lags behind; another bootstrap made it a moment ago
        elif await _changed(client, schedule):
            done.append(f"schedule {schedule.name}, now every {schedule.every}")
    return tuple(done)


async def _changed(client: Client, schedule: Wanted) -> bool:
    handle = client.get_schedule_handle(schedule.name)
    found = (await handle.describe()).schedule
    if [interval.every for interval in found.spec.intervals] == [schedule.every]:
        return False

    def change(given: ScheduleUpdateInput) -> ScheduleUpdate:
        current = given.description.schedule
        current.spec = schedule.schedule.spec
        return ScheduleUpdate(schedule=current)

    await handle.update(change)
    return True
