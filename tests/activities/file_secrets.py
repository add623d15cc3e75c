"""A secret store in one JSON file, for tests that kill the process that uses it. Fulfils `domain.secret.SecretStore`."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from domain.secret import (
    CredentialSlot,
    CredentialState,
    FailedTry,
    Login,
    SecretMissing,
    SecretRef,
)


class FileSecrets:
    """Every change is on disk, whole or not at all, when it returns."""

    def __init__(self, file: Path, *, durable: bool = True) -> None:
        """Not `durable`: no fsync, for tests that only pretend to crash, thousands of times."""
        self._file, self._durable = file, durable

    def get(self, ref: SecretRef) -> Login:
        return self._login(self._read(), "secrets", ref.path)

    def put(self, ref: SecretRef, login: Login) -> SecretRef:
        self._change(lambda kept: kept["secrets"].update({ref.path: _plain(login)}))
        return ref

    def forget(self, ref: SecretRef) -> None:
        self._change(lambda kept: kept["secrets"].pop(ref.path, None))

    def credential_state(self, site: str, device: str) -> CredentialState:
        kept = self._read()
        since = kept["since"].get(f"{site}/{device}")
        return CredentialState(
            site=site,
            device=device,
            has_current=f"{site}/{device}/current" in kept["credentials"],
            has_pending=f"{site}/{device}/pending" in kept["credentials"],
            has_entered=f"{site}/{device}/entered" in kept["credentials"],
            current_since=datetime.fromisoformat(since) if since else None,
            tries=tuple(
                FailedTry(slot=CredentialSlot(slot), at=datetime.fromisoformat(at))
                for key, at in kept["tries"].items()
                for owner, _, slot in (key.rpartition("/"),)
                if owner == f"{site}/{device}"
            ),
        )

    def credential(self, site: str, device: str, slot: CredentialSlot) -> Login:
        return self._login(self._read(), "credentials", f"{site}/{device}/{slot.value}")

    def store_pending(self, site: str, device: str, login: Login) -> None:
        self._change(lambda kept: kept["credentials"].update({f"{site}/{device}/pending": _plain(login)}))

    def promote_pending(self, site: str, device: str) -> None:
        def change(kept: dict[str, Any]) -> None:
            kept["credentials"][f"{site}/{device}/current"] = kept["credentials"].pop(f"{site}/{device}/pending")
            kept["credentials"].pop(f"{site}/{device}/entered", None)
            kept["since"][f"{site}/{device}"] = datetime.now().astimezone().isoformat()

        self._change(change)

    def enter(self, site: str, device: str, login: Login) -> None:
        self._change(lambda kept: kept["credentials"].update({f"{site}/{device}/entered": _plain(login)}))

    def record_try(self, site: str, device: str, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
        key = f"{site}/{device}/{slot.value}"
        before = self._read()["tries"].get(key)
        if before and at - datetime.fromisoformat(before) < timedelta(seconds=window_s):
            return False
        self._change(lambda kept: kept["tries"].update({key: at.isoformat()}))
        return True

    def clear_try(self, site: str, device: str, slot: CredentialSlot) -> None:
        self._change(lambda kept: kept["tries"].pop(f"{site}/{device}/{slot.value}", None))

    def passwords(self) -> list[str]:
        """Every password it holds, for tests that ask whether one of them opens a BMC."""
        kept = self._read()
        return [entry["password"] for part in ("secrets", "credentials") for entry in kept[part].values()]

    def _login(self, kept: dict[str, Any], part: str, path: str) -> Login:
        if path not in kept[part]:
            raise SecretMissing(f"There is no secret at {path}.")
        return Login.model_validate(kept[part][path])

    def _read(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"secrets": {}, "credentials": {}, "tries": {}, "since": {}}
        return json.loads(self._file.read_text())

    def _change(self, change: Any) -> None:
        kept = self._read()
        change(kept)
        beside = self._file.with_suffix(".new")
        with beside.open("w") as stream:
            json.dump(kept, stream)
            if self._durable:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(self._file)


def _plain(login: Login) -> dict[str, str]:
    return {"username": login.username, "password": login.password.get_secret_value()}
