"""Users of a switch: they are part of its configuration, so a rollback brings an old password back too."""

import hmac
import secrets
from typing import Any

from domain.unix_password import matches, sha512_crypt
from lab.virtual.switch.releases import switched_off
from lab.virtual.switch.trees import Tree, below, merged

FACTORY_USER = "cumulus"
FACTORY_PASSWORD = "cumulus"
"""As Cumulus Linux ships. While it is set the API answers 403 to everything (5.6 and newer)."""

MIN_PASSWORD = 8
"""`system security password-hardening len-min`, as shipped."""

READERS = ("nvue-monitor",)


def hashed(password: str) -> str:
    return sha512_crypt(password, secrets.token_hex(6))


class PasswordRefused(ValueError):
    """The password breaks the hardening rules. Never quotes it."""


def sealed(patch: Any, *, plain: bool) -> Any:
    """The patch with clear passwords replaced by their hashes, so that no tree ever holds one. Raises `PasswordRefused`.

    `plain`: whether this release takes a clear password over REST at all (the documents of 5.4 and 5.6 say no).
    """
    users = {name: _sealed(name, entry, plain) for name, entry in _users(patch).items()}
    if not users:
        return patch
    return {**patch, "system": {**patch["system"], "aaa": {**patch["system"]["aaa"], "user": users}}}


def _sealed(name: str, entry: Any, plain: bool) -> Any:
    if not isinstance(entry, dict) or "password" not in entry:
        return entry
    password = entry["password"]
    rest = {key: value for key, value in entry.items() if key != "password"}
    if password is None:
        return {**rest, "hashed-password": None}
    if not plain:
        raise PasswordRefused(f"The API takes no plain text password for {name}: configure a hashed password.")
    if not isinstance(password, str) or len(password) < MIN_PASSWORD:
        raise PasswordRefused(f"The password of {name} must have at least {MIN_PASSWORD} characters.")
    if password == name:
        raise PasswordRefused(f"The password of {name} must not be the user name.")
    return {**rest, "hashed-password": hashed(password)}


def masked(tree: Any) -> Any:
    """The tree as it may be shown: every hash is `*`, as NVUE prints it."""
    users = {
        name: {**entry, "hashed-password": "*"}
        for name, entry in _users(tree).items()
        if isinstance(entry, dict) and entry.get("hashed-password")
    }
    return merged(tree, {"system": {"aaa": {"user": users}}}) if users else tree


def _users(tree: Any) -> Tree:
    try:
        users = below(tree, ("system", "aaa", "user"))
    except (KeyError, TypeError):
        return {}
    return users if isinstance(users, dict) else {}


class Accounts:
    """Checks logins against a configuration; remembers a good login by its hash, so that polling costs no key derivation."""

    def __init__(self) -> None:
        self._good: dict[str, bytes] = {}
        self._key = secrets.token_bytes(16)

    def role(self, tree: Tree, user: str, password: str) -> str | None:
        """The role of the user, or None: unknown user, wrong password, disabled."""
        entry = _users(tree).get(user)
        if not isinstance(entry, dict) or switched_off(entry):
            return None
        stored = str(entry.get("hashed-password", ""))
        proof = hmac.digest(self._key, f"{stored}\0{password}".encode(), "sha256")
        if not hmac.compare_digest(self._good.get(user, b""), proof):
            if not matches(password, stored):
                return None
            self._good[user] = proof
        return str(entry.get("role") or "system-admin")
