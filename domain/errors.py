"""Every error we raise on purpose. The message is for a night operator: what happened, to what, what to do next.

    EdgewrightError
    ├── Transient     the world may be better in a moment            retried
    ├── Throttled     the other side asked us to wait (retry_after_s) retried
    ├── NotYet        we are waiting for something that takes time    retried, quietly
    ├── Rejected      the request can never succeed as it is          not retried
    └── Conflict      the world is not as we left it, or somebody     not retried
                      else holds what we need

A more precise error subclasses one of the five and is named by the plain fact (`BmcUnreachable(Transient)`); it lives in
the module that raises it. The five decide what a workflow does; the subclass and its `kind` decide what a person reads.
"""

from typing import ClassVar


class EdgewrightError(Exception):
    """The root. `kind` is a stable, kebab-case word for findings, API problems and metrics."""

    kind: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, do: str = "", retry_after_s: float | None = None) -> None:
        """`message` says what happened and to what, `do` what to do next; `retry_after_s` asks for a pause before a retry."""
        self.message = message
        self.do = do
        self.retry_after_s = retry_after_s
        super().__init__(f"{message}\n{do}" if do else message)


class Transient(EdgewrightError):
    """The other side did not answer, or answered that it is in trouble; the same call may succeed in a moment."""

    kind = "transient"
    retryable = True


class Throttled(EdgewrightError):
    """The other side asked us to slow down; carries `retry_after_s` where it said for how long."""

    kind = "throttled"
    retryable = True


class NotYet(EdgewrightError):
    """What we wait for has not happened yet. Not a failure: it stays out of error logs and metrics."""

    kind = "not-yet"
    retryable = True


class Rejected(EdgewrightError):
    """The request is wrong, or was refused for a reason that another try cannot mend."""

    kind = "rejected"


class Conflict(EdgewrightError):
    """The world is not as we left it, or somebody else holds what we need; a person or a new plan decides."""

    kind = "conflict"
