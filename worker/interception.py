"""Turns our errors into Temporal's, in one place: which are retried, when, and what a person reads."""

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
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
            raise as_application_error(error) from error


class ErrorTranslation(Interceptor):
    """Every worker has it: an activity raises our errors and knows nothing of Temporal's."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translating(next)
