"""Before a new build's worker starts, what is open is replayed with it."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import RunningTemporal
from worker.replaying import replay_open

pytestmark = pytest.mark.services


@workflow.defn(name="Waits", sandboxed=False)
class Waits:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(3600)

    @workflow.query
    def started(self) -> bool:
        return True


@workflow.defn(name="Waits", sandboxed=False)
class WaitsNoMore:
    """The same name in a later build, which does something else first."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("look_around", start_to_close_timeout=timedelta(seconds=5))


async def begun(temporal: RunningTemporal, queue: str) -> Client:
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    async with Worker(client, task_queue=queue, workflows=[Waits], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await client.start_workflow("Waits", id=queue, task_queue=queue)
        assert await handle.query("started")
    # Lists are a moment behind.
    while not [found async for found in client.list_workflows(f"TaskQueue = '{queue}'")]:
        await asyncio.sleep(0.1)
    return client


async def test_what_this_build_can_go_on_with_is_counted(temporal: RunningTemporal) -> None:
    queue = f"replay-{uuid.uuid4().hex[:8]}"
    client = await begun(temporal, queue)
    replayed = await replay_open(client, [Waits], queue)
    assert (replayed.count, replayed.stuck) == (1, ())
    await client.get_workflow_handle(queue).terminate()


async def test_what_a_changed_workflow_cannot_go_on_with_is_named(temporal: RunningTemporal) -> None:
    queue = f"replay-{uuid.uuid4().hex[:8]}"
    client = await begun(temporal, queue)
    replayed = await replay_open(client, [WaitsNoMore], queue)
    assert [(stuck.workflow_id, stuck.kind) for stuck in replayed.stuck] == [(queue, "Waits")]
    assert "Nondeterminism" in replayed.stuck[0].why
    await client.get_workflow_handle(queue).terminate()
