"""Taking a device's login over, or giving it a new password: carries out the steps that `domain.credentials` decides on."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

from activities.heartbeat import undisturbed
from activities.logins import Logins
from domain.account import (
    Account,
    AccountPolicy,
    AccountRefused,
    CredentialsUnknown,
    Door,
    LoginRefused,
    PasswordNotTaken,
)
from domain.beat import Beat, no_beat
from domain.bmc import DeviceTarget, Goal, TakenOver
from domain.credentials import (
    MOST_TRIES,
    ChangePassword,
    Done,
    GiveUp,
    NextStep,
    NotTaken,
    Promote,
    Run,
    StorePending,
    TryLogin,
    Wait,
    next_step,
    password_lengths,
)
from domain.secret import CredentialSlot, Login


def take_over[A: Account](
    logins: Logins[A], target: DeviceTarget, goal: Goal, *, not_before: datetime | None = None, beat: Beat = no_beat
) -> TakenOver:
    """Ends with a credential of ours that is known to work, whatever was cut off before.

    Raises:
        LoginBudgetSpent: tries of this lock-out window are unaccounted for; carries the time to wait.
        CredentialsUnknown: the device refused all that we know.
        PasswordNotTaken: it acknowledged the new password and does not take it.
        AccountRefused: it accepts no password of ours.
    """
    check_budget(logins, target, goal)
    with logins.connect(target) as door:
        run = TakeOver(logins, door, target, goal, not_before, beat)
        try:
            return run.run()
        finally:
            run.close()


def check_budget[A: Account](logins: Logins[A], target: DeviceTarget, goal: Goal) -> None:
    """Whether a take-over may begin now; asks the device nothing: one that must be left alone gets no request either.

    Raises:
        LoginBudgetSpent: tries of this lock-out window are unaccounted for; carries the time to wait.
    """
    state = logins.secrets.credential_state(target.site, target.device)
    first = next_step(state, Run(), goal, window_s=logins.window_s(target), now=logins.clock())
    if isinstance(first, Wait):
        raise logins.budget_spent(target, first)


class TakeOver[A: Account]:
    """One run of a take-over: carries out what `next_step` says until it says that it is done."""

    def __init__(
        self,
        logins: Logins[A],
        door: Door[A],
        target: DeviceTarget,
        goal: Goal,
        not_before: datetime | None,
        beat: Beat,
    ) -> None:
        self._logins, self._door, self._target = logins, door, target
        self._goal, self._not_before, self._beat = goal, not_before, beat
        self._secrets = logins.secrets
        self._run = Run()
        self._session: A | None = None
        self._policy = AccountPolicy()
        self._refused_lengths: set[int] = set()
        self._last_refusal: AccountRefused | None = None
        self._changed = False

    def run(self) -> TakenOver:
        """A cancel ends it between two steps; from a new password on, only when the password is proved and kept."""
        with ExitStack() as whole:
            while True:
                step = self._next()
                self._beat(type(step).__name__)
                if isinstance(step, Done):
                    return self._done()
                if isinstance(step, StorePending | ChangePassword | Promote):
                    whole.enter_context(undisturbed())
                with undisturbed():
                    self._carry_out(step)

    def close(self) -> None:
        """Logs out."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _next(self) -> NextStep:
        logins = self._logins
        return next_step(
            self._secrets.credential_state(self._target.site, self._target.device),
            self._run,
            self._goal,
            window_s=logins.window_s(self._target),
            now=logins.clock(),
            not_before=self._not_before,
        )

    def _carry_out(self, step: NextStep) -> None:
        match step:
            case TryLogin(slot=slot):
                self._try_login(slot)
            case StorePending():
                self._store_pending()
            case ChangePassword():
                self._change_password()
            case Promote():
                self._promote()
            case Wait():
                raise self._logins.budget_spent(self._target, step)
            case GiveUp(refused=refused):
                raise self._unknown(refused)
            case NotTaken():
                raise PasswordNotTaken(
                    f"{self._target.endpoint} acknowledged its new password but still takes only the old one.",
                    do=f"It is tried again. If it stays so, restart the {self._logins.word}.",
                    # Sooner there is no try left, and what would be told is that, and not what is wrong.
                    retry_after_s=self._logins.window_s(self._target),
                )
            case Done():
                pass

    def _try_login(self, slot: CredentialSlot) -> None:
        self.close()
        try:
            self._session = self._logins.log_in(self._door, self._target, slot)
        except LoginRefused:
            self._run = self._run.model_copy(update={"opened": None, "refused": self._run.refused | {slot}})
            return
        self._run = self._run.model_copy(update={"opened": slot, "must_change": self._session.must_change_password})
        self._policy = self._session.account_policy()

    def _store_pending(self) -> None:
        old = self._run.opened or CredentialSlot.FACTORY
        left = [length for length in password_lengths(self._policy) if length not in self._refused_lengths]
        if not left:
            raise self._last_refusal or AccountRefused(f"{self._target.endpoint} accepts no password that we can make.")
        password = self._logins.new_password(left[0])
        login = Login.model_validate(
            {"username": self._logins.credential(self._target, old).username, "password": password}
        )
        self._secrets.store_pending(self._target.site, self._target.device, login)
        self._run = self._run.model_copy(update={"new_refused": False})

    def _change_password(self) -> None:
        if self._session is None:
            raise AssertionError("a password is changed only while logged in")
        site, device = self._target.site, self._target.device
        password = self._logins.credential(self._target, CredentialSlot.PENDING).password
        try:
            self._session.change_password(password)
        except AccountRefused as error:
            if not error.another_may_do:
                raise
            self._refused_lengths.add(len(password.get_secret_value()))
            self._last_refusal = error
            self._run = self._run.model_copy(update={"new_refused": True})
            return
        # The device says that this is its password now: an earlier refusal of it says nothing any more.
        self._secrets.clear_try(site, device, CredentialSlot.PENDING)
        self.close()
        self._run = self._run.model_copy(
            update={"opened": None, "changed": True, "refused": self._run.refused - {CredentialSlot.PENDING}}
        )

    def _promote(self) -> None:
        if self._session is None:
            raise AssertionError("a password is promoted only while logged in with it")
        self._session.keep_password()
        site, device = self._target.site, self._target.device
        # What was counted against the slot `current` was about the password that is forgotten now.
        self._secrets.clear_try(site, device, CredentialSlot.CURRENT)
        self._secrets.promote_pending(site, device)
        self._changed = True
        self._run = Run(opened=CredentialSlot.CURRENT)

    def _done(self) -> TakenOver:
        return TakenOver(
            changed=self._changed,
            policy=self._policy,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        threshold, window = self._policy.lockout_threshold, self._policy.window_s
        ours = self._logins.window_s(self._target)
        if threshold and threshold <= MOST_TRIES:
            yield (
                f"{self._target.endpoint} locks after {threshold} failed logins, and we allow ourselves {MOST_TRIES}: "
                "raise AccountLockoutThreshold to 3 or more."
            )
        if threshold and window and window > ours:
            yield f"{self._target.endpoint} counts failed logins for {window:.0f} s; {ours:.0f} s was assumed."

    def _unknown(self, refused: tuple[CredentialSlot, ...]) -> CredentialsUnknown:
        tried = " and ".join(slot.value for slot in refused)
        return CredentialsUnknown(
            f"{self._target.endpoint} refused every login we have for it ({tried}), each once.",
            do="Somebody changed its password, or its account is locked. Wait until it is unlocked, or enter the right one: "
            f"edgewright credentials set {self._target.site}/{self._target.device} --username NAME; then retry.",
        )
