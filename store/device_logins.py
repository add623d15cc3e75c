"""One device's logins and login tries as one document: what every secret store keeps in one piece and changes in one step.

The functions change the document they are given; a store reads it, lets one of them change it, and writes it back under a lock
or a check-and-set.
"""

import re
from datetime import datetime, timedelta
from typing import TypedDict

from pydantic import SecretStr

from domain.errors import Rejected
from domain.secret import CredentialSlot, CredentialState, FailedTry, Login, SecretMissing


class SecretPathRefused(Rejected):
    """A path that could leave the secret store's folder, or mean another secret."""

    kind = "secret-path-refused"


class PlainLogin(TypedDict):
    username: str
    password: str


class DeviceLogins(TypedDict):
    """As it lies in a store. `logins` and `tries` by slot; times in ISO 8601."""

    logins: dict[str, PlainLogin]
    tries: dict[str, str]
    since: str | None


def empty() -> DeviceLogins:
    return {"logins": {}, "tries": {}, "since": None}


def state_of(kept: DeviceLogins, site: str, device: str) -> CredentialState:
    return CredentialState(
        site=site,
        device=device,
        has_current=CredentialSlot.CURRENT.value in kept["logins"],
        has_pending=CredentialSlot.PENDING.value in kept["logins"],
        has_entered=CredentialSlot.ENTERED.value in kept["logins"],
        current_since=datetime.fromisoformat(kept["since"]) if kept["since"] else None,
        tries=tuple(
            FailedTry(slot=CredentialSlot(slot), at=datetime.fromisoformat(at)) for slot, at in kept["tries"].items()
        ),
    )


def login_of(kept: DeviceLogins, site: str, device: str, slot: CredentialSlot) -> Login:
    """The factory slot has no place here: the declaration names its secret. Raises `SecretMissing`."""
    found = kept["logins"].get(slot.value)
    if found is None:
        raise missing(f"site/{site}/device/{device}/{slot.value}")
    return from_plain(found)


def set_pending(kept: DeviceLogins, login: Login) -> None:
    kept["logins"][CredentialSlot.PENDING.value] = plain(login)
    # A new password was tried by nobody yet.
    kept["tries"].pop(CredentialSlot.PENDING.value, None)


def set_entered(kept: DeviceLogins, login: Login) -> None:
    kept["logins"][CredentialSlot.ENTERED.value] = plain(login)
    kept["tries"].pop(CredentialSlot.ENTERED.value, None)


def promote(kept: DeviceLogins, site: str, device: str, now: datetime) -> None:
    """Once more, after it was promoted, changes nothing. Raises `SecretMissing`."""
    pending = kept["logins"].pop(CredentialSlot.PENDING.value, None)
    if pending is None:
        if CredentialSlot.CURRENT.value in kept["logins"]:
            return
        raise missing(f"site/{site}/device/{device}/{CredentialSlot.PENDING.value}")
    kept["logins"][CredentialSlot.CURRENT.value] = pending
    kept["since"] = now.isoformat()
    kept["logins"].pop(CredentialSlot.ENTERED.value, None)
    for slot in (CredentialSlot.PENDING, CredentialSlot.CURRENT, CredentialSlot.ENTERED):
        kept["tries"].pop(slot.value, None)


def add_try(kept: DeviceLogins, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
    """False, and nothing changed, if the slot has a try inside the window."""
    before = kept["tries"].get(slot.value)
    if before and at - datetime.fromisoformat(before) < timedelta(seconds=window_s):
        return False
    kept["tries"][slot.value] = at.isoformat()
    return True


def forget_try(kept: DeviceLogins, slot: CredentialSlot) -> None:
    kept["tries"].pop(slot.value, None)


def plain(login: Login) -> PlainLogin:
    return {"username": login.username, "password": login.password.get_secret_value()}


def from_plain(kept: PlainLogin) -> Login:
    return Login(username=kept["username"], password=SecretStr(kept["password"]))


def checked(path: str) -> str:
    """Raises `SecretPathRefused`."""
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", part) for part in path.split("/")):
        raise SecretPathRefused(
            f"{path!r} is no path of a secret.", do="Use parts of letters, digits, `_`, `.`, `-`, joined by `/`."
        )
    return path


def missing(path: str) -> SecretMissing:
    return SecretMissing(f"There is no secret at {path}.", do=f"Store it: edgewright secret put {path} --username NAME")
