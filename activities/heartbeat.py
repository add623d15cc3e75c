"""Telling Temporal that long work is alive. Silent where Temporal does not run us, as in a test that calls a step directly."""

from temporalio import activity


def beat(*details: object) -> None:
    if activity.in_activity():
        activity.heartbeat(*details)
