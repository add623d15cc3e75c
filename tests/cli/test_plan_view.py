"""A plan as a person reads it on a terminal."""

from cli.plan_view import plan_lines


def test_what_a_plan_leaves_as_it_is_stands_before_its_sum() -> None:
    change = {"system": "netbox", "object": "dcim.devices/oslo-1/ntp-1", "action": "create", "after": {"name": "ntp-1"}}
    plan = {"hash": "a" * 64, "changes": [change], "notes": ["gw-1 is recorded as declared, not observed"]}
    said = [line.plain for line in plan_lines(plan)]
    assert said[-2:] == ["  · gw-1 is recorded as declared, not observed", "Plan aaaaaaaaaaaa: 1 to create."]
