"""The matrix is whole: whoever adds a step to onboarding adds its cells, or says why it has none."""

import gzip
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.crashes.cells import CELLS, LEFT_OUT, NETBOX_CELLS, POINTS, STEPS, VICTIMS
from workflows.activity import Activity
from workflows.onboarding import SiteOnboarding
from workflows.onboarding_rack import RackOnboarding, ServerOnboarding

HISTORIES = Path(__file__).parents[1] / "replay" / "histories"
CALLS = "workflows.calls"


def named_activities(workflow: type) -> set[str]:
    """Activities that the workflow's module names, and those of ours that it uses, whatever they use in turn."""
    seen: set[str] = set()
    to_see = [workflow.__module__]
    found: set[str] = set()
    while to_see:
        name = to_see.pop()
        if name in seen or name == CALLS:
            continue
        seen.add(name)
        for value in vars(sys.modules[name]).values():
            if isinstance(value, Activity):
                found.add(value.name)
            to_see += of_ours(value)
    return found


def of_ours(value: object) -> Iterator[str]:
    name = value.__name__ if isinstance(value, ModuleType) else ""
    if inspect.isclass(value) or inspect.isfunction(value):
        name = value.__module__
    if name.startswith("workflows."):
        yield name


def test_each_activity_that_onboarding_names_is_a_step_or_is_left_out_for_a_reason() -> None:
    named = named_activities(SiteOnboarding)
    assert {"read_server", "record_waiting", "discover_devices"} <= named, "children and what they share are seen"
    assert named == {*STEPS, *LEFT_OUT}
    assert set(STEPS).isdisjoint(LEFT_OUT)
    assert all(LEFT_OUT.values())


def test_no_stored_onboarding_ran_what_is_left_out() -> None:
    ran: set[str] = set()
    for workflow in (SiteOnboarding, RackOnboarding, ServerOnboarding):
        for file in HISTORIES.glob(f"*.{workflow.__name__}.json.gz"):
            events = json.loads(gzip.decompress(file.read_bytes()))["history"]["events"]
            scheduled = (event.get("activityTaskScheduledEventAttributes") for event in events)
            ran |= {attributes["activityType"]["name"] for attributes in scheduled if attributes}
    assert ran
    assert ran <= set(STEPS)


def test_each_victim_dies_at_each_point_of_each_step() -> None:
    cells = {(cell.who, cell.step, cell.point) for cell in CELLS}
    assert {(who, step, point) for who in VICTIMS for step in STEPS for point in POINTS} <= cells
    assert {cell.step for cell in NETBOX_CELLS} <= set(STEPS)
