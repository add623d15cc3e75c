"""The stores' Protocols kept in memory, for tests of the API's own rules: who may what, what is refused, what is answered.

What Postgres does under them (transactions, append-only, filters in SQL) is tested with the stores.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from api.context import now
from domain.access import AuditEvent, AuditFilter, Place, Role, Session, Token
from domain.artifact import ArtifactRef
from domain.canonical import digest
from domain.declaration import Declaration, StoredPlan
from domain.errors import Conflict, Rejected
from domain.evidence import EvidenceEntry
from domain.finding import Finding, FindingFilter, FindingState, FindingUnknown, Report, Reported
from domain.hold import Hold, HoldUnknown, holding
from domain.inventory import DeviceQuery, DeviceState
from domain.model import Json
from domain.netbox_schema import SchemaState
from domain.operation import (
    CancelAsked,
    IdempotencyKey,
    IdempotencyKeyReused,
    Opened,
    Operation,
    OperationDraft,
    OperationFilter,
    OperationState,
    OperationUnknown,
    Outcome,
    Step,
    Taken,
    WaitingRecord,
)
from domain.paging import Page, PageRequest
from domain.secret import CredentialState, Login, SecretRef
from domain.totals import Totals


def paged[T](items: Sequence[T], request: PageRequest, key: Callable[[T], str]) -> Page[T]:
    keys = [key(item) for item in items]
    start = keys.index(request.cursor) + 1 if request.cursor else 0
    chosen = tuple(items[start : start + request.limit])
    more = start + request.limit < len(items)
    return Page(items=chosen, next=key(chosen[-1]) if more else "")


class KeptOperations:
    def __init__(self) -> None:
        self.rows: dict[str, Operation] = {}
        self.prefix = "op-"
        """Of ids: a test that shares its Temporal with others takes one of its own."""
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}

    def open(self, draft: OperationDraft, key: IdempotencyKey | None = None) -> Opened:
        if key and (key.scope, key.key) in self.keys:
            body, identity = self.keys[key.scope, key.key]
            if body != key.request_digest:
                raise IdempotencyKeyReused("the key came with another request", do="Send a new key.")
            return Opened(operation=self.rows[identity], replayed=True)
        identity = f"{self.prefix}{len(self.rows):04}"
        self.rows[identity] = Operation(**dict(draft), id=identity, state=OperationState.ACCEPTED, accepted_at=now())
        if key:
            self.keys[key.scope, key.key] = (key.request_digest, identity)
        return Opened(operation=self.rows[identity])

    def open_running(self, draft: OperationDraft, run_id: str) -> Operation:
        opened = self.open(draft).operation
        return self.change(opened.id, state=OperationState.RUNNING, first_run_id=run_id)

    def get(self, operation: str) -> Operation:
        if operation not in self.rows:
            raise OperationUnknown(f"No operation is called {operation}.")
        return self.rows[operation]

    def change(self, operation: str, **changes: object) -> Operation:
        self.rows[operation] = self.get(operation).model_copy(update=changes)
        return self.rows[operation]

    def take(self, operation: str, workflow_id: str, run_id: str) -> Taken:
        row = self.get(operation)
        if row.first_run_id not in ("", run_id) or row.state.ended:
            return Taken(granted=False, why="taken or ended")
        return Taken(
            granted=True,
            operation=self.change(
                operation, state=OperationState.RUNNING, first_run_id=run_id, workflow_id=workflow_id, started_at=now()
            ),
        )

    def record_plan(self, record: object) -> Operation:
        raise AssertionError("the API makes no plan")

    def record_progress(self, record: object) -> Operation:
        raise AssertionError("the API writes no progress")

    def record_waiting(self, record: WaitingRecord) -> Operation:
        kept = [w for w in self.get(record.operation).waiting if w.key not in record.cleared]
        waiting = (*kept, *record.waiting)
        state = OperationState.BLOCKED if waiting else OperationState.RUNNING
        return self.change(record.operation, waiting=waiting, state=state)

    def ask_cancel(self, operation: str, asked: CancelAsked) -> Operation:
        row = self.get(operation)
        if row.state.ended or row.cancel_asked is not None:
            return row
        return self.change(operation, cancel_asked=asked)

    def end(self, operation: str, run_id: str, outcome: Outcome, steps: tuple[Step, ...] = ()) -> Operation:
        row = self.get(operation)
        if row.state.ended:
            return row
        if row.first_run_id != run_id:
            raise Conflict("another run has this row")
        return self.change(operation, state=outcome.state, outcome=outcome, ended_at=now(), waiting=())

    def refuse(self, operation: str, outcome: Outcome) -> Operation:
        if self.get(operation).state is not OperationState.ACCEPTED:
            return self.get(operation)
        return self.change(operation, state=OperationState.REFUSED, outcome=outcome, ended_at=now())

    def unstarted(self, older_than_s: float) -> tuple[Operation, ...]:
        before = now() - timedelta(seconds=older_than_s)
        rows = self.rows.values()
        return tuple(r for r in rows if r.state is OperationState.ACCEPTED and r.accepted_at <= before)

    def list(self, where: OperationFilter, reach: Place, page: PageRequest) -> Page[Operation]:
        rows = [
            row
            for row in reversed(self.rows.values())
            if reach.covers(row.place)
            and where.place.covers(row.place)
            and (not where.states or row.state in where.states)
            and all(
                not w or w == h for w, h in ((where.kind, row.kind), (where.target, row.target), (where.who, row.who))
            )
        ]
        return paged(rows, page, lambda row: row.id)


class KeptDeclarations:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[Declaration]] = {}

    def head(self, kind: str, name: str) -> Declaration | None:
        return self.kept[kind, name][-1] if (kind, name) in self.kept else None

    def version(self, kind: str, name: str, version: int) -> Declaration | None:
        return next((d for d in self.kept.get((kind, name), ()) if d.version == version), None)

    def versions(self, kind: str, name: str, page: PageRequest) -> Page[Declaration]:
        return paged(list(reversed(self.kept[kind, name])), page, lambda d: str(d.version))

    def list(self, kind: str, reach: Place, page: PageRequest) -> Page[Declaration]:
        heads = [v[-1] for (k, _), v in sorted(self.kept.items()) if k == kind]
        return paged([d for d in heads if not d.deleted and reach.covers(d.place)], page, lambda d: d.name)

    def put(self, kind: str, name: str, body: dict[str, Json], place: Place, based_on: int, author: str) -> Declaration:
        return self._add(kind, name, body, place, based_on, author, deleted=False)

    def delete(self, kind: str, name: str, based_on: int, author: str) -> Declaration:
        head = self.kept[kind, name][-1]
        return self._add(kind, name, head.body, head.place, based_on, author, deleted=True)

    def _add(
        self, kind: str, name: str, body: dict[str, Json], place: Place, based_on: int, author: str, *, deleted: bool
    ) -> Declaration:
        versions = self.kept.setdefault((kind, name), [])
        assert based_on == len(versions)
        versions.append(
            Declaration(
                kind=kind, name=name, version=based_on + 1, digest=digest(body), author=author, at=now(), place=place,
                deleted=deleted, body=body,
            )
        )  # fmt: skip
        return versions[-1]


class KeptPlans:
    def __init__(self) -> None:
        self.kept: dict[str, StoredPlan] = {}

    def find(self, plan_hash: str) -> StoredPlan | None:
        return self.kept.get(plan_hash)

    def starting_with(self, prefix: str) -> tuple[StoredPlan, ...]:
        return tuple(plan for name, plan in sorted(self.kept.items()) if name.startswith(prefix))[:2]

    def approve(self, plan_hash: str, approver: str) -> StoredPlan | None:
        found = self.kept[plan_hash]
        self.kept[plan_hash] = found.model_copy(update={"approver": found.approver or approver})
        return self.kept[plan_hash]

    def list(self, reach: Place, page: PageRequest) -> Page[StoredPlan]:
        return paged([p for p in self.kept.values() if reach.covers(p.place)], page, lambda p: p.hash)


class KeptFindings:
    def __init__(self) -> None:
        self.kept: dict[str, Finding] = {}

    def report(self, report: Report) -> Reported:
        raise AssertionError("the API reports no finding")

    def get(self, finding: str) -> Finding:
        if finding not in self.kept:
            raise FindingUnknown(f"No finding is called {finding}.")
        return self.kept[finding]

    def acknowledge(self, finding: str, who: str, note: str = "") -> Finding:
        changes = {"acknowledged_by": who, "note": note, "state": FindingState.ACKNOWLEDGED}
        self.kept[finding] = self.get(finding).model_copy(update=changes)
        return self.kept[finding]

    def list(self, where: FindingFilter, reach: Place, page: PageRequest) -> Page[Finding]:
        found = [f for f in self.kept.values() if reach.covers(f.place) and where.place.covers(f.place)]
        return paged([f for f in found if f.state in where.states], page, lambda f: f.id)


class KeptHolds:
    def __init__(self) -> None:
        self.kept: dict[str, Hold] = {}

    def place(self, place: Place, reason: str, who: str) -> Hold:
        for hold in self.kept.values():
            if hold.in_force and hold.place == place and hold.who == who:
                return hold
        identity = f"hold-{len(self.kept)}"
        self.kept[identity] = Hold(id=identity, place=place, reason=reason, who=who, since=now())
        return self.kept[identity]

    def release(self, hold: str, who: str, why: str = "") -> Hold:
        found = self.get(hold)
        if found.in_force:
            self.kept[hold] = found.model_copy(update={"released_at": now(), "released_by": who, "released_why": why})
        return self.kept[hold]

    def get(self, hold: str) -> Hold:
        if hold not in self.kept:
            raise HoldUnknown(f"No hold is called {hold}.")
        return self.kept[hold]

    def covering(self, place: Place, *, within: bool = False) -> tuple[Hold, ...]:
        site = Place(region=place.region, site=place.site)
        there = holding(self.kept.values(), place)
        more = (hold for hold in self.kept.values() if within and hold.in_force and site.covers(hold.place))
        return tuple({hold.id: hold for hold in (*there, *more)}.values())

    def list(self, reach: Place, page: PageRequest, *, released: bool = False) -> Page[Hold]:
        found = [h for h in self.kept.values() if reach.covers(h.place) and (released or h.in_force)]
        return paged(found, page, lambda h: h.id)


class KeptTokens:
    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}

    def find(self, digest: str) -> Token | None:
        return self.kept.get(digest)

    def get(self, token: str) -> Token | None:
        return next((t for t in self.kept.values() if t.id == token), None)

    def add(
        self, digest: str, label: str, role: Role, place: Place, *, created_by: str, expires_at: datetime | None
    ) -> Token:
        self.kept[digest] = Token(
            id=f"tok-{len(self.kept)}", label=label, role=role, place=place, created_at=now(), created_by=created_by,
            expires_at=expires_at,
        )  # fmt: skip
        return self.kept[digest]

    def revoke(self, token: str) -> Token:
        key = next(key for key, kept in self.kept.items() if kept.id == token)
        self.kept[key] = self.kept[key].model_copy(update={"revoked_at": now()})
        return self.kept[key]

    def list(self, reach: Place, page: PageRequest) -> Page[Token]:
        return paged([t for t in self.kept.values() if reach.covers(t.place)], page, lambda t: t.id)


class KeptSessions:
    def __init__(self) -> None:
        self.kept: dict[str, Session] = {}

    def open(self, digest: str, token: str, expires_at: datetime) -> Session:
        self.kept[digest] = Session(token=token, created_at=now(), expires_at=expires_at)
        return self.kept[digest]

    def find(self, digest: str) -> Session | None:
        found = self.kept.get(digest)
        return found if found and found.valid_at(now()) else None

    def close(self, digest: str) -> None:
        self.kept.pop(digest, None)


class KeptAudit:
    def __init__(self, events: list[AuditEvent]) -> None:
        self._events = events

    def record(self, event: AuditEvent) -> None:
        self._events.append(event)

    def list(self, where: AuditFilter, reach: Place, page: PageRequest) -> Page[AuditEvent]:
        found = [
            event
            for event in reversed(self._events)
            if reach.covers(event.place)
            and (not where.site or event.place.site == where.site)
            and (not where.operation or event.operation == where.operation)
            and (not where.who or event.who == where.who)
        ]
        start = int(page.cursor or 0)
        end = start + page.limit
        return Page(items=tuple(found[start:end]), next=str(end) if end < len(found) else "")


class KeptAnswers:
    """Each of the joined stores is as it is: nothing is taken back in memory."""

    def __init__(self, findings: KeptFindings, holds: KeptHolds, tokens: KeptTokens, audit: list[AuditEvent]) -> None:
        self.findings, self.holds, self.tokens, self.audit = findings, holds, tokens, audit.append
        self.kept: dict[tuple[str, str], tuple[str, BaseModel]] = {}

    def find[T: BaseModel](self, key: IdempotencyKey, gives: type[T]) -> T | None:
        if (key.scope, key.key) not in self.kept:
            return None
        digest, answer = self.kept[key.scope, key.key]
        if digest != key.request_digest:
            raise IdempotencyKeyReused("the key came with another request", do="Send a new key.")
        return gives.model_validate(answer.model_dump())

    def once[T: BaseModel](
        self,
        key: IdempotencyKey,
        gives: type[T],
        effect: Callable[["KeptAnswers"], T],
        as_kept: Callable[[T], T] | None = None,
    ) -> T:
        known = self.find(key, gives)
        if known is not None:
            return known
        answer = effect(self)
        self.kept[key.scope, key.key] = (key.request_digest, as_kept(answer) if as_kept else answer)
        return answer

    def forget(self, before: datetime) -> int:
        raise AssertionError("no chore runs here")


class KeptSecrets:
    """Only what the API calls; the whole Protocol is tested with the stores."""

    def __init__(self) -> None:
        self.kept: dict[str, Login] = {}

    def get(self, ref: SecretRef) -> Login:
        if ref.path not in self.kept:
            raise Rejected(f"there is no secret {ref.path}")
        return self.kept[ref.path]

    def put(self, ref: SecretRef, login: Login) -> SecretRef:
        self.kept[ref.path] = login
        return ref

    def forget(self, ref: SecretRef) -> None:
        self.kept.pop(ref.path, None)

    def enter(self, site: str, device: str, login: Login) -> None:
        self.kept[f"{site}/{device}"] = login

    def credential_state(self, site: str, device: str) -> CredentialState:
        return CredentialState(site=site, device=device, has_entered=f"{site}/{device}" in self.kept)


class KeptArtifacts:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[ArtifactRef, bytes]] = {}

    def put(self, content: bytes, media_type: str = "application/json") -> ArtifactRef:
        sha256 = hashlib.sha256(content).hexdigest()
        ref = ArtifactRef(sha256=sha256, size=len(content), media_type=media_type)
        self.kept[sha256] = (ref, content)
        return ref

    def get(self, ref: ArtifactRef) -> bytes:
        return self.kept[ref.sha256][1]

    def find(self, sha256: str) -> ArtifactRef | None:
        return self.kept[sha256][0] if sha256 in self.kept else None


class KeptEvidence:
    def __init__(self) -> None:
        self.kept: dict[str, EvidenceEntry] = {}

    def get(self, entry: str) -> EvidenceEntry | None:
        return self.kept.get(entry)

    def list(self, site: str, page: PageRequest) -> Page[EvidenceEntry]:
        return paged([e for e in self.kept.values() if e.site == site], page, lambda e: e.id)

    def export(self, site: str) -> tuple[str, ...]:
        return tuple(e.model_dump_json() for e in self.kept.values() if e.site == site)

    def public_key(self) -> str:
        return "a-public-key"


class KeptPolls:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], datetime] = {}

    def record(self, queue: str, identity: str, at: datetime) -> None:
        self.kept[queue, identity] = at

    def last(self, queue: str) -> datetime | None:
        return max((at for (name, _), at in self.kept.items() if name == queue), default=None)

    def known(self) -> tuple[str, ...]:
        return tuple(sorted({name for name, _ in self.kept}))


class KeptCounts:
    def __init__(self) -> None:
        self.kept = Totals()

    def now(self) -> Totals:
        return self.kept


class KeptInventory:
    """Only what the API reads."""

    def __init__(self, *devices: DeviceState) -> None:
        self.kept = list(devices)

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        return tuple(
            d
            for d in self.kept
            if query.site in (None, d.site)
            and (query.region is None or (query.region, d.site) == ("nordics", "oslo-1"))
            and (not query.lifecycles or d.lifecycle in query.lifecycles)
        )

    def check_bootstrap(self) -> SchemaState:
        return SchemaState()
