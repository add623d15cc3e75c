"""The schedules that bootstrap makes, on the real server."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.conftest import RunningTemporal
from worker.schedules import ScheduleSettings, ensure_schedules


async def test_schedules_are_made_once_changed_when_settings_change_and_removed(temporal: RunningTemporal) -> None:
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    # Whatever another test's bootstrap made is removed first.
    await ensure_schedules(client, ScheduleSettings(fleet_audit_h=0, state_watch_h=0))
    made = await _until(client, ScheduleSettings(), 2)
    assert [line.split(",")[0] for line in made] == ["schedule fleet-audit", "schedule state-watch"]
    assert await _until(client, ScheduleSettings(), 0) == ()
    handle = client.get_schedule_handle("fleet-audit")
    await handle.pause(note="a person")
    assert await _until(client, ScheduleSettings(fleet_audit_h=6), 1) == ("schedule fleet-audit, now every 6:00:00",)
    described = (await handle.describe()).schedule
    assert described.state.paused
    removed = await _until(client, ScheduleSettings(fleet_audit_h=0, state_watch_h=0), 2)
    assert removed == ("schedule fleet-audit removed", "schedule state-watch removed")


async def _until(client: Client, settings: ScheduleSettings, count: int) -> tuple[str, ...]:
    """The list of schedules is eventually consistent: looks again, a few times, until it did as much as expected."""
    done: tuple[str, ...] = ()
    for _ in range(50):
        done = (*done, *await ensure_schedules(client, settings))
        if len(done) >= count:
            return done
    return done
