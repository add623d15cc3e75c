"""One revision of a switch's configuration as it is kept: its words for states, its timing, how its apply may go wrong."""

from dataclasses import dataclass, field
from typing import Any

from lab.virtual.switch.trees import Tree

STAGED = ("pending", "inactive", "detached", "empty", "previous")
DONE = ("applied", "applied_and_saved", "saved")
FAILED = (
    "invalid",
    "ays_fail",
    "verify_error",
    "ready_error",
    "apply_fail",
    "apply_error",
    "confirm_fail",
    "failed",
    "error",
)
ANSWERS = {
    "ays": ("ays_yes", "ays_no"),
    "ignore_fail": ("ignore_fail_yes", "ignore_fail_no"),
    "confirm": ("confirm_yes", "confirm_no"),
}
ALIASES = ("applied", "startup", "pending")


@dataclass(frozen=True)
class Timing:
    """Lab seconds from the start of an apply (or from its answer) until each state is entered."""

    checking: float = 0.2
    checked: float = 0.4
    verifying: float = 0.1
    verified: float = 0.3
    readying: float = 0.4
    ready: float = 0.6
    reloading: float = 0.7
    reloaded: float = 1.7
    settled: float = 1.8
    saving: float = 0.2
    saved: float = 0.4
    answer: float = 30.0
    """How long a question waits for its answer."""


@dataclass(frozen=True)
class Trouble:
    """How the next apply goes wrong. `fails_in`: the state it ends in; `asks`: it asks `ignore_fail` first;
    `restores`: whether the rollback works; `hangs_in`: the state that it never leaves;
    `confirm_fails`: the confirm timer runs out at once; `pretends`: it says that it runs the new one and keeps the old."""

    fails_in: str = ""
    reason: str = ""
    asks: bool = False
    restores: bool = True
    hangs_in: str = ""
    confirm_fails: bool = False
    pretends: bool = False


@dataclass
class Entry:
    """One revision. `steps` are (when, state) still to come; `before` is what ran before this one's apply;
    `running`: the switch runs it although it has not ended yet."""

    id: str
    tree: Tree | None
    state: str
    user: str = ""
    message: str = ""
    progress: str = ""
    issues: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    controls: dict[str, Any] = field(default_factory=dict[str, Any])
    prompts: dict[str, str] = field(default_factory=dict[str, str])
    steps: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    before: Tree | None = None
    running: bool = False
    trouble: Trouble = Trouble()
    touched_at: float = 0.0

    @property
    def under_way(self) -> bool:
        return self.state not in (*STAGED, *DONE, *FAILED) or bool(self.steps)

    def document(self) -> dict[str, Any]:
        """As `GET /revision/<id>` answers it."""
        shown: dict[str, Any] = {
            "state": self.state,
            "transition": {
                "issue": {str(number): issue for number, issue in enumerate(self.issues)},
                "progress": self.progress,
            },
        }
        if self.user:
            shown["user"] = self.user
        if self.message:
            shown["message"] = self.message
        if self.prompts:
            shown["auto-prompt"] = dict(self.prompts)
        if self.controls:
            shown["state-controls"] = dict(self.controls)
        return shown


def issue(code: str, severity: str, message: str, **data: str) -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": message, "data": data}
