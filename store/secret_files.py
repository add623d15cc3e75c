"""Secrets as files of mode 0600 in folders of mode 0700. Fulfils `domain.secret.SecretStore`.

`secrets/{path}.json` holds one login; `devices/{site}/{device}.json` holds all a device's logins and its tries, in one file
under one lock, so that promoting a password is one rename and counting a try is never lost between two processes.
"""

import fcntl
import json
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from domain.errors import Rejected
from domain.secret import CredentialSlot, CredentialState, FailedTry, Login, SecretMissing, SecretRef
from store.database import Clock, utc_now
from store.files import flush_folder, private_folder, write_whole


class SecretPathRefused(Rejected):
    """A path that could leave the secret store's folder."""

    kind = "secret-path-refused"


class SecretFiles:
    def __init__(self, folder: Path, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._clock = clock
        private_folder(folder)

    def get(self, ref: SecretRef) -> Login:
        file = self._secret(ref.path)
        if not file.exists():
            raise _missing(ref.path)
        return Login.model_validate(json.loads(file.read_bytes()))

    def put(self, ref: SecretRef, login: Login) -> SecretRef:
        write_whole(self._secret(ref.path), json.dumps(_plain(login)).encode())
        return ref

    def forget(self, ref: SecretRef) -> None:
        file = self._secret(ref.path)
        if file.exists():
            file.unlink(missing_ok=True)
            flush_folder(file.parent)

    def credential_state(self, site: str, device: str) -> CredentialState:
        kept = self._read(site, device)
        since = kept["since"]
        return CredentialState(
            site=site,
            device=device,
            has_current=CredentialSlot.CURRENT.value in kept["logins"],
            has_pending=CredentialSlot.PENDING.value in kept["logins"],
            current_since=datetime.fromisoformat(since) if since else None,
            tries=tuple(
                FailedTry(slot=CredentialSlot(slot), at=datetime.fromisoformat(at))
                for slot, at in kept["tries"].items()
            ),
        )

    def credential(self, site: str, device: str, slot: CredentialSlot) -> Login:
        """The factory slot has no file of its own here: the declaration names its secret, read with `get`."""
        kept = self._read(site, device)["logins"].get(slot.value)
        if kept is None:
            raise _missing(f"site/{site}/device/{device}/{slot.value}")
        return Login.model_validate(kept)

    def store_pending(self, site: str, device: str, login: Login) -> None:
        with self._changing(site, device) as kept:
            kept["logins"][CredentialSlot.PENDING.value] = _plain(login)
            # A new password was tried by nobody yet.
            kept["tries"].pop(CredentialSlot.PENDING.value, None)

    def promote_pending(self, site: str, device: str) -> None:
        """Once more, after it was promoted, changes nothing."""
        with self._changing(site, device) as kept:
            pending = kept["logins"].pop(CredentialSlot.PENDING.value, None)
            if pending is None:
                if CredentialSlot.CURRENT.value in kept["logins"]:
                    return
                raise _missing(f"site/{site}/device/{device}/{CredentialSlot.PENDING.value}")
            kept["logins"][CredentialSlot.CURRENT.value] = pending
            kept["since"] = self._clock().isoformat()
            for slot in (CredentialSlot.PENDING, CredentialSlot.CURRENT):
                kept["tries"].pop(slot.value, None)

    def record_try(self, site: str, device: str, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
        with self._changing(site, device) as kept:
            before = kept["tries"].get(slot.value)
            if before and at - datetime.fromisoformat(before) < timedelta(seconds=window_s):
                return False
            kept["tries"][slot.value] = at.isoformat()
            return True

    def clear_try(self, site: str, device: str, slot: CredentialSlot) -> None:
        with self._changing(site, device) as kept:
            kept["tries"].pop(slot.value, None)

    def _secret(self, path: str) -> Path:
        return self._folder / "secrets" / f"{_checked(path)}.json"

    def _device(self, site: str, device: str) -> Path:
        return self._folder / "devices" / _checked(f"{site}/{device}.json")

    def _read(self, site: str, device: str) -> dict[str, Any]:
        file = self._device(site, device)
        return json.loads(file.read_bytes()) if file.exists() else {"logins": {}, "tries": {}, "since": None}

    @contextmanager
    def _changing(self, site: str, device: str) -> Generator[dict[str, Any]]:
        """Reads, lets the caller change, writes if it differs; one at a time for a device across all processes."""
        file = self._device(site, device)
        private_folder(file.parent)
        number = os.open(file.parent / f".{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            kept = self._read(site, device)
            before = json.dumps(kept, sort_keys=True)
            yield kept
            after = json.dumps(kept, sort_keys=True)
            if after != before:
                write_whole(file, after.encode())
        finally:
            os.close(number)


def _checked(path: str) -> str:
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", part) for part in path.split("/")):
        raise SecretPathRefused(
            f"{path!r} is no path of a secret.", do="Use parts of letters, digits, `_`, `.`, `-`, joined by `/`."
        )
    return path


def _missing(path: str) -> SecretMissing:
    return SecretMissing(f"There is no secret at {path}.", do=f"Store it: edgewright secret put {path} --username NAME")


def _plain(login: Login) -> dict[str, str]:
    return {"username": login.username, "password": login.password.get_secret_value()}
