"""Taking over a BMC's login without ever locking it or losing the way in: which step comes next, and new passwords.

Pure. The shell that carries the steps out is `activities/bmc_login.py`. The rules it follows:

- A new password is stored as *pending*, on disk, before the BMC sees it.
- A login try is counted in the secret store before it is made, and the count is cleared when it succeeds. In one lock-out
  window each credential has at most one try that is not known to have succeeded: BMCs commonly lock after three.
- After a crash pending is tried first, then the old one, once each; if the old one opens, the password is set to the *same*
  pending again. The old one is forgotten only after a login with the new one.
- What a person entered is tried first. Whatever opens then, the device gets a new password of ours, and the entered one is
  forgotten with the old one.
- If a try of this window is unaccounted for (a crash, or another operation's), nothing is tried until all are free again,
  so that every run can try all there is and ends with an answer.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from domain.account import AccountPolicy
from domain.bmc import Goal
from domain.model import Model
from domain.secret import CredentialSlot, CredentialState

MOST_TRIES = 2
"""Failed tries that we allow ourselves in one lock-out window, of all credentials together."""

LOGIN_TAKES_S = 30.0
"""A try younger than this may still be under way elsewhere: ask again soon instead of after the window."""

ASK_AGAIN_S = 5.0

LENGTHS = (24, 20, 16)
"""Lengths of new passwords in the order tried. Some BMCs refuse more than 20 or 16 characters (the IPMI limits), and do not
say so before the password has been changed for the first time."""

_LETTERS_LOW, _LETTERS_HIGH, _DIGITS, _MARKS = "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "-_."
"""No look-alikes; no marks that shells, URLs, XML or a BMC's own web page treat specially."""


class Run(Model):
    """What one run has learnt. A crash forgets it; what must survive is in `CredentialState`."""

    opened: CredentialSlot | None = None
    """The credential whose login we hold."""
    must_change: bool = False
    """The BMC answers nothing until the password has been changed."""
    refused: frozenset[CredentialSlot] = frozenset()
    new_refused: bool = False
    """The BMC refused the pending password as such: another one is needed."""
    changed: bool = False
    """The BMC acknowledged the pending password."""


class TryLogin(Model):
    slot: CredentialSlot


class StorePending(Model):
    """Make a new password and store it; nothing has been sent yet, or the BMC refused the one before."""


class ChangePassword(Model):
    """Set the BMC's password to pending."""


class Promote(Model):
    """A login with pending succeeded: make it current and forget the old one."""


class Done(Model):
    pass


class Wait(Model):
    """The budget is used up: `slot` was tried last."""

    slot: CredentialSlot
    retry_after_s: float


class GiveUp(Model):
    """Everything we know was refused."""

    refused: tuple[CredentialSlot, ...]


class NotTaken(Model):
    """The BMC acknowledged the new password, refuses it, and still takes the old one."""


type NextStep = TryLogin | StorePending | ChangePassword | Promote | Done | Wait | GiveUp | NotTaken


def next_step(
    state: CredentialState,
    run: Run,
    goal: Goal,
    *,
    window_s: float,
    now: datetime,
    not_before: datetime | None = None,
) -> NextStep:
    """What to do next. Call it after each step with the store's state read anew."""
    if run.opened is CredentialSlot.PENDING:
        return Promote()
    if run.opened is not None:
        return _with_the_old_one(state, run, goal, not_before)
    if CredentialSlot.PENDING not in run.refused and run.changed:
        return TryLogin(slot=CredentialSlot.PENDING)
    candidates = slots_to_try(state, goal)
    left = tuple(slot for slot in candidates if slot not in run.refused)
    if not left:
        return GiveUp(refused=candidates)
    # At the start everything must be free; later only what is left, for the others were tried by ourselves just now. What a
    # person has just entered need not wait for what was refused before they did.
    must_be_free = candidates if not run.refused else left
    if left[0] is CredentialSlot.ENTERED:
        must_be_free = left[:1]
    if wait := _wait(state, must_be_free, window_s, now):
        return wait
    return TryLogin(slot=left[0])


def _with_the_old_one(state: CredentialState, run: Run, goal: Goal, not_before: datetime | None) -> NextStep:
    if not state.has_pending:
        satisfied = (
            run.opened is CredentialSlot.CURRENT
            and not run.must_change
            and not state.has_entered
            and _new_enough(state, goal, not_before)
        )
        return Done() if satisfied else StorePending()
    if run.new_refused:
        return StorePending()
    if run.changed:
        return NotTaken()
    return ChangePassword()


def _new_enough(state: CredentialState, goal: Goal, not_before: datetime | None) -> bool:
    if goal is not Goal.ROTATE:
        return True
    return not_before is not None and state.current_since is not None and state.current_since >= not_before


def slots_to_try(state: CredentialState, goal: Goal) -> tuple[CredentialSlot, ...]:
    """In the order of trying, at most two: pending if there is one, then what opened the BMC before it. What a person entered
    comes first, and one other, should they err."""
    pending = (CredentialSlot.PENDING,) if state.has_pending else ()
    if state.has_entered:
        before = CredentialSlot.CURRENT if state.has_current else CredentialSlot.FACTORY
        return (CredentialSlot.ENTERED, *(pending or (before,)))
    if not state.has_current:
        return (*pending, CredentialSlot.FACTORY)
    if goal is not Goal.RECLAIM:
        return (*pending, CredentialSlot.CURRENT)
    # A crash after the reclaim was complete leaves a current that works: it is asked before the factory's.
    return (*(pending or (CredentialSlot.CURRENT,)), CredentialSlot.FACTORY)


def reading_step(state: CredentialState, slot: CredentialSlot, *, window_s: float, now: datetime) -> TryLogin | Wait:
    """For operations that only want to read or switch power: may this credential be tried now?"""
    return _wait(state, (slot,), window_s, now) or TryLogin(slot=slot)


def _wait(state: CredentialState, slots: tuple[CredentialSlot, ...], window_s: float, now: datetime) -> Wait | None:
    window = timedelta(seconds=window_s)
    recent = [entry for entry in state.tries if now - entry.at < window]
    blocking = [entry for entry in recent if entry.slot in slots]
    if not blocking and len(recent) < MOST_TRIES:
        return None
    last = max(blocking or recent, key=lambda entry: entry.at)
    age_s = (now - last.at).total_seconds()
    remaining_s = max(window_s - age_s, 1.0)
    return Wait(slot=last.slot, retry_after_s=min(remaining_s, ASK_AGAIN_S) if age_s < LOGIN_TAKES_S else remaining_s)


def password_lengths(policy: AccountPolicy) -> tuple[int, ...]:
    """Which lengths to try with this BMC, best first."""
    low, high = policy.min_length or 1, policy.max_length or max(LENGTHS)
    return tuple(length for length in LENGTHS if low <= length <= high) or (min(max(low, *LENGTHS), high),)


def new_password(length: int, choose: Callable[[str], str], marker: str = "") -> str:
    """`length` characters, at least one of each kind, beginning with a letter. `choose` picks one of a string, unpredictably.

    `marker` stands in front, so that a test can search for leaked secrets.
    """
    kinds = (_LETTERS_HIGH, _LETTERS_LOW, _DIGITS, _MARKS)
    everything = "".join(kinds)
    random_length = max(length - len(marker), len(kinds))
    must = [choose(kind) for kind in kinds]
    rest = [choose(everything) for _ in range(random_length - len(must))]
    # The letter stays in front, the others go to unpredictable places.
    first, others = must[0], must[1:]
    for character in others:
        places = "".join(chr(index) for index in range(len(rest) + 1))
        rest.insert(ord(choose(places)), character)
    return marker + first + "".join(rest)
