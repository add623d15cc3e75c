"""Whose a quarantine is. Onboarding marks the reasons that it judged itself, and lifts no others. Pure.

In NetBox a reason of onboarding's is `{"by": "onboarding", "reason": "…"}`; anything else was written by another hand: by an
operation that failed to erase a server, or by a person.
"""

from collections.abc import Iterable

from domain.inventory import DeviceState
from domain.lifecycle import Lifecycle
from domain.model import Json, Model

ONBOARDING = "onboarding"


class Reasons(Model):
    """Why a server is quarantined. `judged`: those of `all` that onboarding judged itself."""

    all: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()


def as_kept(reasons: Iterable[str], *, judged: bool) -> Json:
    """Reasons as NetBox keeps them; None if there are none."""
    kept: list[Json] = [{"by": ONBOARDING, "reason": reason} if judged else reason for reason in reasons]
    return kept or None


def as_read(kept: Json) -> Reasons:
    """What NetBox keeps, whoever wrote it and however."""
    told: list[str] = []
    judged: list[str] = []
    for entry in kept if isinstance(kept, list) else [] if kept is None else [kept]:
        if isinstance(entry, dict) and entry.get("by") == ONBOARDING:
            judged.append(str(entry.get("reason")))
            told.append(judged[-1])
        else:
            told.append(str(entry))
    return Reasons(all=tuple(told), judged=tuple(judged))


def by_another_hand(state: DeviceState) -> bool:
    """Whether the server is quarantined for anything that looking at it cannot settle. No reason at all is no reason of ours."""
    if state.lifecycle is not Lifecycle.QUARANTINED:
        return False
    return not state.reasons or not set(state.reasons) <= set(state.reasons_judged)
