"""What can be broken about a switch: the switches that this package adds to the world's fault switchboard."""

import json
from typing import Any

from lab.virtual.faults import Fault, FaultBoard, FaultKind, FaultUnknown
from lab.virtual.switch.entry import FAILED, Trouble
from lab.virtual.wire_faults import WIRE_FAULTS, matching

LIE = "switch-lie"
APPLY_FAILS = "switch-apply-fails"
APPLY_HANGS = "switch-apply-hangs"
CONFIRM_FAILS = "switch-confirm-fails"
FOREIGN_APPLY = "switch-foreign-apply"
REBOOT = "switch-reboot"
FACTORY_RESET = "switch-factory-reset"

_LIES = ("apply", "serial", "links")
_MOMENTS = ("now", "after-diff")
_RUNNING_STATES = (
    "checking",
    "checked",
    "verifying",
    "verified",
    "readying",
    "ready",
    "reloading",
    "reloaded",
    "confirm",
)
_REBOOT_STATES = ("apply", *_RUNNING_STATES)
_APPLY_ENDS = tuple(state for state in FAILED if state not in ("invalid", "ays_fail", "confirm_fail"))


def _kind(name: str, description: str, **arguments: str) -> FaultKind:
    return FaultKind(name=name, targets=("switch",), description=description, arguments=arguments)


KINDS = (
    _kind(LIE, "The switch says what is not so.", what=f"one of {', '.join(_LIES)}"),
    _kind(
        APPLY_FAILS,
        "The next applies fail.",
        state=f"optional: apply_fail; or {', '.join(_APPLY_ENDS)}",
        reason="optional: what the switch says",
        asks="optional: true: it asks ignore_fail first",
        restores="optional: false: the rollback fails too",
    ),
    _kind(APPLY_HANGS, "The next applies never leave a state.", state=f"one of {', '.join(_RUNNING_STATES)}"),
    _kind(CONFIRM_FAILS, "Confirm timers run out at once."),
    _kind(
        FOREIGN_APPLY,
        "Somebody applies something on the switch's command line.",
        patch="what, as a JSON merge patch",
        when="optional: now, or after-diff: after the next difference was read",
    ),
    _kind(
        REBOOT,
        "The switch restarts with what was saved.",
        seconds="optional: 30: how long it is away",
        state=f"optional: only when an apply reaches one of {', '.join(_REBOOT_STATES)}",
    ),
    _kind(FACTORY_RESET, "The switch has its factory user and password again, and 403 for everything."),
)


def offer(board: FaultBoard) -> None:
    """Adds these kinds, and those of every device on the wire, to the board."""
    board.offer(*WIRE_FAULTS)
    board.offer(*KINDS, check=_check)


def _check(fault: Fault) -> None:
    arguments = fault.arguments
    problem = ""
    if fault.kind == LIE and arguments.get("what") not in _LIES:
        problem = f"what is one of {', '.join(_LIES)}"
    elif fault.kind == APPLY_FAILS and arguments.get("state", "apply_fail") not in _APPLY_ENDS:
        problem = f"state is one of {', '.join(_APPLY_ENDS)}"
    elif fault.kind == APPLY_HANGS and arguments.get("state") not in _RUNNING_STATES:
        problem = f"state is one of {', '.join(_RUNNING_STATES)}"
    elif fault.kind == REBOOT and arguments.get("state", "reloading") not in _REBOOT_STATES:
        problem = f"state is one of {', '.join(_REBOOT_STATES)}"
    elif fault.kind == FOREIGN_APPLY:
        problem = "" if isinstance(patch_of(fault), dict) else "patch is a JSON object"
        if arguments.get("when", "now") not in _MOMENTS:
            problem = f"when is one of {', '.join(_MOMENTS)}"
    elif fault.kind == REBOOT and number(fault, "seconds", 1) <= 0:
        problem = "seconds is a number above 0"
    if problem:
        raise FaultUnknown(f"{fault.kind} on {fault.target}: {problem}.")


def number(fault: Fault, name: str, default: float) -> float:
    """An argument as a number; the command line gives text. What is none reads as -1, which no check lets pass."""
    try:
        return float(fault.arguments.get(name, default))
    except (TypeError, ValueError):
        return -1.0


def flag(fault: Fault, name: str, default: bool) -> bool:
    return str(fault.arguments.get(name, default)).lower() in ("true", "1", "yes", "on")


def patch_of(fault: Fault) -> Any:
    patch = fault.arguments["patch"]
    try:
        return json.loads(patch) if isinstance(patch, str) else patch
    except ValueError:
        return None


class SwitchFaults:
    """The seeded faults of one switch, as questions; each answer that takes effect is counted."""

    def __init__(self, board: FaultBoard, name: str) -> None:
        self._board, self._name = board, name

    @property
    def any(self) -> bool:
        return self._board.any_on(self._name)

    def take(self, kind: str) -> Fault | None:
        """The first seeded fault of this kind; it counts as one effect."""
        fault = self._board.first(self._name, kind)
        if fault is not None:
            self._board.spend(fault)
        return fault

    def wire(self, kind: str, method: str, path: str, *, when: str = "") -> Fault | None:
        """The seeded wire fault that concerns this request, counted; `when` tells the two kinds of `drop` apart."""
        fault = matching(self._board, self._name, kind, method, path)
        if fault is None or (when and str(fault.arguments.get("when") or "before") != when):
            return None
        self._board.spend(fault)
        return fault

    def still(self, fault: Fault) -> bool:
        """Whether the fault is not mended yet."""
        return any(seeded.id == fault.id for seeded in self._board.on(self._name, fault.kind))

    def lies_about(self, what: str) -> bool:
        return any(fault.arguments.get("what") == what for fault in self._board.on(self._name, LIE))

    def trouble(self) -> Trouble:
        """How an apply that starts now goes wrong."""
        if fault := self.take(APPLY_HANGS):
            return Trouble(hangs_in=str(fault.arguments["state"]))
        if fault := self.take(APPLY_FAILS):
            return Trouble(
                fails_in=str(fault.arguments.get("state", "apply_fail")),
                reason=str(fault.arguments.get("reason", "")),
                asks=flag(fault, "asks", False),
                restores=flag(fault, "restores", True),
            )
        if self.take(CONFIRM_FAILS):
            return Trouble(confirm_fails=True)
        return Trouble(pretends=self.lies_about("apply"))

    def foreign(self, moment: str) -> list[Any]:
        """Patches that somebody else applies at this moment; each fault does it once."""
        due = [f for f in self._board.on(self._name, FOREIGN_APPLY) if f.arguments.get("when", "now") == moment]
        for fault in due:
            self._board.mend(fault.id)
        return [patch_of(fault) for fault in due]

    def reboot_at(self, state: str) -> float | None:
        """For how long the switch goes away now that an apply reached this state."""
        for fault in self._board.on(self._name, REBOOT):
            if fault.arguments.get("state") == state:
                self._board.mend(fault.id)
                return number(fault, "seconds", 30)
        return None
