"""What an activity says to Temporal and knows from it; also where Temporal does not run us, as in a test that calls it directly."""

from contextlib import AbstractContextManager, nullcontext

from temporalio import activity


def beat(*details: object) -> None:
    if activity.in_activity():
        activity.heartbeat(*details)


def is_retry() -> bool:
    """An attempt before this one failed or was cut off."""
    return activity.in_activity() and activity.info().attempt > 1


def undisturbed() -> AbstractContextManager[None]:
    """What must not be cut in two: a cancel that comes meanwhile is raised at its end.

    Nothing to hold off where none is raised: outside Temporal, and in threads that an activity makes for itself.
    """
    return activity.shield_thread_cancel_exception() if activity.in_activity() else nullcontext()
