"""Secrets as files of mode 0600 in folders of mode 0700. Fulfils `domain.secret.SecretStore`.

`secrets/{path}.json` holds one login; `devices/{site}/{device}.json` holds all a device's logins and its tries, in one file
under one lock, so that promoting a password is one rename and counting a try is never lost between two processes.
"""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from domain.secret import CredentialSlot, CredentialState, Login, SecretRef, SecretsAway
from store import device_logins
from store.database import Clock, utc_now
from store.device_logins import DeviceLogins, checked
from store.files import flush_folder, private_folder, write_whole


class SecretFilesUnusable(SecretsAway):
    """The folder cannot be read or written: a full or read-only disk, a mode, a mount that is gone."""


class SecretFiles:
    def __init__(self, folder: Path, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._clock = clock
        private_folder(folder)

    def get(self, ref: SecretRef) -> Login:
        file = self._secret(ref.path)
        with self._usable():
            if not file.exists():
                raise device_logins.missing(ref.path)
            return device_logins.from_plain(json.loads(file.read_bytes()))

    def put(self, ref: SecretRef, login: Login) -> SecretRef:
        with self._usable():
            write_whole(self._secret(ref.path), json.dumps(device_logins.plain(login)).encode())
        return ref

    def forget(self, ref: SecretRef) -> None:
        file = self._secret(ref.path)
        with self._usable():
            if file.exists():
                file.unlink(missing_ok=True)
                flush_folder(file.parent)

    def credential_state(self, site: str, device: str) -> CredentialState:
        return device_logins.state_of(self._read(site, device), site, device)

    def credential(self, site: str, device: str, slot: CredentialSlot) -> Login:
        return device_logins.login_of(self._read(site, device), site, device, slot)

    def store_pending(self, site: str, device: str, login: Login) -> None:
        with self._changing(site, device) as kept:
            device_logins.set_pending(kept, login)

    def promote_pending(self, site: str, device: str) -> None:
        with self._changing(site, device) as kept:
            device_logins.promote(kept, site, device, self._clock())

    def enter(self, site: str, device: str, login: Login) -> None:
        with self._changing(site, device) as kept:
            device_logins.set_entered(kept, login)

    def record_try(self, site: str, device: str, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
        with self._changing(site, device) as kept:
            return device_logins.add_try(kept, slot, at, window_s)

    def clear_try(self, site: str, device: str, slot: CredentialSlot) -> None:
        with self._changing(site, device) as kept:
            device_logins.forget_try(kept, slot)

    def _secret(self, path: str) -> Path:
        return self._folder / "secrets" / f"{checked(path)}.json"

    def _device(self, site: str, device: str) -> Path:
        return self._folder / "devices" / checked(f"{site}/{device}.json")

    def _read(self, site: str, device: str) -> DeviceLogins:
        file = self._device(site, device)
        with self._usable():
            return json.loads(file.read_bytes()) if file.exists() else device_logins.empty()

    @contextmanager
    def _changing(self, site: str, device: str) -> Generator[DeviceLogins]:
        """Reads, lets the caller change, writes if it differs; one at a time for a device across all processes."""
        file = self._device(site, device)
        with self._usable():
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

    @contextmanager
    def _usable(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise SecretFilesUnusable(
                f"The secret store in {self._folder} cannot be used: {error.strerror or error}.",
                do="Check that disk: is it full, read-only, gone? It is tried again; after that, retry the step.",
            ) from error
