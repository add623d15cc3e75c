"""The words and colours of the console: one place for what a state looks like and what a choice does."""

from domain.finding import FindingState, Severity
from domain.lifecycle import Lifecycle
from domain.operation import Choice, OperationState, StepState, WaitKind

# A tone is a colour with a meaning; every use of it also has words, for those who do not see colours.
_TONES: dict[str, str] = {
    **dict.fromkeys((Lifecycle.AVAILABLE, OperationState.SUCCEEDED, StepState.DONE, FindingState.RESOLVED, "observed"), "good"),
    **dict.fromkeys((Lifecycle.ALLOCATED, Lifecycle.PROVISIONED), "used"),
    **dict.fromkeys(
        (Lifecycle.DISCOVERED, Lifecycle.VERIFIED, Lifecycle.ACCEPTING, Lifecycle.SANITIZING, Lifecycle.PROVISIONING,
         Lifecycle.DRAINING, OperationState.ACCEPTED, OperationState.RUNNING, Severity.INFO), "busy",
    ),
    **dict.fromkeys(
        (Lifecycle.MAINTENANCE, OperationState.BLOCKED, OperationState.PARTIAL, StepState.WAITING, Severity.WARNING,
         WaitKind.GATE, WaitKind.HOLD, "held", "unverified"), "care",
    ),
    **dict.fromkeys(
        (Lifecycle.QUARANTINED, OperationState.FAILED, OperationState.REFUSED, Severity.CRITICAL, "wrong"), "bad",
    ),
}  # fmt: skip


def tone(state: object) -> str:
    return _TONES.get(str(state), "quiet")


CHOICES: dict[Choice, str] = {
    Choice.APPROVE: "Lets it carry out the plan it shows. Read the plan first.",
    Choice.REJECT: "Refuses the plan; it ends and changes nothing.",
    Choice.RETRY: "Tries the step again. Safe at any time: every step reads before it changes.",
    Choice.SKIP: "Goes on without this; what was left out stays a finding.",
    Choice.ABANDON: "Gives this up and ends clean: what was taken is given back.",
    Choice.CANCEL: "Asks it to stop at the next boundary and clean up.",
    Choice.RELEASE: "Goes on by itself when the hold is released.",
}

BUTTONS = (Choice.APPROVE, Choice.RETRY, Choice.SKIP, Choice.ABANDON)
"""The answers that are buttons at a wait; a hold is released on its own page, cancel stands below."""

DANGEROUS = frozenset({Choice.ABANDON, Choice.CANCEL})

DONE: dict[str, str] = {
    "approve": "Approved. It goes on.",
    "retry": "It tries again.",
    "skip": "Skipped. It goes on without this.",
    "abandon": "Abandoned. It ends clean.",
    "cancel": "Asked to stop: it cleans up and ends by itself.",
    "started": "Started. This page follows it.",
    "acknowledged": "Acknowledged. It stays until the check that saw it stops seeing it.",
    "held": "Held. No disruptive step starts there, and running operations stop at their next boundary.",
    "revoked": "Revoked. Whoever holds it is signed out at once.",
    "released": "Released. What waited for it goes on.",
}
"""What a page says after a form was taken: looked up by name, so that an address can put no other words on it."""


def count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
