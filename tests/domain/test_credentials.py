"""The take-over's decisions, over every state there is."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account import AccountPolicy
from domain.bmc import Goal
from domain.credentials import (
    ASK_AGAIN_S,
    LOGIN_TAKES_S,
    MOST_TRIES,
    ChangePassword,
    Done,
    GiveUp,
    NotTaken,
    Promote,
    Run,
    StorePending,
    TryLogin,
    Wait,
    new_password,
    next_step,
    password_lengths,
    reading_step,
    slots_to_try,
)
from domain.secret import CredentialSlot, CredentialState, FailedTry

PENDING, CURRENT, FACTORY = CredentialSlot.PENDING, CredentialSlot.CURRENT, CredentialSlot.FACTORY
ENTERED = CredentialSlot.ENTERED
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WINDOW_S = 300.0
AGES_S = (1.0, 100.0, 299.0, 301.0)


def state(
    *,
    current: bool = False,
    pending: bool = False,
    entered: bool = False,
    tries: dict[CredentialSlot, float] | None = None,
    since=None,
):
    made = tuple(FailedTry(slot=slot, at=NOW - timedelta(seconds=age)) for slot, age in (tries or {}).items())
    return CredentialState(
        site="s",
        device="d",
        has_current=current,
        has_pending=pending,
        has_entered=entered,
        tries=made,
        current_since=since,
    )


def step(known: CredentialState, run: Run | None = None, goal: Goal = Goal.OWN, not_before: datetime | None = None):
    return next_step(known, run or Run(), goal, window_s=WINDOW_S, now=NOW, not_before=not_before)


def subsets[T](items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))


def every_case() -> Iterator[tuple[CredentialState, Run, Goal]]:
    """All combinations of what is stored, what was tried when, and what a run can have learnt."""
    for current, pending, entered, goal in product((False, True), (False, True), (False, True), Goal):
        # Which slots there are decides; all others at once would be a million cases more and not another decision.
        slots = (ENTERED, PENDING, CURRENT if current else FACTORY) if entered else (PENDING, CURRENT, FACTORY)
        tries = (
            dict(zip(chosen, ages, strict=True))
            for chosen in subsets(slots)
            for ages in product(AGES_S, repeat=len(chosen))
        )
        for tried in tries:
            known = state(current=current, pending=pending, entered=entered, tries=tried)
            for opened in (None, *slots):
                for refused in subsets(slots):
                    for must, new_refused, changed in product((False, True), repeat=3):
                        yield (
                            known,
                            Run(
                                opened=opened,
                                refused=frozenset(refused),
                                must_change=must,
                                new_refused=new_refused,
                                changed=changed,
                            ),
                            goal,
                        )


def test_in_every_state_there_is_a_next_step_and_it_keeps_the_rules() -> None:
    seen: set[type] = set()
    for known, run, goal in every_case():
        taken = next_step(known, run, goal, window_s=WINDOW_S, now=NOW, not_before=NOW)
        seen.add(type(taken))
        recent = {entry.slot for entry in known.tries if (NOW - entry.at).total_seconds() < WINDOW_S}
        match taken:
            case TryLogin(slot=slot):
                assert run.opened is None, "a try is only made without a login"
                if run.changed and slot is PENDING:
                    continue  # the login with what the BMC has just acknowledged
                assert slot not in recent, "no second try of a credential in one window"
                assert slot not in run.refused
                assert len(recent) < MOST_TRIES
                assert slot in slots_to_try(known, goal)
            case StorePending():
                assert run.opened in (ENTERED, CURRENT, FACTORY), "a new password is only made with a login in hand"
                assert not known.has_pending or run.new_refused, (
                    "a pending one is never overwritten unless it was refused"
                )
            case ChangePassword():
                assert known.has_pending, "the BMC never sees a password that is not stored"
                assert run.opened in (ENTERED, CURRENT, FACTORY)
            case Promote():
                assert run.opened is PENDING, "the old one is forgotten only after a login with the new one"
            case Done():
                assert run.opened is CURRENT
                assert not known.has_pending
                assert not known.has_entered, "what a person knows is replaced"
            case GiveUp(refused=refused):
                assert set(refused) <= run.refused, "nothing is given up on before all there is was tried in this run"
            case Wait(retry_after_s=pause):
                assert recent
                assert 0 < pause <= WINDOW_S
            case NotTaken():
                assert run.changed
    assert seen == {TryLogin, StorePending, ChangePassword, Promote, Done, GiveUp, Wait, NotTaken}


def test_a_new_device_is_opened_with_the_factory_login() -> None:
    assert step(state()) == TryLogin(slot=FACTORY)


def test_after_a_crash_pending_comes_first_and_then_the_old_one() -> None:
    for current, old in ((False, FACTORY), (True, CURRENT)):
        known = state(current=current, pending=True)
        assert step(known) == TryLogin(slot=PENDING)
        assert step(known, Run(refused=frozenset({PENDING}))) == TryLogin(slot=old)
        assert step(known, Run(refused=frozenset({PENDING}), opened=old)) == ChangePassword()


def test_a_working_current_credential_is_enough_for_a_take_over_but_not_for_a_rotation() -> None:
    known = state(current=True, since=NOW - timedelta(days=90))
    run = Run(opened=CURRENT)
    assert step(known, run) == Done()
    assert step(known, run, Goal.ROTATE, NOW) == StorePending()
    assert step(state(current=True, since=NOW), run, Goal.ROTATE, NOW) == Done()


def test_a_password_that_must_be_changed_is_changed_even_if_it_is_ours() -> None:
    assert step(state(current=True), Run(opened=CURRENT, must_change=True)) == StorePending()


def test_reclaiming_asks_the_factory_login_instead_of_ours() -> None:
    assert slots_to_try(state(current=True, pending=True), Goal.RECLAIM) == (PENDING, FACTORY)
    assert slots_to_try(state(current=True), Goal.RECLAIM) == (CURRENT, FACTORY)


def test_a_try_that_a_crash_left_open_holds_back_every_credential_until_all_are_free() -> None:
    known = state(pending=True, tries={FACTORY: 100.0})
    assert step(known) == Wait(slot=FACTORY, retry_after_s=200.0)


def test_a_try_that_may_still_be_under_way_is_asked_about_again_soon() -> None:
    assert step(state(tries={FACTORY: LOGIN_TAKES_S - 1})) == Wait(slot=FACTORY, retry_after_s=ASK_AGAIN_S)


def test_a_try_is_forgiven_when_its_window_is_over() -> None:
    assert step(state(tries={FACTORY: WINDOW_S})) == TryLogin(slot=FACTORY)


def test_all_refused_ends_with_what_was_tried() -> None:
    refused = frozenset({PENDING, CURRENT})
    assert step(state(current=True, pending=True), Run(refused=refused)) == GiveUp(refused=(PENDING, CURRENT))


def test_a_bmc_that_acknowledges_and_does_not_change_is_not_changed_for_ever() -> None:
    run = Run(opened=FACTORY, changed=True, refused=frozenset({PENDING}))
    assert step(state(pending=True), run) == NotTaken()


def test_reading_counts_against_the_same_budget() -> None:
    known = state(current=True, tries={CURRENT: 100.0})
    assert reading_step(known, CURRENT, window_s=WINDOW_S, now=NOW) == Wait(slot=CURRENT, retry_after_s=200.0)
    assert reading_step(state(current=True), CURRENT, window_s=WINDOW_S, now=NOW) == TryLogin(slot=CURRENT)
    spent = state(current=True, tries={PENDING: 100.0, FACTORY: 50.0})
    assert isinstance(reading_step(spent, CURRENT, window_s=WINDOW_S, now=NOW), Wait)


@pytest.mark.parametrize(
    ("policy", "lengths"),
    [
        (AccountPolicy(), (24, 20, 16)),
        (AccountPolicy(min_length=8, max_length=20), (20, 16)),
        (AccountPolicy(max_length=16), (16,)),
        (AccountPolicy(max_length=12), (12,)),
        (AccountPolicy(min_length=32, max_length=64), (32,)),
    ],
)
def test_password_lengths_respect_what_the_bmc_takes(policy: AccountPolicy, lengths: tuple[int, ...]) -> None:
    assert password_lengths(policy) == lengths


@given(st.integers(8, 64), st.randoms(use_true_random=False))
def test_new_passwords_have_the_length_and_every_kind_of_character(length: int, random) -> None:
    password = new_password(length, random.choice)
    assert len(password) == length
    assert password[0] in string.ascii_uppercase
    assert {True} == {any(c in kind for c in password) for kind in (string.ascii_lowercase, string.digits, "-_.")}
    assert set(password) <= set(string.ascii_letters + string.digits + "-_.")


def test_a_marker_stands_in_front_and_leaves_the_length() -> None:
    import random

    password = new_password(24, random.Random(1).choice, "EWSECRET")
    assert password.startswith("EWSECRET")
    assert len(password) == 24
