"""Logging in to devices without ever locking one: every try is counted in the secret store, for reading and for taking over alike."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from random import SystemRandom
from typing import Protocol

from activities.heartbeat import undisturbed
from domain.account import Account, Door, LoginBudgetSpent
from domain.bmc import DeviceTarget
from domain.credentials import Wait, new_password, reading_step
from domain.errors import EdgewrightError
from domain.secret import CredentialSlot, Login, SecretStore

LOCKOUT_WINDOW_S = 900.0
"""How long a failed login is taken to count where nothing is known: longer than the lock-out times vendors ship."""


class Doors[A: Account](Protocol):
    """One kind of device, as `Logins` needs it."""

    @property
    def word(self) -> str:
        """What messages call such a device: `BMC`, `switch`."""
        ...

    def connect(self, target: DeviceTarget) -> Door[A]:
        """Checked as the site declares; a certificate accepted at first use is remembered before any login."""
        ...

    def spares(self, error: EdgewrightError) -> bool:
        """Whether a login that failed so is known not to count as a failed one on the device."""
        ...


class Logins[A: Account]:
    """Opens devices of one kind. Used by every activity that needs a login, so that all of them share one budget per device."""

    def __init__(
        self,
        doors: Doors[A],
        secrets: SecretStore,
        clock: Callable[[], datetime],
        *,
        lockout_window_s: float = LOCKOUT_WINDOW_S,
        secret_marker: str = "",
        choose: Callable[[str], str] | None = None,
    ) -> None:
        """`secret_marker` stands in front of generated passwords, so that tests find leaks; `choose` picks their characters."""
        self._doors, self.secrets, self.clock = doors, secrets, clock
        self._default_window_s = lockout_window_s
        self._marker = secret_marker
        self._choose = choose or SystemRandom().choice

    @property
    def word(self) -> str:
        return self._doors.word

    @contextmanager
    def open_session(self, target: DeviceTarget) -> Generator[A]:
        """A login for reading or switching power, with our current credential, or the factory's before the take-over; with
        what a person entered, until a take-over has replaced it.

        Raises:
            LoginBudgetSpent: a try of this lock-out window is not known to have succeeded.
            LoginRefused: somebody else changed the password, or a take-over was cut off: take over first.
        """
        slot = self.check_budget(target)
        with self.connect(target) as door, self.log_in(door, target, slot) as session:
            yield session

    def check_budget(self, target: DeviceTarget) -> CredentialSlot:
        """The credential to read with, if it may be tried now; asks the device nothing.

        Raises:
            LoginBudgetSpent: a try of this lock-out window is not known to have succeeded.
        """
        state = self.secrets.credential_state(target.site, target.device)
        slot = CredentialSlot.CURRENT if state.has_current else CredentialSlot.FACTORY
        slot = CredentialSlot.ENTERED if state.has_entered else slot
        step = reading_step(state, slot, window_s=self.window_s(target), now=self.clock())
        if isinstance(step, Wait):
            raise self.budget_spent(target, step)
        return slot

    def connect(self, target: DeviceTarget) -> Door[A]:
        return self._doors.connect(target)

    def log_in(self, door: Door[A], target: DeviceTarget, slot: CredentialSlot) -> A:
        """One counted try. What is known not to have reached the account check is uncounted again.

        A cancel waits for the device's answer: a try that nobody accounts for would cost a whole lock-out window.
        """
        with undisturbed():
            return self._log_in(door, target, slot)

    def _log_in(self, door: Door[A], target: DeviceTarget, slot: CredentialSlot) -> A:
        login = self.credential(target, slot)
        site, device, now = target.site, target.device, self.clock()
        if not self.secrets.record_try(site, device, slot, now, self.window_s(target)):
            # Somebody else was quicker since we looked; a moment later their try is accounted for.
            raise self.budget_spent(target, Wait(slot=slot, retry_after_s=5.0))
        try:
            session = door.log_in(login)
        except EdgewrightError as error:
            if self._doors.spares(error):
                self.secrets.clear_try(site, device, slot)
            raise
        self.secrets.clear_try(site, device, slot)
        return session

    def new_password(self, length: int) -> str:
        return new_password(length, self._choose, self._marker)

    def credential(self, target: DeviceTarget, slot: CredentialSlot) -> Login:
        if slot is CredentialSlot.FACTORY:
            return self.secrets.get(target.factory)
        return self.secrets.credential(target.site, target.device, slot)

    def window_s(self, target: DeviceTarget) -> float:
        return target.lockout_window_s or self._default_window_s

    def budget_spent(self, target: DeviceTarget, wait: Wait) -> LoginBudgetSpent:
        # Told in standing words: they become reasons and findings, which must not differ from one minute to the next.
        return LoginBudgetSpent(
            f"{target.endpoint}: its {wait.slot.value} login was tried, and it is not known to have worked. Another try within "
            f"{self.window_s(target):.0f} s of it may lock the {self.word}.",
            do="Onboarding waits that time out by itself; a plan or an audit does not. If its password was changed, enter the right "
            f"one: edgewright credentials set {target.site}/{target.device} --username NAME; then retry.",
            retry_after_s=wait.retry_after_s,
        )
