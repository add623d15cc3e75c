"""What a failure means to a person: the words of our own error inside Temporal's wrapping, or words for what Temporal says itself."""

from collections.abc import Iterator

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutError, TimeoutType

from domain.judgement import Trouble

_TIMEOUTS = {
    TimeoutType.HEARTBEAT: "its worker fell silent, and no other took over in time",
    TimeoutType.SCHEDULE_TO_START: "no worker took it in time",
}


def reason_of(error: FailureError) -> str:
    """The message a person should read, with what to do where our error says so."""
    ours = _our_error(error)
    if ours is not None:
        return ours.message
    innermost = list(_chain(error))[-1]
    if isinstance(innermost, TimeoutError):
        return _timed_out(error, innermost)
    return str(innermost.message) if isinstance(innermost, FailureError) else str(innermost)


def trouble_of(error: FailureError) -> Trouble:
    """Kind, message and advice as the activity's error had them; what Temporal itself says (a timeout) is a kind of its own."""
    ours = _our_error(error)
    if ours is not None:
        return Trouble.model_validate(ours.details[0])
    timed_out = isinstance(list(_chain(error))[-1], TimeoutError)
    return Trouble(kind="no-answer-in-time" if timed_out else "not-read", message=reason_of(error))


def kind_of(error: FailureError) -> str:
    """The stable word for it. What a workflow itself found out says so by its type."""
    return error.type if isinstance(error, ApplicationError) and error.type else trouble_of(error).kind


def _chain(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, FailureError) and error.cause is not None:
        yield from _chain(error.cause)


def _our_error(error: FailureError) -> ApplicationError | None:
    """The failure made of an error of ours (`worker.interception`): behind it stands the Python error that it came from."""
    return next(
        (
            failure
            for failure in _chain(error)
            if isinstance(failure, ApplicationError) and failure.details and isinstance(failure.details[0], dict)
        ),
        None,
    )


def _timed_out(error: FailureError, timeout: TimeoutError) -> str:
    activities = [failure for failure in _chain(error) if isinstance(failure, ActivityError)]
    what = activities[-1].activity_type.replace("_", " ") if activities else "a step"
    why = _TIMEOUTS.get(timeout.type) if timeout.type is not None else None
    return f"`{what}` did not end in time: {why or 'what it works with did not answer'}."
