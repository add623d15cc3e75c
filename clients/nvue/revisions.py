"""The revision flow in pieces that may each run twice: what a crash left half done is found and carried on, never doubled.

Only one revision can be applied at a time and anybody may apply in between, so `apply` looks before it starts, compares the
difference with the one the plan was made on, and `verify` reads back. Source: reference ran.md section 3.2.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from clients.nvue import reading
from clients.nvue.errors import (
    ApplyInProgress,
    ApplyUnfinished,
    ConfirmExpired,
    RevisionMissing,
    SwitchAnswerUnclear,
    SwitchBusy,
    SwitchChangedMeanwhile,
    SwitchObjectMissing,
    SwitchRefused,
    SwitchRolledBack,
    SwitchTroubled,
    SwitchUnreachable,
)
from clients.nvue.transport import Transport
from domain.errors import EdgewrightError
from domain.model import Json
from domain.nvue import Deviation, NvueTree, Revision, RevisionPhase, RevisionState, deviations

_AYS: dict[str, Json] = {"ays": "ays_yes"}
_ALIASES = ("applied", "startup", "operational", "pending")
_PASSING = (SwitchUnreachable, SwitchTroubled, SwitchAnswerUnclear, SwitchBusy)
"""What a switch says while it reloads: switchd and NGINX restart, connections break."""


def _no_heartbeat(_: Revision) -> None:
    return


def revision_path(revision_id: str) -> str:
    """Older releases return ids such as `changeset/cumulus/2026-11-23_18.45.01_ABCD`: every slash is part of the id."""
    return f"/revision/{quote(revision_id, safe='')}"


@dataclass
class RevisionFlow:
    """Configures one switch. `clock` is seconds that never go back."""

    transport: Transport
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def revision(self, revision_id: str) -> Revision:
        """Raises `RevisionMissing` if the switch does not know it (any more)."""
        try:
            document = self.transport.get(revision_path(revision_id))
        except SwitchObjectMissing as error:
            raise RevisionMissing(
                f"The switch {self.transport.address} has no revision {revision_id}.", do="Stage the change again."
            ) from error
        return reading.revision(revision_id, document)

    def revisions(self) -> tuple[Revision, ...]:
        """Every revision the switch remembers, without the aliases (`applied`, `startup` ...)."""
        document = reading.tree(self.transport.get("/revision"))
        return tuple(reading.revision(key, entry) for key, entry in document.items() if key not in _ALIASES)

    def find_revision(self, message: str) -> Revision | None:
        """The newest revision applied under this message: how an operation finds its own after a crash."""
        return next((r for r in reversed(self.revisions()) if r.message == message), None)

    def stage(self, tree: NvueTree, *, revision_id: str | None = None) -> str:
        """Writes the tree (a merge patch, `null` deletes) into a revision and returns its id. Nothing runs differently yet.

        On a retry give the id of the first try: it is used again while it is still only staged; a fresh one otherwise.

        Raises:
            SwitchRefused: the tree does not fit the switch's schema; carries what it said.
        """
        reusable = revision_id if revision_id is not None and self._is_staged(revision_id) else None
        staged = reusable or self._create()
        self.transport.send("PATCH", "/", {"rev": staged}, tree)
        return staged

    def _create(self) -> str:
        document = reading.tree(self.transport.send("POST", "/revision", {"base_rev": "applied"}, {}))
        if not document:
            raise SwitchAnswerUnclear(f"The switch {self.transport.address} created a revision but named none.")
        return next(iter(document))

    def _is_staged(self, revision_id: str) -> bool:
        try:
            return self.revision(revision_id).state.phase is RevisionPhase.STAGED
        except RevisionMissing:
            return False

    def diff(self, revision_id: str) -> NvueTree:
        """What applying this revision would change now, as a merge patch; empty: nothing."""
        answer = self.transport.get("/", {"rev": "applied", "diff": revision_id, "filled": "false"})
        return reading.tree(answer)

    def apply(
        self, revision_id: str, *, message: str, confirm_s: int = 0, expected_diff: NvueTree | None = None
    ) -> Revision:
        """Starts applying. A revision that is already on its way (our first try) is returned as it is.

        Args:
            message: kept with the revision; put the operation's id there, `find_revision` looks for it.
            confirm_s: the switch goes back by itself unless `confirm` comes within so many seconds; 0: no such timer.
            expected_diff: what the plan said would change; anything else is refused.

        Raises:
            ApplyInProgress: another revision is being applied or waits for an answer.
            SwitchUnreachable: it did not hear us, or stayed away for `absence_s` afterwards. Apply again: it looks first.
            SwitchChangedMeanwhile: the difference is not `expected_diff` any more. Nothing was changed.
        """
        found = self.revision(revision_id)
        if found.state.phase is not RevisionPhase.STAGED:
            return found
        for other in self.revisions():
            if other.id != revision_id and _under_way(other):
                raise ApplyInProgress(
                    f"The switch {self.transport.address} is applying revision {other.id} "
                    f"({other.state}{f', {other.message}' if other.message else ''}).",
                    do="Wait for it to end, then retry.",
                    revision_id=other.id,
                )
        if expected_diff is not None and (now := self.diff(revision_id)) != expected_diff:
            raise SwitchChangedMeanwhile(
                f"The switch {self.transport.address} was changed since the plan was made: applying would now change "
                f"{', '.join(sorted(_leaves(now) ^ _leaves(expected_diff))) or 'other values'}.",
                do="Plan again.",
            )
        body: dict[str, Json] = {"state": "apply", "auto-prompt": _AYS, "message": message}
        if confirm_s:
            body["state-controls"] = {"confirm": confirm_s}
        self._tell(revision_id, body, before=found.state)
        return self._seen(revision_id, Revision(id=revision_id, state=RevisionState.APPLY, message=message))

    def _tell(self, revision_id: str, body: dict[str, Json], *, before: RevisionState | None) -> None:
        """Changes a revision's state. Where the connection breaks, the state tells whether the switch heard it.

        `before` is the state we saw; `None`: whatever it is, telling it again does no harm.
        """
        try:
            self.transport.send("PATCH", revision_path(revision_id), body=body)
        except SwitchUnreachable:
            if before is None or self._back(revision_id).state is before:
                raise

    def _back(self, revision_id: str) -> Revision:
        """The revision once the switch answers again: what broke the connection may well be its reboot half-way through ours.

        Raises what the switch says last if it stays away for longer than `absence_s`.
        """
        end = self.clock() + self.transport.timeouts.absence_s
        while True:
            try:
                return self.revision(revision_id)
            except _PASSING:
                if self.clock() >= end:
                    raise
            self.transport.sleep(self.transport.timeouts.poll_s)

    def _seen(self, revision_id: str, otherwise: Revision) -> Revision:
        try:
            return self.revision(revision_id)
        except _PASSING:
            return otherwise

    def wait(
        self,
        revision_id: str,
        *,
        deadline_s: float = 300.0,
        heartbeat: Callable[[Revision], None] = _no_heartbeat,
    ) -> Revision:
        """Follows an apply until it is done or asks for `confirm`; broken connections on the way are normal.

        "Are you sure" is answered yes; "apply although a part failed" is answered no.

        Raises:
            SwitchRefused: the configuration is invalid, or applying failed; carries the switch's issues.
            SwitchRolledBack: it failed and the switch restored its former configuration.
            ConfirmExpired: the confirm timer ran out and the switch restored its former configuration.
            ApplyUnfinished: still moving after `deadline_s`. Wait again.
            SwitchUnreachable: did not come back within `deadline_s`.
        """
        end = self.clock() + deadline_s
        answered: set[RevisionState] = set()
        while True:
            trouble: EdgewrightError | None = None
            try:
                found = self.revision(revision_id)
                heartbeat(found)
                match found.state:
                    case RevisionState.AYS | RevisionState.IGNORE_FAIL if found.state not in answered:
                        answered.add(found.state)
                        self._answer(found)
                    case RevisionState.CONFIRM:
                        return found
                    case state if state.phase is RevisionPhase.DONE or (
                        state.phase is not RevisionPhase.MOVING and found.changed_nothing
                    ):
                        return found
                    case state if state.phase is RevisionPhase.FAILED:
                        raise self._failure(found, end)
                    case _:
                        pass
            except _PASSING as error:
                found, trouble = None, error
            if self.clock() >= end:
                raise trouble or ApplyUnfinished(
                    f"The switch {self.transport.address} is still applying revision {revision_id}"
                    + (f" ({found.word or found.state}: {found.progress})." if found else "."),
                    do="Wait again.",
                )
            self.transport.sleep(self.transport.timeouts.poll_s)

    def _answer(self, found: Revision) -> None:
        if found.state is RevisionState.AYS:
            self._tell(found.id, {"state": "ays_yes", "auto-prompt": _AYS}, before=found.state)
        else:
            self._tell(found.id, {"state": "ignore_fail_no"}, before=found.state)

    def _failure(self, found: Revision, end: float) -> EdgewrightError:
        words = "; ".join(str(issue) for issue in found.issues) or found.progress or "the switch gave no reason"
        where = f"revision {found.id} on the switch {self.transport.address}"
        if found.state is RevisionState.CONFIRM_FAIL:
            return ConfirmExpired(
                f"Nobody confirmed {where} in time; the switch runs its former configuration again.",
                do="Find out why the checks did not pass, then plan again.",
                issues=found.issues,
            )
        if not found.rollback_target:
            return SwitchRefused(
                f"Could not apply {where} ({found.state}): {words}",
                do="Correct the configuration and plan again; the switch runs its former configuration.",
                issues=found.issues,
            )
        restored = self._restored(found.rollback_target, end)
        return SwitchRolledBack(
            f"Could not apply {where} ({found.state}): {words}. "
            + (
                "It runs its former configuration again."
                if restored
                else "It did NOT restore its former configuration!"
            ),
            do="Read the issues and plan again."
            if restored
            else "Log in on the switch: `nv config show`, `nv config apply`.",
            issues=found.issues,
            restored=restored,
        )

    def _restored(self, target: str, end: float) -> bool:
        """Polls the revision with which the switch restores itself. A switch that forgot it already has finished."""
        while self.clock() < end:
            try:
                state = self.revision(target).state
            except RevisionMissing:
                return True
            except _PASSING:
                state = RevisionState.UNKNOWN
            if state.phase in (RevisionPhase.DONE, RevisionPhase.FAILED):
                return state.phase is RevisionPhase.DONE
            self.transport.sleep(self.transport.timeouts.poll_s)
        return False

    def confirm(self, revision_id: str) -> Revision:
        """Keeps what is applied. Confirming what is confirmed already changes nothing.

        Raises:
            ConfirmExpired: too late.
        """
        found = self.revision(revision_id)
        if found.state is RevisionState.CONFIRM:
            self._tell(revision_id, {"state": "confirm_yes", "auto-prompt": _AYS}, before=found.state)
        return self.wait(revision_id)

    def abort(self, revision_id: str) -> Revision | None:
        """Takes a revision back: one that waits for `confirm` is rolled back now, one that is only staged is deleted (`None`).

        One that has ended stays as it is: to undo an applied revision is a change of its own.
        """
        try:
            found = self.revision(revision_id)
            if found.state is RevisionState.CONFIRM:
                self._tell(revision_id, {"state": "confirm_no"}, before=found.state)
                try:
                    return self.wait(revision_id)
                except ConfirmExpired:
                    return self.revision(revision_id)
            if found.state.phase is RevisionPhase.STAGED:
                self.transport.send("DELETE", revision_path(revision_id), body={})
                return None
        except (RevisionMissing, SwitchObjectMissing):
            return None
        return found

    def save(self) -> None:
        """Makes what is applied the startup configuration. Only needed where auto-save is off (5.9 and newer: on)."""
        self._tell("applied", {"state": "save", "auto-prompt": _AYS}, before=None)

    def applied(self, *, filled: bool = False) -> NvueTree:
        """The configuration that runs; `filled` adds the defaults."""
        return reading.tree(self.transport.get("/", {"rev": "applied", "filled": str(filled).lower()}))

    def verify(self, wanted: NvueTree) -> tuple[Deviation, ...]:
        """Reads back: where what runs now is not what `wanted` (a merge patch) says. Empty: all as it should be."""
        return deviations(wanted, self.applied())


def _under_way(revision: Revision) -> bool:
    return revision.state.phase is RevisionPhase.ASKING or (
        revision.state.phase is RevisionPhase.MOVING and revision.state is not RevisionState.UNKNOWN
    )


def _leaves(tree: Json, path: str = "") -> set[str]:
    if isinstance(tree, dict) and tree:
        return {leaf for key, value in tree.items() for leaf in _leaves(value, f"{path}/{key}")}
    return {path or "/"}
