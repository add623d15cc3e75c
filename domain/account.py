"""Accounts on devices: what taking one over needs of a device, whatever it is. BMCs and switches fulfil it."""

from types import TracebackType
from typing import Protocol, Self

from pydantic import SecretStr

from domain.errors import Rejected, Throttled, Transient
from domain.model import Model
from domain.secret import Login


class LoginRefused(Rejected):
    """401: unknown user, wrong password, or a locked account that does not say so."""

    kind = "login-refused"


class AccountRefused(Rejected):
    """The device rejected what it was asked. `another_may_do`: it was about the value itself, such as a password's length."""

    kind = "account-refused"
    another_may_do: bool = False


class PasswordNotTaken(Transient):
    """The device acknowledged its new password and still takes only the old one."""

    kind = "password-not-taken"


class LoginBudgetSpent(Throttled):
    """We have used up our failed login tries of this lock-out window; carries the time until the next is free."""

    kind = "login-budget-spent"


class CredentialsUnknown(Rejected):
    """No credential that we know opens the device."""

    kind = "credentials-unknown"


class AccountPolicy(Model):
    """What a device demands of passwords and does about failed logins. None: it does not say. A threshold of 0: never locks."""

    min_length: int | None = None
    max_length: int | None = None
    lockout_threshold: int | None = None
    lockout_duration_s: float | None = None
    counter_reset_s: float | None = None

    @property
    def window_s(self) -> float | None:
        """How long a failed login may count against us."""
        known = [value for value in (self.lockout_duration_s, self.counter_reset_s) if value]
        return max(known) if known else None


class Account(Protocol):
    """A device, logged in. Use it as a context manager."""

    @property
    def must_change_password(self) -> bool:
        """True: the login is right, and only `change_password` will be answered."""
        ...

    def account_policy(self) -> AccountPolicy:
        """Everything None where the device does not show it, as while the password must be changed."""
        ...

    def change_password(self, new: SecretStr) -> None:
        """Changes our own password. If the connection breaks, either may be right afterwards.

        Raises:
            AccountRefused: the device does not accept the new one; the old one stays.
        """
        ...

    def keep_password(self) -> None:
        """Makes the password that we are logged in with outlive a restart. Only then the old one may be forgotten."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Door[A: Account](Protocol):
    """A trusted connection to one device, before a login. Use it as a context manager."""

    def log_in(self, login: Login) -> A:
        """One login try, never repeated by itself. May be called again after a refusal, with another login.

        Raises:
            LoginRefused: this counts as a failure there. Every other error: the login is not known to be wrong.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
