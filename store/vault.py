"""Secrets in Vault or OpenBao, KV version 2. Fulfils `domain.secret.SecretStore`.

    {mount}/{prefix}/secrets/{path}           one login, such as `secrets/site/oslo-1/factory-bmc`
    {mount}/{prefix}/devices/{site}/{device}  all a device's logins and its tries, changed by check-and-set

A site worker's token needs a policy for its own site's two branches and for nothing else; `docs/operations.md` has one.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import httpx

from domain.errors import Throttled
from domain.secret import CredentialSlot, CredentialState, Login, SecretRef, SecretsAway, SecretsRefused
from store import device_logins
from store.database import Clock, utc_now
from store.device_logins import DeviceLogins, checked

CHANGE_TRIES = 20
"""How often a change is tried again after somebody else's came first; each time one of them has won."""


class VaultUnreachable(SecretsAway):
    """Vault does not answer, or says that it cannot at the moment."""

    kind = "vault-unreachable"


class VaultSealed(SecretsAway):
    """Vault is sealed: it holds its secrets and gives none until somebody unseals it."""

    kind = "vault-sealed"


class VaultThrottled(Throttled):
    """Vault's own rate limit."""

    kind = "vault-throttled"


class VaultRefused(SecretsRefused):
    """Vault does not let this token do this, or has nothing where we look. The message names the path, never a value."""

    kind = "vault-refused"


@dataclass(frozen=True)
class VaultAddress:
    url: str
    token_file: Path
    """Read for each request: Vault Agent renews it while we run."""
    mount: str = "secret"
    prefix: str = "edgewright"
    namespace: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True)
class _Read:
    data: dict[str, Any] | None
    version: int
    """What a check-and-set must name; 0 for what was never written."""


class VaultSecrets:
    def __init__(
        self, address: VaultAddress, clock: Clock = utc_now, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._at = address
        self._clock = clock
        self._http = httpx.Client(
            base_url=address.url.rstrip("/"),
            timeout=httpx.Timeout(10, connect=5),
            verify=str(address.ca_file) if address.ca_file else True,
            trust_env=False,
            transport=transport,
        )

    def get(self, ref: SecretRef) -> Login:
        kept = self._read(_secret(ref.path)).data
        if kept is None:
            raise device_logins.missing(ref.path)
        return device_logins.from_plain({"username": kept["username"], "password": kept["password"]})

    def put(self, ref: SecretRef, login: Login) -> SecretRef:
        self._keep_one_version(_secret(ref.path))
        self._ask("POST", "data", _secret(ref.path), {"data": device_logins.plain(login)})
        return ref

    def forget(self, ref: SecretRef) -> None:
        """With all its versions, for good."""
        self._ask("DELETE", "metadata", _secret(ref.path))

    def credential_state(self, site: str, device: str) -> CredentialState:
        return device_logins.state_of(self._device(site, device)[0], site, device)

    def credential(self, site: str, device: str, slot: CredentialSlot) -> Login:
        return device_logins.login_of(self._device(site, device)[0], site, device, slot)

    def store_pending(self, site: str, device: str, login: Login) -> None:
        self._change(site, device, lambda kept: device_logins.set_pending(kept, login))

    def promote_pending(self, site: str, device: str) -> None:
        now = self._clock()
        self._change(site, device, lambda kept: device_logins.promote(kept, site, device, now))

    def enter(self, site: str, device: str, login: Login) -> None:
        self._change(site, device, lambda kept: device_logins.set_entered(kept, login))

    def record_try(self, site: str, device: str, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
        return self._change(site, device, lambda kept: device_logins.add_try(kept, slot, at, window_s))

    def clear_try(self, site: str, device: str, slot: CredentialSlot) -> None:
        self._change(site, device, lambda kept: device_logins.forget_try(kept, slot))

    def _device(self, site: str, device: str) -> tuple[DeviceLogins, int]:
        found = self._read(_device(site, device))
        if found.data is None:
            return device_logins.empty(), found.version
        return {
            "logins": found.data.get("logins") or {},
            "tries": found.data.get("tries") or {},
            "since": found.data.get("since"),
        }, found.version

    def _change[R](self, site: str, device: str, change: Callable[[DeviceLogins], R]) -> R:
        """Reads, changes and writes what was read; where somebody else wrote meanwhile, from the start."""
        path = _device(site, device)
        for _ in range(CHANGE_TRIES):
            kept, version = self._device(site, device)
            # Compared by text: the change works on the document itself.
            before = repr(kept)
            result = change(kept)
            if repr(kept) == before:
                return result
            if version == 0:
                self._keep_one_version(path)
            if self._written(path, dict(kept), version):
                return result
            time.sleep(random.uniform(0.01, 0.1))
        raise VaultUnreachable(
            f"{path} is being changed by too many at once: {CHANGE_TRIES} tries came too late.", do="It is tried again."
        )

    def _keep_one_version(self, path: str) -> None:
        """A replaced password is forgotten at once; by default KV keeps the last ten."""
        self._ask("POST", "metadata", path, {"max_versions": 1})

    def _read(self, path: str) -> _Read:
        """What was deleted still has a version, and a check-and-set must name it."""
        answer = self._ask("GET", "data", path, absent_is_fine=True)
        data: dict[str, Any] = answer.get("data") or {}
        metadata: dict[str, Any] = data.get("metadata") or {}
        return _Read(data=data.get("data"), version=int(metadata.get("version", 0)))

    def _written(self, path: str, content: dict[str, Any], version: int) -> bool:
        """False: it is no longer at this version."""
        try:
            self._ask("POST", "data", path, {"data": content, "options": {"cas": version}})
        except _CheckAndSetLost:
            return False
        return True

    def _ask(
        self, method: str, kind: str, path: str, body: dict[str, Any] | None = None, *, absent_is_fine: bool = False
    ) -> dict[str, Any]:
        where = f"{self._at.mount}/{kind}/{self._at.prefix}/{path}"
        headers = {"X-Vault-Token": self._token()}
        if self._at.namespace:
            headers["X-Vault-Namespace"] = self._at.namespace
        try:
            answer = self._http.request(method, f"/v1/{where}", json=body, headers=headers)
        except httpx.TransportError as error:
            raise VaultUnreachable(
                f"Vault at {self._at.url} does not answer: {error or type(error).__name__}.",
                do="Check it and EDGEWRIGHT_VAULT_URL; it is tried again.",
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else {}
        problem = _json(answer)
        said = "; ".join(str(e).strip() for e in problem.get("errors") or ()) or answer.reason_phrase
        if answer.status_code == HTTPStatus.NOT_FOUND and absent_is_fine and not problem.get("errors"):
            return problem
        raise _as_our_error(answer, where, said)

    def _token(self) -> str:
        try:
            return self._at.token_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise VaultUnreachable(
                f"The Vault token file {self._at.token_file} cannot be read: {error.strerror}.",
                do="Is Vault Agent running? Correct EDGEWRIGHT_VAULT_TOKEN_FILE or the file's mode.",
            ) from error


class _CheckAndSetLost(Exception):
    pass


def _as_our_error(answer: httpx.Response, where: str, said: str) -> Exception:
    code = answer.status_code
    if code == HTTPStatus.BAD_REQUEST and "check-and-set parameter did not match" in said:
        return _CheckAndSetLost()
    if code == HTTPStatus.SERVICE_UNAVAILABLE and "sealed" in said.lower():
        return VaultSealed("Vault is sealed and gives no secret.", do="Unseal it: vault operator unseal")
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        after = answer.headers.get("Retry-After", "")
        return VaultThrottled("Vault asks us to slow down.", retry_after_s=float(after) if after.isdecimal() else None)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.PRECONDITION_FAILED:
        # 412: a replica of Vault Enterprise that has not yet seen our last write.
        return VaultUnreachable(f"Vault could not serve {where}: {code} {said}.", do="Check Vault; it is tried again.")
    if code == HTTPStatus.FORBIDDEN:
        return VaultRefused(
            f"Vault refuses this token at {where}: {said}.",
            do="The token is expired, or its policy lacks this path: see docs/operations.md.",
        )
    return VaultRefused(
        f"Vault refused {where}: {code} {said}.",
        do="Is it a KV engine of version 2, at EDGEWRIGHT_VAULT_MOUNT? See: vault secrets list -detailed",
    )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found: Any = answer.json()
    except ValueError:
        return {"errors": [answer.reason_phrase]}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"errors": [answer.reason_phrase]}


def _secret(path: str) -> str:
    return f"secrets/{checked(path)}"


def _device(site: str, device: str) -> str:
    return f"devices/{checked(f'{site}/{device}')}"
