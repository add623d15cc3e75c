"""How a workflow names an activity: what it is called, what people call it, what goes in and out, and how long we wait.

The workflow sandbox thus loads neither activities nor clients; a test holds each of these against the activity that the worker
registers under the name.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain.order import CONTROL_QUEUE
from workflows.policies import Policy

_WAITS = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
SUMMARY_LIMIT = 200
"""Temporal takes 400 bytes; titles of ours stay readable in one line."""


@dataclass(frozen=True)
class Activity[I: BaseModel, O: BaseModel]:
    """One kind of activity. Calling it schedules it on `queue` with its policy and its human title as summary."""

    name: str
    title: str
    takes: type[I]
    gives: type[O]
    policy: Policy
    settles: bool = False
    """It changes something outside. A workflow that is cancelled waits until it has stopped: before, its lock is not free."""

    async def __call__(
        self, order: I, *, queue: str = CONTROL_QUEUE, about: str = "", give_up: timedelta | None = None
    ) -> O:
        """Raises `temporalio.exceptions.ActivityError` when it was refused, or when its time is over."""
        summary = f"{self.title}: {about}" if about else self.title
        settles = self.settles and workflow.patched("cancel-settles")
        running = workflow.start_activity(
            self.name,
            order,
            result_type=self.gives,
            task_queue=queue,
            start_to_close_timeout=self.policy.one_try,
            schedule_to_close_timeout=give_up or self.policy.give_up,
            heartbeat_timeout=self.policy.heartbeat,
            retry_policy=self.policy.retry,
            summary=summary[:SUMMARY_LIMIT],
            cancellation_type=_WAITS if settles else workflow.ActivityCancellationType.TRY_CANCEL,
        )
        return await (_settled(running) if settles else running)


async def _settled[O](running: workflow.ActivityHandle[O]) -> O:
    """Also where it ends well in spite of being cancelled: its workflow is cancelled all the same."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        running.cancel()
        with contextlib.suppress(ActivityError, asyncio.CancelledError):
            await running
        raise
