"""The revision engine alone, with a clock in hand: states, questions, timers, rollback."""

import json
from typing import Any

import pytest

from lab.virtual.switch.entry import FAILED, Entry, Trouble
from lab.virtual.switch.revisions import NoSuchRevision, NotPossible, Revisions
from lab.virtual.switch.schema import Problem
from lab.virtual.switch.trees import Tree, merged

FACTORY: Tree = {"system": {"hostname": "leaf"}, "interface": {"swp1": {"type": "swp"}}}
YES: dict[str, Any] = {"auto-prompt": {"ays": "ays_yes"}}


def engine(*, trouble: Trouble | None = None, invalid: str = "") -> Revisions:
    return Revisions(
        FACTORY,
        check=lambda tree: [Problem(("interface", "swp1"), invalid)] if invalid else [],
        trouble=lambda _: trouble or Trouble(),
    )


def staged(revisions: Revisions, patch: Tree, now: float = 0.0) -> str:
    entry = revisions.create(now, "cumulus")
    revisions.edit(entry.id, lambda tree: merged(tree, patch), now)
    return entry.id


def states(revisions: Revisions, revision_id: str, *, until: float, start: float = 0.0) -> list[str]:
    seen: list[str] = []
    for tick in range(int(start * 20), int(until * 20) + 1):
        revisions.settle(tick / 20)
        state = revisions.entry(revision_id).state
        if not seen or seen[-1] != state:
            seen.append(state)
    return seen


def codes(entry: Entry) -> list[str]:
    return [found["code"] for found in entry.issues]


def test_an_apply_passes_every_documented_state_and_is_saved() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {**YES, "message": "op-1"})
    assert states(revisions, mine, until=5) == [
        "apply", "checking", "checked", "verifying", "verified", "readying", "ready", "reloading", "reloaded",
        "applied", "auto_save", "auto_saving", "applied_and_saved",
    ]  # fmt: skip
    assert revisions.applied["system"]["hostname"] == "new"
    assert revisions.startup == revisions.applied
    assert revisions.entry("applied").message == "op-1"


def test_what_is_staged_runs_only_from_reloading_on() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(1.0)
    assert revisions.entry(mine).state == "ready"
    assert revisions.applied == FACTORY
    revisions.settle(1.2)
    assert revisions.entry(mine).state == "reloading"
    assert revisions.applied["system"]["hostname"] == "new"


def test_without_auto_prompt_it_asks_and_gives_up_after_thirty_seconds() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {})
    assert states(revisions, mine, until=31) == ["apply", "checking", "ays", "ays_fail"]
    assert "client_timeout" in codes(revisions.entry(mine))
    assert revisions.entry(mine).document()["transition"]["progress"] == "Aborted apply after warnings"
    assert revisions.applied == FACTORY


@pytest.mark.parametrize(("answer", "ends"), [("ays_yes", "applied_and_saved"), ("ays_no", "ays_fail")])
def test_the_question_can_be_answered(answer: str, ends: str) -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {})
    revisions.settle(1.0)
    revisions.change_state(mine, answer, 1.0, {})
    assert states(revisions, mine, start=1.0, until=6)[0] == answer
    assert revisions.entry(mine).state == ends


def test_an_answer_to_a_question_that_was_not_asked_is_refused() -> None:
    revisions = engine()
    mine = staged(revisions, {})
    with pytest.raises(NotPossible, match="not confirm"):
        revisions.change_state(mine, "confirm_yes", 0.0, {})
    with pytest.raises(NotPossible, match="not a state"):
        revisions.change_state(mine, "verified", 0.0, {})


def test_confirmed_in_time_it_stays() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {**YES, "state-controls": {"confirm": 60}})
    revisions.settle(10.0)
    assert revisions.entry(mine).state == "confirm"
    assert revisions.applied["system"]["hostname"] == "new"
    assert revisions.startup == FACTORY
    revisions.change_state(mine, "confirm_yes", 10.0, YES)
    revisions.settle(100.0)
    assert revisions.entry(mine).state == "applied_and_saved"
    assert revisions.startup["system"]["hostname"] == "new"


@pytest.mark.parametrize("declined", [False, True])
def test_unconfirmed_the_former_configuration_returns_by_a_revision_of_the_switch(declined: bool) -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {**YES, "state-controls": {"confirm": 60}})
    revisions.settle(10.0)
    if declined:
        revisions.change_state(mine, "confirm_no", 10.0, {})
    revisions.settle(65.0)
    entry = revisions.entry(mine)
    assert entry.state == "confirm_fail"
    target = next(i["data"]["rollback_target"] for i in entry.issues if i["code"] == "rollback")
    assert target == f"rev_{mine}_apply_1/start"
    revisions.settle(100.0)
    assert revisions.entry(target).state == "applied_and_saved"
    assert revisions.applied == FACTORY
    assert revisions.entry("applied").id == target


@pytest.mark.parametrize("state", ["verify_error", "ready_error"])
def test_a_failure_before_anything_runs_needs_no_rollback(state: str) -> None:
    revisions = engine(trouble=Trouble(fails_in=state, reason="frr: syntax"))
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(20.0)
    assert revisions.entry(mine).state == state
    assert "rollback" not in codes(revisions.entry(mine))
    assert revisions.applied == FACTORY


@pytest.mark.parametrize("state", ["apply_fail", "apply_error", "failed", "error"])
@pytest.mark.parametrize("restores", [True, False])
def test_a_failure_half_way_is_rolled_back_if_the_switch_can(state: str, restores: bool) -> None:
    revisions = engine(trouble=Trouble(fails_in=state, restores=restores))
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(20.0)
    entry = revisions.entry(mine)
    assert entry.state == state
    assert codes(entry) == ["apply_failed", "rollback"]
    target = revisions.entry(entry.issues[1]["data"]["rollback_target"])
    assert target.state == ("applied_and_saved" if restores else "apply_error")
    assert (revisions.applied == FACTORY) is restores


@pytest.mark.parametrize(
    ("answer", "hostname", "ends"),
    [("ignore_fail_yes", "new", "applied_and_saved"), ("ignore_fail_no", "leaf", "apply_fail")],
)
def test_it_may_ask_whether_to_go_on_although_a_part_failed(answer: str, hostname: str, ends: str) -> None:
    revisions = engine(trouble=Trouble(fails_in="apply_fail", asks=True))
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(5.0)
    assert revisions.entry(mine).state == "ignore_fail"
    revisions.change_state(mine, answer, 5.0, {})
    revisions.settle(20.0)
    assert revisions.entry(mine).state == ends
    assert revisions.applied["system"]["hostname"] == hostname


def test_an_invalid_configuration_ends_invalid_and_says_where() -> None:
    revisions = engine(invalid="no such port")
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(5.0)
    assert revisions.entry(mine).state == "invalid"
    assert revisions.entry(mine).issues[0]["data"]["location"] == "interface.swp1"


def test_applying_no_difference_looks_failed_and_says_so() -> None:
    revisions = engine()
    mine = staged(revisions, {})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(5.0)
    assert revisions.entry(mine).state in FAILED
    assert "no config diff" in revisions.entry(mine).issues[0]["message"]
    assert revisions.applied == FACTORY


def test_only_one_revision_is_applied_at_a_time() -> None:
    revisions = engine()
    first, second = staged(revisions, {"system": {"hostname": "a"}}), staged(revisions, {"system": {"hostname": "b"}})
    revisions.change_state(first, "apply", 0.0, YES)
    with pytest.raises(NotPossible, match="only one at a time"):
        revisions.change_state(second, "apply", 0.5, YES)
    revisions.change_state(second, "apply", 10.0, YES)
    assert revisions.entry(second).state == "apply"


def test_a_stale_revision_takes_back_what_somebody_else_applied() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "mine"}})
    revisions.apply_foreign({"interface": {"swp1": {"link": {"mtu": 1500}}}}, 1.0)
    assert revisions.diff("applied", mine) == {"system": {"hostname": "mine"}, "interface": {"swp1": {"link": None}}}


def test_a_restart_loses_the_apply_and_starts_with_what_was_saved() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {**YES, "state-controls": {"confirm": 60}})
    revisions.settle(5.0)
    revisions.restart(5.0)
    assert revisions.entry(mine).state == "error"
    assert revisions.applied == FACTORY


def test_without_auto_save_only_a_save_changes_what_it_starts_with() -> None:
    revisions = Revisions(FACTORY, check=lambda _: [], auto_saves=lambda _: False)
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    revisions.settle(5.0)
    assert revisions.entry(mine).state == "applied"
    assert revisions.startup == FACTORY
    revisions.change_state("applied", "save", 6.0, YES)
    assert revisions.startup["system"]["hostname"] == "new"
    revisions.settle(8.0)
    assert revisions.entry(mine).state == "applied_and_saved"


def test_an_older_revision_can_be_applied_again() -> None:
    revisions = engine()
    first = staged(revisions, {"system": {"hostname": "first"}})
    revisions.change_state(first, "apply", 0.0, YES)
    revisions.settle(5.0)
    second = staged(revisions, {"system": {"hostname": "second"}}, 5.0)
    revisions.change_state(second, "apply", 5.0, YES)
    revisions.settle(10.0)
    assert revisions.entry(first).state == "previous"
    revisions.change_state(first, "apply", 10.0, YES)
    revisions.settle(20.0)
    assert revisions.applied["system"]["hostname"] == "first"


def test_only_what_is_staged_can_be_edited_or_deleted() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, YES)
    with pytest.raises(NotPossible):
        revisions.edit(mine, lambda tree: tree, 0.0)
    with pytest.raises(NotPossible):
        revisions.delete(mine)
    other = staged(revisions, {})
    revisions.delete(other)
    with pytest.raises(NoSuchRevision):
        revisions.entry(other)


def test_a_killed_process_goes_on_where_it_was() -> None:
    revisions = engine()
    mine = staged(revisions, {"system": {"hostname": "new"}})
    revisions.change_state(mine, "apply", 0.0, {**YES, "state-controls": {"confirm": 60}})
    revisions.settle(5.0)
    again = engine()
    again.restore(json.loads(json.dumps(revisions.kept())))
    assert again.entry(mine).state == "confirm"
    assert again.applied["system"]["hostname"] == "new"
    again.settle(100.0)
    assert again.entry(mine).state == "confirm_fail"
    assert again.applied == FACTORY


def test_many_revisions_keep_only_the_trees_of_the_newest() -> None:
    revisions = engine()
    first = ""
    for number in range(30):
        mine = staged(revisions, {"system": {"hostname": f"h{number}"}}, number * 10.0)
        first = first or mine
        revisions.change_state(mine, "apply", number * 10.0, YES)
        revisions.settle(number * 10.0 + 9)
    revisions.create(400.0, "cumulus")
    with pytest.raises(NoSuchRevision):
        revisions.tree(first)
    assert sum(entry.tree is not None for entry in revisions.entries.values()) < 20
