"""Secrets by reference. A `SecretRef` may travel anywhere; the secret it names never leaves the process that resolved it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import SecretStr, StringConstraints

from domain.errors import Rejected, Transient
from domain.model import Model, Name


class SecretMissing(Rejected):
    """There is no secret at this path. The message names the path, never a value."""

    kind = "secret-missing"


class SecretsAway(Transient):
    """The secret store cannot be read or written now."""

    kind = "secret-store-away"


class SecretsRefused(Rejected):
    """The secret store does not let us."""

    kind = "secret-store-refused"


STORE_TROUBLE = (SecretsAway, SecretsRefused)
"""The store's trouble is no device's fault: the operation waits, and nobody is judged by it."""

AWAY = frozenset({"secret-store-away", "secret-store-refused", "vault-unreachable", "vault-sealed", "vault-refused"})
"""The kinds of these and of all their subclasses, by which a workflow knows them."""


NAMES = r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$"
"""Names between single slashes; none begins with a dot, so that no path leads out of its folder."""

type SecretPath = Annotated[str, StringConstraints(max_length=200, pattern=NAMES)]
"""Where in the secret store a secret lies; a declaration names secrets, it never holds one."""


def owner_of(path: str) -> str:
    """The site that a secret belongs to: `site/oslo-1/factory-bmc` is oslo-1's. Empty: it is the fleet's."""
    first, *rest = path.split("/")
    return rest[0] if first == "site" and len(rest) > 1 else ""


class SecretRef(Model):
    """Names a secret: `site/{site}/...` paths belong to that site and are the only ones its site worker can read."""

    path: str
    version: int | None = None


class Login(Model):
    """A user name and password for a device. Never a payload: only between the secret store and a client."""

    username: str
    password: SecretStr


class CredentialSlot(StrEnum):
    """Which of a device's credentials: what the vendor set, what we use, what we are about to use, what a person says is right."""

    FACTORY = "factory"
    CURRENT = "current"
    PENDING = "pending"
    ENTERED = "entered"


class FailedTry(Model):
    """A login try that was begun and not known to have succeeded. Written before the try, removed after a success."""

    slot: CredentialSlot
    at: datetime


class CredentialState(Model):
    """What the secret store knows about a device's login, without the secrets."""

    site: Name
    device: Name
    has_current: bool = False
    has_pending: bool = False
    has_entered: bool = False
    current_since: datetime | None = None
    tries: tuple[FailedTry, ...] = ()


class SecretStore(Protocol):
    """Where secrets are. Every write is on disk (fsync) when it returns. Every method raises `SecretsAway` or `SecretsRefused`."""

    def get(self, ref: SecretRef) -> Login:
        """Raises `SecretMissing` (Rejected) naming the path, never a value."""
        ...

    def put(self, ref: SecretRef, login: Login) -> SecretRef: ...

    def forget(self, ref: SecretRef) -> None: ...

    def credential_state(self, site: str, device: str) -> CredentialState: ...

    def credential(self, site: str, device: str, slot: CredentialSlot) -> Login: ...

    def store_pending(self, site: str, device: str, login: Login) -> None:
        """Flushed before it returns: the device must never see a password that we could lose."""
        ...

    def promote_pending(self, site: str, device: str) -> None:
        """Pending becomes current, and only now the old one is forgotten, with an entered one, in one atomic step."""
        ...

    def enter(self, site: str, device: str, login: Login) -> None:
        """Keeps what a person says opens the device, as not yet tried. The next take-over begins with it and replaces it by
        a password of ours; until then nothing that is kept is forgotten, for they may err."""
        ...

    def record_try(self, site: str, device: str, slot: CredentialSlot, at: datetime, window_s: float) -> bool:
        """Counts a login try before it is made. False, and nothing recorded, if this slot already has an unsuccessful try
        inside `window_s`: across all operations, plans and audits a device sees at most one failed try per slot and window."""
        ...

    def clear_try(self, site: str, device: str, slot: CredentialSlot) -> None:
        """A login with this slot succeeded: its recorded try was no failure."""
        ...
