"""The revisions of one switch: staged trees, and how an apply moves through its states in time. Pure: the time is passed in.

States and issues are those of reference ran.md 3.2. What a revision starts from is a whole copy of a configuration, so a stale
revision takes back what somebody else applied since: the worst case for a client, which has to compare before it applies.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from lab.virtual.switch.entry import ALIASES, ANSWERS, DONE, FAILED, STAGED, Entry, Timing, Trouble, issue
from lab.virtual.switch.schema import Problem
from lab.virtual.switch.trees import Tree, difference, merged

KEPT_REVISIONS = 12
"""How many ended revisions keep their tree; a real switch keeps all, a thousand doubles in one process cannot."""


class NoSuchRevision(LookupError):
    """404."""


class NotPossible(Exception):
    """The request does not fit the state of the revision (or of another one): `status` is the HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        super().__init__(detail)


class Revisions:
    """The configurations of one switch: what is applied, what it starts with, and every revision.

    `check` judges a whole tree; `trouble` is asked at the start of each apply; `auto_saves`: whether a configuration is saved
    as soon as it runs; `name` makes an id from a counter and the time; `on_change` is called after every change, for keeping it.
    """

    def __init__(
        self,
        factory: Tree,
        *,
        check: Callable[[Tree], Iterable[Problem]],
        trouble: Callable[[str], Trouble] = lambda _: Trouble(),
        name: Callable[[int, float], str] = lambda number, _: str(number),
        timing: Timing | None = None,
        auto_saves: Callable[[Tree], bool] = lambda _: True,
        on_change: Callable[[str, Entry | None], None] = lambda _, __: None,
    ) -> None:
        self.applied: Tree = factory
        self.startup: Tree = factory
        self.entries: dict[str, Entry] = {}
        self.applied_id = "startup"
        self.restarted_at = 0.0
        self._number = 0
        self._check, self._trouble, self._name = check, trouble, name
        self._timing = timing or Timing()
        self._auto_saves = auto_saves
        self._on_change = on_change

    # Staging

    def create(self, now: float, user: str, base: str = "applied") -> Entry:
        """A new staged revision that starts as a copy of `base`."""
        tree = self.tree(base)
        self._number += 1
        entry = Entry(self._name(self._number, now), tree, "pending", user=user, touched_at=now)
        self.entries[entry.id] = entry
        self._forget_old()
        self._on_change("created", entry)
        return entry

    def entry(self, revision_id: str) -> Entry:
        """By id or alias: `applied` is the one that runs, `pending` the one staged last. Raises `NoSuchRevision`."""
        if revision_id == "applied":
            revision_id = self.applied_id
        if revision_id == "pending":
            revision_id = next((e.id for e in reversed(self.entries.values()) if e.state == "pending"), "")
        if revision_id == "startup" and "startup" not in self.entries:
            return Entry("startup", self.startup, "applied_and_saved")
        if revision_id not in self.entries:
            raise NoSuchRevision(revision_id)
        return self.entries[revision_id]

    def tree(self, revision_id: str) -> Tree:
        """The whole configuration of a revision. Raises `NoSuchRevision`, also for one so old that its tree is gone."""
        if revision_id == "applied":
            return self.applied
        if revision_id == "startup":
            return self.startup
        tree = self.entry(revision_id).tree
        if tree is None:
            raise NoSuchRevision(revision_id)
        return tree

    def edit(self, revision_id: str, change: Callable[[Tree], Tree], now: float) -> Tree:
        """Changes a staged tree; returns what changed, as a merge patch."""
        entry = self.entry(revision_id)
        if entry.state not in STAGED or revision_id in ("applied", "startup") or entry.tree is None:
            raise NotPossible(400, f"Revision {revision_id} is {entry.state}: only a pending revision can be edited.")
        before, entry.tree = entry.tree, change(entry.tree)
        entry.touched_at = now
        self._on_change("edited", entry)
        return difference(before, entry.tree)

    def delete(self, revision_id: str) -> None:
        entry = self.entry(revision_id)
        if entry.state not in STAGED or revision_id in ALIASES:
            raise NotPossible(400, f"Revision {revision_id} is {entry.state} and cannot be deleted.")
        del self.entries[entry.id]
        self._on_change("deleted", None)

    def diff(self, old: str, new: str) -> Tree:
        """The merge patch from one revision to the other."""
        return difference(self.tree(old), self.tree(new))

    # Applying

    def change_state(self, revision_id: str, wanted: str, now: float, body: dict[str, Any], user: str = "") -> Entry:
        """`apply`, `save`, or the answer to a question. Raises `NotPossible`, `NoSuchRevision`."""
        self.settle(now)
        entry = self.entry(revision_id)
        if wanted == "save":
            return self._save(entry, now)
        if wanted == "apply":
            return self._apply(entry, now, body, user)
        question = wanted.rsplit("_", 1)[0]
        if wanted not in ANSWERS.get(question, ()):
            raise NotPossible(400, f"'{wanted}' is not a state that can be asked for.")
        if entry.state != question:
            raise NotPossible(400, f"Revision {revision_id} is {entry.state}, not {question}.")
        self._answer(entry, wanted, now)
        return entry

    def _apply(self, entry: Entry, now: float, body: dict[str, Any], user: str) -> Entry:
        if entry.tree is None:
            raise NoSuchRevision(entry.id)
        if entry.under_way:
            raise NotPossible(409, f"Revision {entry.id} is being applied already.")
        for other in self.entries.values():
            if other.under_way:
                raise NotPossible(409, f"Revision {other.id} is being applied ({other.state}); only one at a time.")
        entry.user = user or entry.user
        entry.message = str(body.get("message") or entry.message)
        entry.prompts = {**body.get("auto-prompt", {})}
        entry.controls = {**body.get("state-controls", {})}
        entry.issues, entry.progress, entry.before = [], "", self.applied
        entry.trouble = self._trouble(entry.id)
        self._enter(entry, "apply", now)
        entry.steps = [(now + self._timing.checking, "checking"), (now + self._timing.checked, "checked")]
        self._on_change("apply", entry)
        return entry

    def _save(self, entry: Entry, now: float) -> Entry:
        if self.entries and entry.id == self.applied_id and entry.id in self.entries:
            entry.steps = [(now + self._timing.saving, "saving"), (now + self._timing.saved, "applied_and_saved")]
            self._enter(entry, "save", now)
        self.startup = self.applied
        self._on_change("save", entry)
        return entry

    def _answer(self, entry: Entry, wanted: str, now: float) -> None:
        entry.steps = []
        self._enter(entry, wanted, now)
        match wanted:
            case "ays_yes":
                self._proceed(entry, now)
            case "ays_no":
                entry.steps = [(now + 0.1, "ays_fail")]
                entry.issues.append(issue("client_declined", "error", "The client declined to apply."))
            case "ignore_fail_yes":
                entry.steps = [(now + 0.1, "applied")]
            case "ignore_fail_no":
                entry.steps = [(now + 0.1, entry.trouble.fails_in)]
            case "confirm_yes":
                entry.steps = [(now + 0.1, "applied")]
            case _:
                entry.steps = [(now + 0.1, "confirm_fail")]
        self._on_change(wanted, entry)

    def _proceed(self, entry: Entry, now: float) -> None:
        t = self._timing
        entry.steps = [
            (now + t.verifying, "verifying"),
            (now + t.verified, "verified"),
            (now + t.readying, "readying"),
            (now + t.ready, "ready"),
            (now + t.reloading, "reloading"),
            (now + t.reloaded, "reloaded"),
            (now + t.settled, "confirm" if entry.controls.get("confirm") else "applied"),
        ]

    def settle(self, now: float) -> None:
        """Makes every transition happen whose time has come, in the order of time."""
        while True:
            due = [(entry.steps[0][0], entry) for entry in self.entries.values() if entry.steps]
            if not due:
                return
            at, entry = min(due, key=lambda pair: pair[0])
            if at > now:
                return
            _, state = entry.steps.pop(0)
            self._arrive(entry, state, at)
            self._on_change("moved", entry)

    def next_step_at(self) -> float | None:
        """When the next transition is due; None: nothing moves."""
        return min((entry.steps[0][0] for entry in self.entries.values() if entry.steps), default=None)

    def _arrive(self, entry: Entry, state: str, at: float) -> None:
        """What a state brings with it when it is entered."""
        trouble = entry.trouble
        self._enter(entry, state, at)
        if state == trouble.hangs_in:
            entry.steps = []
            entry.steps = [(at + 10**9, state)]
            return
        match state:
            case "checked":
                self._checked(entry, at)
            case "verifying" if trouble.fails_in == "verify_error":
                self._fail(entry, "verify_error", at, "verify_failed")
            case "readying" if trouble.fails_in == "ready_error":
                self._fail(entry, "ready_error", at, "ready_failed")
            case "reloading":
                self._run(entry, at)
            case "reloaded" if trouble.fails_in in ("apply_fail", "apply_error", "failed", "error"):
                self._fail_running(entry, at)
            case "confirm":
                patience = 0.5 if trouble.confirm_fails else float(entry.controls["confirm"])
                entry.steps = [(at + patience, "confirm_fail")]
            case "ays_fail":
                entry.progress = "Aborted apply after warnings"
                if not any(found["severity"] == "error" for found in entry.issues):
                    entry.issues.append(issue("client_timeout", "error", "Timeout while waiting for client response"))
            case "confirm_fail":
                self._unconfirmed(entry, at)
            case "ignore_fail":
                entry.steps = [(at + self._timing.answer, trouble.fails_in)]
            case "applied":
                self._finished(entry, at)
            case "applied_and_saved":
                self.startup = self.applied
            case _ if state in FAILED and entry.running:
                self._roll_back(entry, at)
            case _:
                pass

    def _checked(self, entry: Entry, at: float) -> None:
        if entry.tree == entry.before:
            # Seen in the field: an apply without a difference ends in a failed state, and is a success.
            entry.issues.append(issue("config_no_diff", "warning", "config apply executed with no config diff"))
            entry.steps = [(at, "apply_fail")]
        elif found := list(self._check(entry.tree or {})):
            entry.steps = [(at, "invalid")]
            entry.progress = "Invalid config"
            entry.issues += [
                issue(
                    "config_invalid",
                    "error",
                    f"Config invalid at {p.location}: {p.reason}",
                    location=p.location,
                    reason=p.reason,
                )
                for p in found
            ]
        elif entry.prompts.get("ays") == "ays_yes":
            self._proceed(entry, at)
        elif entry.prompts.get("ays") == "ays_no":
            entry.steps = [(at, "ays_fail")]
        else:
            entry.issues.append(issue("ays", "warning", "Applying changes the running configuration. Are you sure?"))
            self._enter(entry, "ays", at)
            entry.steps = [(at + self._timing.answer, "ays_fail")]

    def _fail(self, entry: Entry, state: str, at: float, code: str) -> None:
        """Before anything runs: nothing to roll back."""
        entry.issues.append(issue(code, "error", entry.trouble.reason or f"The configuration ended in {state}."))
        entry.steps = [(at + 0.1, state)]

    def _run(self, entry: Entry, at: float) -> None:
        """The new configuration runs from here on; the services that read it restart."""
        assert entry.tree is not None
        if not entry.trouble.pretends:
            self.applied = entry.tree
        self.restarted_at = at
        entry.running = True

    def _fail_running(self, entry: Entry, at: float) -> None:
        entry.issues.append(
            issue("apply_failed", "error", entry.trouble.reason or "Failed to apply: a service did not reload")
        )
        answer = entry.prompts.get("ignore_fail")
        if answer == "ignore_fail_yes":
            return
        if entry.trouble.asks and answer is None:
            entry.steps = [(at + 0.1, "ignore_fail")]
        else:
            entry.steps = [(at + 0.1, entry.trouble.fails_in)]

    def _unconfirmed(self, entry: Entry, at: float) -> None:
        entry.progress = "Configuration was not confirmed"
        entry.issues.append(issue("confirm_failed", "error", "No confirmation; the former configuration is restored"))
        self._roll_back(entry, at)

    def _roll_back(self, entry: Entry, at: float) -> None:
        """The switch restores itself with a revision of its own, `rev_<id>_apply_1/start`."""
        assert entry.before is not None
        entry.running = False
        target = Entry(f"rev_{entry.id}_apply_1/start", entry.before, "apply", user="root", touched_at=at)
        target.message = f"Rollback of {entry.id}"
        if entry.trouble.restores:
            target.steps = [
                (at + 0.2, "verifying"),
                (at + 0.4, "reloading"),
                (at + 1.4, "applied"),
            ]
        else:
            target.issues.append(issue("apply_failed", "error", "Failed to restore the former configuration"))
            target.steps = [(at + 0.2, "verifying"), (at + 0.6, "apply_error")]
        self.entries[target.id] = target
        entry.issues.append(issue("rollback", "warning", f"Rolling back to {target.id}", rollback_target=target.id))

    def _finished(self, entry: Entry, at: float) -> None:
        entry.running = False
        former = self.entries.get(self.applied_id)
        if former is not None and former is not entry:
            former.state = "previous"
        self.applied_id = entry.id
        if self._auto_saves(self.applied):
            entry.steps = [
                (at + 0.1, "auto_save"),
                (at + self._timing.saving, "auto_saving"),
                (at + self._timing.saved, "applied_and_saved"),
            ]

    def _enter(self, entry: Entry, state: str, at: float) -> None:
        entry.state, entry.touched_at = state, at
        if state not in ("ays_fail", "confirm_fail", "invalid"):
            entry.progress = "" if state in (*STAGED, *DONE, *FAILED) else state

    # What happens to a switch from outside

    def restart(self, now: float) -> None:
        """The switch lost power: it starts with its startup configuration; an apply under way is lost. Settle first."""
        for entry in self.entries.values():
            if entry.under_way:
                entry.steps = []
                entry.issues.append(issue("apply_failed", "error", "The switch restarted while applying"))
                entry.running = False
                self._enter(entry, "error", now)
        self.applied = self.startup
        self.restarted_at = now
        self._on_change("restart", None)

    def apply_foreign(self, patch: Tree, now: float, user: str = "somebody") -> Entry:
        """Somebody else applied something from the switch's own command line; done at once, as between two of our requests."""
        self.settle(now)
        self._number += 1
        entry = Entry(self._name(self._number, now), merged(self.applied, patch), "applied", user=user, touched_at=now)
        self.entries[entry.id] = entry
        self.applied = entry.tree or {}
        self._finished(entry, now)
        self._on_change("foreign", entry)
        return entry

    # Keeping

    def _forget_old(self) -> None:
        ended = [
            e for e in self.entries.values() if not e.under_way and e.id != self.applied_id and e.state != "pending"
        ]
        for entry in ended[:-KEPT_REVISIONS]:
            entry.tree = entry.before = None
        stale = [e for e in self.entries.values() if e.state == "pending"]
        for entry in stale[: -4 * KEPT_REVISIONS]:
            del self.entries[entry.id]

    def kept(self) -> dict[str, Any]:
        """Everything, as JSON, for `restore`."""
        return {
            "applied": self.applied,
            "startup": self.startup,
            "applied_id": self.applied_id,
            "number": self._number,
            "entries": [asdict(entry) for entry in self.entries.values()],
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Takes up where a killed process was; what was under way goes on."""
        self.applied, self.startup = kept["applied"], kept["startup"]
        self.applied_id, self._number = kept["applied_id"], kept["number"]
        self.entries = {}
        for document in kept["entries"]:
            typed = {
                "trouble": Trouble(**document["trouble"]),
                "steps": [(at, state) for at, state in document["steps"]],
            }
            self.entries[document["id"]] = Entry(**{**document, **typed})
