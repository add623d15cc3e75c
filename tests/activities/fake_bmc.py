"""A BMC reduced to its account: a password, a failure counter, a lock. For laws that need thousands of runs.

The lab's BMC, which speaks the real protocol, is what `test_bmc_killed_anywhere.py` uses.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import SecretStr

from domain.account import AccountPolicy
from domain.bmc import BmcLoginRefused, BmcRefused, BmcUnreachable, Certificates, Endpoint
from domain.hardware import BmcIdentity
from domain.secret import Login

FINGERPRINT = "ab" * 32


class FakeBmc:
    """Fulfils `BmcFactory`, `BmcConnection` and `Bmc` for one BMC. `disturb` is called around every request and may raise."""

    def __init__(
        self,
        password: str,
        *,
        threshold: int = 3,
        max_length: int = 64,
        must_change: bool = False,
        disturb: Callable[[str], None] = lambda _where: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        window_s: float = 300.0,
    ) -> None:
        self.password = password
        self.failures = self.most_failures = 0
        self.must_change = must_change
        self._threshold, self._max_length, self._disturb = threshold, max_length, disturb
        self._clock, self._window_s, self._failed_at = clock, window_s, datetime.min.replace(tzinfo=UTC)
        self._logged_in = False
        self.identity = BmcIdentity(address="127.0.0.1", certificate_sha256=FINGERPRINT)

    @property
    def locked(self) -> bool:
        return self.failures >= self._threshold

    def identify(self, endpoint: Endpoint) -> BmcIdentity:
        return self.identity

    def connect(self, endpoint: Endpoint, certificates: Certificates) -> Self:
        return self

    def answering(self, *_: Any, **__: Any) -> tuple[()]:
        return ()

    def log_in(self, login: Login) -> Self:
        self._disturb("before login")
        if (self._clock() - self._failed_at).total_seconds() >= self._window_s:
            self.failures = 0
        if self.locked or login.password.get_secret_value() != self.password:
            self.failures, self._failed_at = self.failures + 1, self._clock()
            self.most_failures = max(self.most_failures, self.failures)
            self._disturb("after refused login")
            raise BmcLoginRefused("the BMC refused the login")
        self.failures = 0
        self._disturb("after login")
        self._logged_in = True
        return self

    @property
    def must_change_password(self) -> bool:
        return self.must_change

    def account_policy(self) -> AccountPolicy:
        return AccountPolicy() if self.must_change else AccountPolicy(max_length=self._max_length)

    def change_password(self, new: SecretStr) -> None:
        assert self._logged_in, "a password is changed only while logged in"
        self._disturb("before change")
        if len(new.get_secret_value()) > self._max_length:
            raise BmcRefused("too long", status=400)
        self.password, self.must_change = new.get_secret_value(), False
        self._disturb("after change")

    def keep_password(self) -> None:
        self._disturb("before keep")

    def read_hardware(self) -> Any:
        raise AssertionError("not what is tested here")

    read_nameplate = power_state = ensure_power = read_hardware

    def close(self) -> None:
        self._logged_in = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lost_answer(where: str) -> None:
    """The connection breaks after the BMC did what it was asked."""
    raise BmcUnreachable(f"broke {where}", sent=True)
