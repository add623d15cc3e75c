"""What Temporal says of open work, in the words and times that people read."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import ActivityType
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo

from api.services.pending import pending_of
from domain.order import CONTROL_QUEUE

STARTED = datetime(2026, 11, 26, 2, 14, tzinfo=UTC)
FAILED = STARTED + timedelta(seconds=20)
NEXT = FAILED + timedelta(minutes=15)


def stamp(at: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(at)
    return made


def between_two_tries() -> PendingActivityInfo:
    """As Temporal describes it: the time it is scheduled for lies ahead."""
    return PendingActivityInfo(
        activity_type=ActivityType(name="take_over_credentials"),
        state=PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED,
        attempt=2,
        scheduled_time=stamp(NEXT),
        next_attempt_schedule_time=stamp(NEXT),
        last_attempt_complete_time=stamp(FAILED),
    )


def test_between_two_tries_it_waits_since_the_last_one_failed() -> None:
    work = pending_of("site/oslo-1/server/r1-s01", between_two_tries(), CONTROL_QUEUE)
    assert (work.since, work.next_retry_at) == (FAILED, NEXT)
    assert "waiting for its next try since 2026-11-26 02:14:20 UTC" in work.sentence


def test_while_it_runs_since_is_when_this_try_began() -> None:
    info = between_two_tries()
    info.state = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    info.last_started_time.CopyFrom(stamp(FAILED + timedelta(minutes=15)))
    assert pending_of("w", info, CONTROL_QUEUE).since == NEXT


def test_before_its_first_try_it_waits_since_it_was_asked_for() -> None:
    info = PendingActivityInfo(
        activity_type=ActivityType(name="load_site"),
        state=PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED,
        attempt=1,
        scheduled_time=stamp(STARTED),
    )
    work = pending_of("w", info, CONTROL_QUEUE)
    assert (work.since, work.state) == (STARTED, "waiting for a worker")


@pytest.mark.parametrize(
    ("activity", "title"),
    [
        ("take_over_credentials", "Take over the BMC's credentials"),
        ("record_rack", "Record in NetBox"),
        ("of_another_build", "Of another build"),
    ],
)
def test_work_is_called_as_the_workflows_call_it(activity: str, title: str) -> None:
    info = PendingActivityInfo(activity_type=ActivityType(name=activity))
    assert pending_of("w", info, CONTROL_QUEUE).title == title
