"""What a cancelled workflow owes the work it began: to ask it to stop, and to wait until it has."""

import asyncio
from collections.abc import Collection

from temporalio import workflow


def stop_if_cancelled() -> None:
    """A cancel that comes while a signal is on its way does not end the wait for it; this says it afterwards.

    Raises:
        asyncio.CancelledError: the workflow was asked to stop.
    """
    if workflow.cancellation_reason() is not None and workflow.patched("cancel-children"):
        raise asyncio.CancelledError


async def cancel_all[T](children: Collection[asyncio.Task[T]]) -> None:
    """Cancels what is still open and returns when all of it has ended; how it ended is nobody's concern any more."""
    for child in children:
        if not child.done():
            child.cancel()
    await asyncio.gather(*children, return_exceptions=True)
