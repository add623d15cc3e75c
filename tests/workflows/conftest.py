"""A Temporal whose time skips, and workers of both queues on a `World`."""

import shutil
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.order import CONTROL_QUEUE, DEVICES_QUEUE
from tests.workflows.world import World
from worker.running import WORKFLOWS
from worker.sandbox import workflow_runner
from worker.temporal import register_search_attributes


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    server = shutil.which("temporal-test-server") or str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=server
    ) as env:
        await register_search_attributes(env.client)
        yield env


@pytest.fixture
async def world(environment: WorkflowEnvironment) -> AsyncIterator[World]:
    world = World()
    async with (
        Worker(
            environment.client,
            task_queue=CONTROL_QUEUE,
            workflows=WORKFLOWS,
            activities=world.activities(),
            workflow_runner=workflow_runner(),
        ),
        Worker(
            environment.client,
            task_queue=DEVICES_QUEUE,
            activities=world.activities(),
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
        ),
    ):
        yield world
