"""What the API works with, put together once at start: the stores, Temporal, the inventory, the kinds of operation.

The Protocols here are what the API needs of stores that no activity uses; `store` implements them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel
from temporalio.client import Client

from api.settings import ApiSettings
from api.threads import in_thread
from domain.access import AuditEvent, AuditFilter, Place, Role, Session, Token
from domain.artifact import ArtifactStore
from domain.declaration import Declaration, StoredPlan
from domain.evidence import EvidenceEntry
from domain.finding import FindingStore
from domain.hold import HoldStore
from domain.inventory import Inventory
from domain.model import Json
from domain.operation import IdempotencyKey, OperationStore
from domain.order import Order
from domain.paging import Page, PageRequest
from domain.secret import SecretStore
from domain.totals import Totals


class Declarations(Protocol):
    def head(self, kind: str, name: str) -> Declaration | None: ...

    def version(self, kind: str, name: str, version: int) -> Declaration | None: ...

    def versions(self, kind: str, name: str, page: PageRequest) -> Page[Declaration]: ...

    def list(self, kind: str, reach: Place, page: PageRequest) -> Page[Declaration]: ...

    def put(self, kind: str, name: str, body: dict[str, Json], place: Place, based_on: int, author: str) -> Declaration:
        """Adds a version after `based_on` (0: there was none). Raises a Conflict of kind `version-stale` otherwise."""
        ...

    def delete(self, kind: str, name: str, based_on: int, author: str) -> Declaration: ...


class Plans(Protocol):
    def find(self, plan_hash: str) -> StoredPlan | None: ...

    def starting_with(self, prefix: str) -> tuple[StoredPlan, ...]:
        """At most two: more than one is ambiguous."""
        ...

    def approve(self, plan_hash: str, approver: str) -> StoredPlan | None:
        """Writes who approved it; the first approver stays."""
        ...

    def list(self, reach: Place, page: PageRequest) -> Page[StoredPlan]: ...


class Tokens(Protocol):
    def find(self, digest: str) -> Token | None: ...

    def get(self, token: str) -> Token | None: ...

    def add(
        self, digest: str, label: str, role: Role, place: Place, *, created_by: str, expires_at: datetime | None
    ) -> Token: ...

    def revoke(self, token: str) -> Token: ...

    def list(self, reach: Place, page: PageRequest) -> Page[Token]: ...


class Sessions(Protocol):
    """Browsers that are signed in, by the hash of their cookie."""

    def open(self, digest: str, token: str, expires_at: datetime) -> Session: ...

    def find(self, digest: str) -> Session | None: ...

    def close(self, digest: str) -> None: ...


class JoinedStores(Protocol):
    """The stores as they write in one transaction, together with an answer."""

    @property
    def findings(self) -> FindingStore: ...

    @property
    def holds(self) -> HoldStore: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def audit(self) -> Callable[[AuditEvent], None]: ...


class Answers(Protocol):
    """One idempotency key, one answer. An operation's key is kept with its row instead."""

    def find[T: BaseModel](self, key: IdempotencyKey, gives: type[T]) -> T | None:
        """Raises `IdempotencyKeyReused` if the key came with another request."""
        ...

    def once[T: BaseModel](
        self,
        key: IdempotencyKey,
        gives: type[T],
        effect: Callable[[JoinedStores], T],
        as_kept: Callable[[T], T] | None = None,
    ) -> T:
        """The answer kept for this key, or a new one: its effect and it are one transaction. What fails keeps nothing.

        `as_kept` takes out of an answer what must not lie in a database.
        """
        ...

    def forget(self, before: datetime) -> int: ...


class QueuePolls(Protocol):
    def record(self, queue: str, identity: str, at: datetime) -> None: ...

    def last(self, queue: str) -> datetime | None: ...

    def known(self) -> tuple[str, ...]: ...


class Counts(Protocol):
    def now(self) -> Totals: ...


class AuditTrail(Protocol):
    """Who did what, append-only."""

    def record(self, event: AuditEvent) -> None: ...

    def list(self, where: AuditFilter, reach: Place, page: PageRequest) -> Page[AuditEvent]: ...


class Evidence(Protocol):
    def get(self, entry: str) -> EvidenceEntry | None: ...

    def list(self, site: str, page: PageRequest) -> Page[EvidenceEntry]: ...

    def export(self, site: str) -> tuple[str, ...]:
        """The site's chain as JSON lines."""
        ...

    def public_key(self) -> str: ...


class Kind(Protocol):
    """One capability as the catalogue lists it (`workflows/catalogue.py`)."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def workflow(self) -> Callable[..., Any]: ...

    def lock(self, order: Order) -> str:
        """The workflow id that is the lock; empty for what takes none."""
        ...


@dataclass(frozen=True)
class Services:
    settings: ApiSettings
    temporal: Client
    kinds: Mapping[str, Kind]
    operations: OperationStore
    declarations: Declarations
    plans: Plans
    findings: FindingStore
    holds: HoldStore
    tokens: Tokens
    answers: Answers
    sessions: Sessions
    secrets: SecretStore
    artifacts: ArtifactStore
    evidence: Evidence
    polls: QueuePolls
    counts: Counts
    inventory: Inventory | None
    """None: no NetBox is configured, and `readyz` says so."""
    audit: AuditTrail
    pending_migrations: Callable[[], tuple[str, ...]]
    deliver_webhooks: Callable[[], int]
    """Sends what waits in the outbox; returns how many were taken by their receivers."""

    async def record(self, event: AuditEvent) -> None:
        await in_thread(self.audit.record, event)


def now() -> datetime:
    return datetime.now(UTC)
