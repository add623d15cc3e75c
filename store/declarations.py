"""Declarations with all their versions, and plans by hash."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import Place
from domain.canonical import digest
from domain.declaration import Declaration, DeclarationUnknown, StoredPlan, VersionStale
from domain.model import Json
from domain.order import DeclarationRef
from domain.paging import CursorUnreadable, Page, PageRequest
from domain.plan import Plan
from domain.server_class import ServerClass
from domain.site import SiteDeclaration, stored_site
from store.database import Clock, columns_of, inside, limited, page_of, plain, utc_now
from store.tables import declarations, plans

SITE, SERVER_CLASS = "Site", "ServerClass"


class DeclarationRows:
    """Versions are only added. A deletion is a version too, so that a name's history never restarts."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def head(self, kind: str, name: str) -> Declaration | None:
        c = declarations.c
        return self._one(_bodies().where(c.kind == kind, c.name == name, c.newest))

    def version(self, kind: str, name: str, version: int) -> Declaration | None:
        c = declarations.c
        return self._one(_bodies().where(c.kind == kind, c.name == name, c.version == version))

    def versions(self, kind: str, name: str, page: PageRequest) -> Page[Declaration]:
        """Newest first."""
        c = declarations.c
        statement = _bodies().where(c.kind == kind, c.name == name).order_by(c.version.desc())
        if page.cursor:
            if not re.fullmatch(r"[0-9]{1,9}", page.cursor):
                raise CursorUnreadable(f"{page.cursor!r} is no cursor of this list.", do="Start without a cursor.")
            statement = statement.where(c.version < int(page.cursor))
        return page_of(self._all(limited(statement, page)), page, lambda found: str(found.version))

    def list(self, kind: str, reach: Place, page: PageRequest) -> Page[Declaration]:
        """The newest version of each name that is not deleted, by name."""
        c = declarations.c
        statement = _bodies().where(c.kind == kind, c.newest, ~c.deleted, *inside(declarations, reach)).order_by(c.name)
        if page.cursor:
            statement = statement.where(c.name > page.cursor)
        return page_of(self._all(limited(statement, page)), page, lambda found: found.name)

    def put(self, kind: str, name: str, body: dict[str, Json], place: Place, based_on: int, author: str) -> Declaration:
        """Adds a version after `based_on` (0: there was none). Raises `VersionStale` if that is not the newest."""
        return self._add(kind, name, body, place, based_on, author)

    def delete(self, kind: str, name: str, based_on: int, author: str) -> Declaration:
        """Marks as deleted by a version of its own, with the last body kept. Raises `DeclarationUnknown`, `VersionStale`."""
        head = self.head(kind, name)
        if head is None:
            raise DeclarationUnknown(f"No {kind} is called {name}.")
        return self._add(kind, name, head.body, head.place, based_on, author, deleted=True)

    def site(self, ref: DeclarationRef) -> SiteDeclaration:
        """That version of a site."""
        found = self.version(SITE, ref.name, ref.version)
        if found is None or found.digest != ref.digest:
            raise DeclarationUnknown(
                f"Version {ref.version} of site {ref.name} with digest {ref.digest[:12]} is not in the store.",
                do="Apply the declaration again.",
            )
        return stored_site(found.body)

    def server_classes(self, names: Iterable[str]) -> dict[str, ServerClass]:
        c = declarations.c
        statement = _bodies().where(c.kind == SERVER_CLASS, c.name.in_(tuple(names)), c.newest, ~c.deleted)
        return {found.name: ServerClass.model_validate(found.body) for found in self._all(statement)}

    def _add(
        self,
        kind: str,
        name: str,
        body: dict[str, Json],
        place: Place,
        based_on: int,
        author: str,
        *,
        deleted: bool = False,
    ) -> Declaration:
        c = declarations.c
        with self._engine.begin() as connection:
            # The first version has no row to lock, so the name itself is locked.
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"declaration/{kind}/{name}"))))
            newest = self._newest(connection, kind, name)
            if newest != based_on:
                raise VersionStale(
                    f"{kind} {name} is at version {newest}, not {based_on}: somebody changed it meanwhile.",
                    do="Read it again, then change the new version.",
                )
            fresh = Declaration(
                kind=kind,
                name=name,
                version=newest + 1,
                digest=digest(body),
                author=author,
                at=self._clock(),
                place=place,
                deleted=deleted,
                body=body,
            )
            connection.execute(
                update(declarations).where(c.kind == kind, c.name == name, c.newest).values(newest=False)
            )
            connection.execute(
                insert(declarations).values(
                    kind=kind,
                    name=name,
                    version=fresh.version,
                    newest=True,
                    deleted=deleted,
                    body=plain(fresh),
                    **columns_of(place),
                )
            )
            return fresh

    def _newest(self, connection: Connection, kind: str, name: str) -> int:
        c = declarations.c
        return connection.scalar(select(func.max(c.version)).where(c.kind == kind, c.name == name)) or 0

    def _one(self, statement: Select[Any]) -> Declaration | None:
        return next(iter(self._all(statement)), None)

    def _all(self, statement: Select[Any]) -> tuple[Declaration, ...]:
        with self._engine.connect() as connection:
            return tuple(Declaration.model_validate(body) for body in connection.scalars(statement))


def _bodies() -> Select[Any]:
    return select(declarations.c.body)


class PlanRows:
    """Plans by hash. The plan never changes; only approver and a later expiry are added."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def put(self, plan: Plan, place: Place, author: str, expires_at: datetime) -> StoredPlan:
        """Keeps the plan. The same plan again keeps its author and lives at least as long as now asked for."""
        stored = StoredPlan(
            plan=plan, hash=plan.hash, place=place, author=author, created_at=self._clock(), expires_at=expires_at
        )
        with self._engine.begin() as connection:
            statement = upsert(plans).values(
                hash=stored.hash,
                created_at=stored.created_at,
                expires_at=expires_at,
                approver="",
                body=plain(stored),
                **columns_of(place),
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[plans.c.hash],
                    set_={"expires_at": func.greatest(plans.c.expires_at, statement.excluded.expires_at)},
                )
            )
            row = connection.execute(_plan_rows().where(plans.c.hash == stored.hash)).one()
        return _stored(row)

    def approve(self, plan_hash: str, approver: str) -> StoredPlan | None:
        """Writes who approved it, once: the first approver stays."""
        with self._engine.begin() as connection:
            c = plans.c
            connection.execute(update(plans).where(c.hash == plan_hash, c.approver == "").values(approver=approver))
            row = connection.execute(_plan_rows().where(c.hash == plan_hash)).first()
        return _stored(row) if row else None

    def find(self, plan_hash: str) -> StoredPlan | None:
        with self._engine.connect() as connection:
            row = connection.execute(_plan_rows().where(plans.c.hash == plan_hash)).first()
        return _stored(row) if row else None

    def starting_with(self, prefix: str) -> tuple[StoredPlan, ...]:
        """At most two: more than one is ambiguous."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                _plan_rows().where(plans.c.hash.startswith(prefix, autoescape=True)).order_by(plans.c.hash).limit(2)
            ).all()
        return tuple(map(_stored, rows))

    def list(self, reach: Place, page: PageRequest) -> Page[StoredPlan]:
        """Newest first."""
        c = plans.c
        statement = _plan_rows().where(*inside(plans, reach)).order_by(c.created_at.desc(), c.hash.desc())
        if page.cursor:
            if not re.fullmatch(r"[0-9a-f]{64}", page.cursor):
                raise CursorUnreadable(f"{page.cursor!r} is no cursor of this list.", do="Start without a cursor.")
            seen = select(c.created_at).where(c.hash == page.cursor).scalar_subquery()
            statement = statement.where(or_(c.created_at < seen, and_(c.created_at == seen, c.hash < page.cursor)))
        with self._engine.connect() as connection:
            rows = connection.execute(limited(statement, page)).all()
        return page_of([_stored(row) for row in rows], page, lambda stored: stored.hash)


def _plan_rows() -> Select[*tuple[Any, ...]]:
    return select(plans.c.body, plans.c.approver, plans.c.expires_at)


def _stored(row: Any) -> StoredPlan:
    stored = StoredPlan.model_validate(row.body)
    return stored.model_copy(update={"approver": row.approver, "expires_at": row.expires_at})
