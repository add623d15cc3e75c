"""What every activity gets from its worker: beats, and errors that Temporal understands."""

import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errors import Conflict, EdgewrightError, Throttled
from tests.conftest import RunningTemporal
from worker.interception import ErrorTranslation, Heartbeats, as_application_error

pytestmark = pytest.mark.services

attempts: list[int] = []


@activity.defn
def wait_silently() -> str:
    """Longer than its heartbeat timeout, in one call that beats nothing."""
    attempts.append(activity.info().attempt)
    time.sleep(2.5)
    return "there"


@activity.defn
def lose_a_race() -> None:
    raise Conflict("r1-s02 is held by op-1.", do="Wait for it.")


@workflow.defn(name="CallsOne")
class CallsOne:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            name,
            result_type=str,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )


@pytest.fixture
async def client(temporal: RunningTemporal) -> AsyncIterator[tuple[Client, str]]:
    attempts.clear()
    connected = await Client.connect(temporal.address, namespace=temporal.namespace)
    queue = f"test-{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            connected,
            task_queue=queue,
            workflows=[CallsOne],
            activities=[wait_silently, lose_a_race],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[ErrorTranslation(), Heartbeats()],
        ):
            yield connected, queue


async def test_a_call_longer_than_the_heartbeat_timeout_is_not_tried_a_second_time(client: tuple[Client, str]) -> None:
    connected, queue = client
    assert await connected.execute_workflow(CallsOne.run, "wait_silently", id=queue, task_queue=queue) == "there"
    assert attempts == [1]


async def test_a_conflict_is_not_retried_and_carries_its_words(client: tuple[Client, str]) -> None:
    connected, queue = client
    with pytest.raises(WorkflowFailureError) as failed:
        await connected.execute_workflow(CallsOne.run, "lose_a_race", id=queue, task_queue=queue)
    assert isinstance(failed.value.cause, ActivityError)
    told = failed.value.cause.cause
    assert isinstance(told, ApplicationError)
    assert (told.type, told.non_retryable) == (Conflict.kind, True)
    assert told.details[0] == {"kind": Conflict.kind, "message": "r1-s02 is held by op-1.", "do": "Wait for it."}


@pytest.mark.parametrize("pause_s", [7.0, None])
def test_what_asked_for_a_pause_gets_it(pause_s: float | None) -> None:
    error: EdgewrightError = Throttled("r1-s02 is busy.", retry_after_s=pause_s)
    told = as_application_error(error)
    assert not told.non_retryable
    assert told.next_retry_delay == (timedelta(seconds=pause_s) if pause_s else None)
