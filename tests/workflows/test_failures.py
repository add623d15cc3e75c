"""What a person reads of a failure, however deep Temporal wraps it."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState, TimeoutError, TimeoutType

from domain.bmc import BmcUnreachable
from domain.errors import EdgewrightError
from worker.interception import as_application_error
from workflows.failures import reason_of, trouble_of


def wrapped(cause: BaseException, activity: str = "read_server") -> FailureError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type=activity,
        activity_id="1",
        retry_state=RetryState.TIMEOUT,
    )
    error.__cause__ = cause
    return error


def timeout(kind: TimeoutType, cause: BaseException | None = None) -> TimeoutError:
    error = TimeoutError("Not enough time to schedule next retry", type=kind, last_heartbeat_details=[])
    error.__cause__ = cause
    return error


OURS: EdgewrightError = BmcUnreachable("r1-s01 did not answer within 30 s.", do="Check its cable.")


def failed_as_ours() -> ApplicationError:
    """As it comes back from a worker that let the Python error stand behind it."""
    failure = as_application_error(OURS)
    failure.__cause__ = ApplicationError(str(OURS), type="BmcUnreachable")
    return failure


@pytest.mark.parametrize("failure", [failed_as_ours(), timeout(TimeoutType.SCHEDULE_TO_CLOSE, failed_as_ours())])
def test_our_own_error_is_told_with_its_kind_wherever_it_stands(failure: BaseException) -> None:
    trouble = trouble_of(wrapped(failure))
    assert (trouble.kind, trouble.message, trouble.do) == ("bmc-unreachable", OURS.message, OURS.do)
    assert reason_of(wrapped(failure)) == str(OURS)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (TimeoutType.SCHEDULE_TO_CLOSE, "what it works with did not answer"),
        (TimeoutType.HEARTBEAT, "its worker fell silent"),
        (TimeoutType.SCHEDULE_TO_START, "no worker took it in time"),
    ],
)
def test_a_timeout_is_told_in_words_of_ours(kind: TimeoutType, words: str) -> None:
    trouble = trouble_of(wrapped(timeout(kind)))
    assert trouble.kind == "no-answer-in-time"
    assert trouble.message.startswith("`read server` did not end in time: ")
    assert words in trouble.message


def test_what_nobody_expected_keeps_its_own_words() -> None:
    trouble = trouble_of(wrapped(ApplicationError("boom", type="ValueError")))
    assert (trouble.kind, trouble.message) == ("not-read", "boom")
