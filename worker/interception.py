"""What every activity gets from its worker: a heartbeat of its own, and our errors turned into Temporal's."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from domain.errors import EdgewrightError, NotYet


def as_application_error(error: EdgewrightError) -> ApplicationError:
    """Keeps kind and message; what is refused or in conflict is not retried, what asked for a pause gets it."""
    pause = timedelta(seconds=error.retry_after_s) if error.retry_after_s else None
    category = ApplicationErrorCategory.BENIGN if isinstance(error, NotYet) else ApplicationErrorCategory.UNSPECIFIED
    return ApplicationError(
        str(error),
        {"kind": error.kind, "message": error.message, "do": error.do},
        type=error.kind,
        non_retryable=not error.retryable,
        next_retry_delay=pause if error.retryable else None,
        category=category,
    )


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await self.next.execute_activity(input)
        except EdgewrightError as error:
            activity.logger.debug("%s", error.message, exc_info=error)
            # Without its causes: with their traces Temporal cuts a failure off, and the kind goes first.
            raise as_application_error(error) from None


class ErrorTranslation(Interceptor):
    """Every worker has it: an activity raises our errors and knows nothing of Temporal's."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translating(next)


BEATS = 4
"""How often within a heartbeat timeout: one may get lost, and a busy machine is late."""

CANCEL_HEARD_S = 2.0
"""A beat's answer is how an activity learns that it was cancelled, so beats come and go out at least this often."""


class _Remembering(ActivityOutboundInterceptor):
    """Keeps what the activity told last, so that a beat between does not take it away."""

    last: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.last = details
        super().heartbeat(*details)


class _Beating(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _Remembering(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await self.next.execute_activity(input)
        beating = asyncio.create_task(self._beat(min(timeout.total_seconds() / BEATS, CANCEL_HEARD_S)))
        try:
            return await self.next.execute_activity(input)
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            self._outbound.heartbeat(*self._outbound.last)


class Heartbeats(Interceptor):
    """Beats while the activity runs, whatever it waits for: silence then means that its worker is gone, and nothing else.

    The answer to a beat also tells that the activity was cancelled, so a long call hears of it soon after it returns.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Beating(next)
