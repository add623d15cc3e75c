"""What an activity says to Temporal and knows from it; also where Temporal does not run us, as in a test that calls it directly."""

from temporalio import activity


def beat(*details: object) -> None:
    if activity.in_activity():
        activity.heartbeat(*details)


def is_retry() -> bool:
    """An attempt before this one failed or was cut off."""
    return activity.in_activity() and activity.info().attempt > 1
