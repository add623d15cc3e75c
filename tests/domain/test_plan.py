"""What a plan's hash binds, and how a stale plan is told."""

from typing import Any

import pytest

from domain.netbox_schema import Cf
from domain.plan import Action, Change, Deferred, Plan, System, differences
from domain.records import CUSTOM

REASONS = f"{CUSTOM}{Cf.QUARANTINE_REASONS}"
STATE = f"{CUSTOM}{Cf.LIFECYCLE}"


def change(**said: Any) -> Change:
    known = {"system": System.NETBOX, "object": "dcim.devices/oslo-1/r1-s01", "action": Action.UPDATE}
    return Change.model_validate({**known, "before": {STATE: "verified"}, "after": {STATE: "quarantined"}, **said})


def plan(*changes: Change, **said: Any) -> Plan:
    known = {"kind": "site-onboarding", "target": "oslo-1", "declaration_digest": "d", "classes": {"mgx": "1" * 64}}
    return Plan.model_validate({**known, "changes": changes, **said})


def test_why_and_its_reasons_are_not_bound() -> None:
    early = change(why="refused; the next try is in 866 s", after={STATE: "quarantined", REASONS: ["in 866 s"]})
    late = change(why="refused; the next try is in 856 s", after={STATE: "quarantined", REASONS: ["in 856 s"]})
    assert plan(early).hash == plan(late).hash
    assert differences(plan(early), plan(late)) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"changes": (change(after={STATE: "available"}),)},
        {"changes": (change(disruptive=True),)},
        {"changes": (change(before={STATE: "discovered"}),)},
        {"changes": ()},
        {"declaration_digest": "e"},
        {"classes": {"mgx": "2" * 64}},
        {"deferred": (Deferred(stage="record the server", object="o", needs="n", may=("create x",), at_most=1),)},
        {"target": "oslo-2"},
    ],
)
def test_all_that_will_happen_is_bound(other: dict[str, Any]) -> None:
    other = dict(other)
    assert plan(change()).hash != plan(*other.pop("changes", (change(),)), **other).hash


def test_a_stale_plan_is_told_by_what_differs() -> None:
    (told,) = differences(plan(change()), plan(change(after={STATE: "available"})))
    assert "quarantined" in told.was
    assert "available" in told.now
    assert "verified" not in told.was, "what is the same is not repeated"


def test_a_class_that_was_changed_is_named() -> None:
    (told,) = differences(plan(change()), plan(change(), classes={"mgx": "2" * 64}))
    assert (told.object, told.was, told.now) == ("server class mgx", "1" * 12, "2" * 12)


def test_a_stage_that_came_is_named() -> None:
    stage = Deferred(stage="record the server", object="oslo-1/r1-s01", needs="n", may=("create x",), at_most=1)
    (told,) = differences(plan(), plan(deferred=(stage,)))
    assert (told.object, told.now) == ("oslo-1/r1-s01", "record the server")
