"""Accounts of one BMC: passwords (hashed), roles, lock-out after failures. Kept on disk before a change is acknowledged."""

import hashlib
import hmac
import secrets
from typing import Any

from lab.virtual.machine import Machine
from lab.virtual.quirks import Quirks
from lab.virtual.sitefile import Login

ROLES: dict[str, tuple[str, ...]] = {
    "Administrator": ("Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"),
    "Operator": ("Login", "ConfigureComponents", "ConfigureSelf"),
    "ReadOnly": ("Login", "ConfigureSelf"),
}
MOST_ACCOUNTS = 15

type Account = dict[str, Any]


class Accounts:
    """The account table. An account: id, user, role, enabled, change_required, salt, hash, failures, last_failure, locked_until."""

    def __init__(self, machine: Machine, quirks: Quirks, factory: Login) -> None:
        self._machine, self._quirks = machine, quirks
        self._factory = factory
        self._known: dict[str, bytes] = {}
        self._locked_by_hand: set[str] = set()
        self._hidden: set[str] = set()

    # -- reading -------------------------------------------------------------------------------------------------

    @property
    def policy(self) -> dict[str, int]:
        """Lock-out settings, changed by a client or those of the profile."""
        default = {
            "threshold": self._quirks.lockout_threshold,
            "duration_s": self._quirks.lockout_s,
            "reset_s": self._quirks.lockout_reset_s,
        }
        return {**default, **self._machine.kept("lockout", {})}

    def all(self) -> dict[str, Account]:
        """By id. Until the first change this is the factory's one account."""
        return self._machine.kept("accounts") or {"1": self._factory_account()}

    def by_user(self, user: str) -> Account | None:
        return next((a for a in self.all().values() if a["user"] == user and user), None)

    def locked(self, account: Account) -> bool:
        """True while the lock-out lasts, and while somebody keeps it locked (a fault)."""
        return account["user"] in self._locked_by_hand or account["locked_until"] > self._machine.clock.time()

    def privileges(self, account_id: str) -> tuple[str, ...]:
        account = self.all().get(account_id)
        return ROLES.get(account["role"], ()) if account else ()

    # -- logging in ----------------------------------------------------------------------------------------------

    def verify(self, user: str, password: str) -> Account | None:
        """The account, or None: unknown, disabled, locked, wrong. A failure is counted on disk before it is answered."""
        account = self.by_user(user)
        if account is None or not account["enabled"] or self.locked(account):
            return None
        now = self._machine.clock.time()
        if user in self._hidden or not self._matches(account, password):
            self._count_failure(account, now)
            return None
        if account["failures"]:
            self._store({**account, "failures": 0, "last_failure": 0.0})
        return account

    def _count_failure(self, account: Account, now: float) -> None:
        policy = self.policy
        fresh = policy["reset_s"] and now - account["last_failure"] > policy["reset_s"]
        failures = (0 if fresh or account["locked_until"] else account["failures"]) + 1
        locked_until = 0.0
        if policy["threshold"] and failures >= policy["threshold"]:
            # A duration of 0 locks until an administrator unlocks.
            locked_until = now + (policy["duration_s"] or 10 * 365 * 86400)
        changed = {**account, "failures": failures, "last_failure": now, "locked_until": locked_until}
        what = "account-locked" if locked_until else "login-failed"
        self._store(changed, {"what": what, "user": account["user"], "failures": failures})

    def _matches(self, account: Account, password: str) -> bool:
        salt = bytes.fromhex(account["salt"])
        fingerprint = hashlib.blake2s(password.encode(), key=salt).digest()
        known = self._known.get(account["id"] + account["hash"])
        if known is not None and hmac.compare_digest(known, fingerprint):
            return True
        if hmac.compare_digest(_hashed(password, salt), account["hash"]):
            self._known[account["id"] + account["hash"]] = fingerprint
            return True
        return False

    # -- changing ------------------------------------------------------------------------------------------------

    def weakness(self, password: str, user: str) -> str | None:
        """Why a password is not accepted, or None."""
        if not self._quirks.min_password <= len(password) <= self._quirks.max_password:
            return f"takes {self._quirks.min_password} to {self._quirks.max_password} characters"
        if user and user.lower() in password.lower():
            return "must not contain the user name"
        kinds = [str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum()]
        if sum(any(kind(c) for c in password) for kind in kinds) < 2:
            return "needs at least two kinds of characters"
        return None

    def add(self, user: str, password: str, role: str, *, enabled: bool, change_required: bool) -> Account:
        taken = self.all()
        number = next(str(n) for n in range(2, MOST_ACCOUNTS + 2) if str(n) not in taken)
        account = _new(number, user, password, role)
        account |= {"enabled": enabled, "change_required": change_required}
        self._store(account, {"what": "account-added", "user": user, "role": role})
        return account

    def change(self, account: Account, *, by: str, password: str | None = None, **fields: Any) -> Account:
        """Changes fields; a new password also ends the demand for one and clears the failures."""
        changed = {**account, **fields}
        if password is not None:
            salt = secrets.token_bytes(16)
            changed |= {"salt": salt.hex(), "hash": _hashed(password, salt), "failures": 0, "last_failure": 0.0}
            changed.setdefault("change_required", False)
            if "change_required" not in fields:
                changed["change_required"] = False
        names = sorted([*fields, *(["password"] if password is not None else [])])
        self._store(changed, {"what": "account-changed", "user": account["user"], "fields": names, "by": by})
        return changed

    def same_password(self, account: Account, password: str) -> bool:
        return self._matches(account, password)

    def remove(self, account: Account, *, by: str) -> None:
        left = {number: a for number, a in self.all().items() if number != account["id"]}
        change = {"what": "account-removed", "user": account["user"], "by": by}
        self._machine.keep("accounts", left, change=change)

    def set_policy(self, policy: dict[str, int]) -> None:
        self._machine.keep("lockout", {**self.policy, **policy}, change={"what": "lockout-policy", **policy})

    # -- faults --------------------------------------------------------------------------------------------------

    def hold_locked(self, user: str, held: bool) -> None:
        """As if somebody kept trying wrong passwords."""
        (self._locked_by_hand.add if held else self._locked_by_hand.discard)(user)

    def hide_password(self, user: str, hidden: bool) -> None:
        """As if somebody had set another password at the console: the right one is wrong, and counts as a failure."""
        (self._hidden.add if hidden else self._hidden.discard)(user)

    def _factory_account(self) -> Account:
        salt = hashlib.sha256(self._machine.spec.serial.encode()).digest()[:16]
        account = _new("1", self._factory.user, self._factory.password, "Administrator", salt)
        return account | {"change_required": self._quirks.password_change_required}

    def _store(self, account: Account, change: dict[str, Any] | None = None) -> None:
        self._machine.keep("accounts", {**self.all(), account["id"]: account}, change=change)


def _hashed(password: str, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1000).hex()


def _new(number: str, user: str, password: str, role: str, salt: bytes | None = None) -> Account:
    salt = salt or secrets.token_bytes(16)
    return {
        "id": number,
        "user": user,
        "role": role,
        "enabled": True,
        "change_required": False,
        "salt": salt.hex(),
        "hash": _hashed(password, salt),
        "failures": 0,
        "last_failure": 0.0,
        "locked_until": 0.0,
    }
