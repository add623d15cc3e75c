"""Tokens by their hash, who polled which queue when, and the audit record."""

from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import AuditEvent, AuditFilter, Place, Role, Token
from domain.errors import Rejected
from domain.paging import Page, PageRequest
from store.database import Clock, Transactions, columns_of, id_before, inside, limited, new_id, page_of, plain, utc_now
from store.tables import audit, queue_polls, tokens


class TokenUnknown(Rejected):
    """No token has this id."""

    kind = "token-unknown"


class TokenRows:
    def __init__(self, engine: Transactions, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, digest: str) -> Token | None:
        with self._engine.connect() as connection:
            body = connection.scalar(select(tokens.c.body).where(tokens.c.digest == digest))
        return None if body is None else Token.model_validate(body)

    def get(self, token: str) -> Token | None:
        with self._engine.connect() as connection:
            body = connection.scalar(select(tokens.c.body).where(tokens.c.id == token))
        return None if body is None else Token.model_validate(body)

    def add(
        self, digest: str, label: str, role: Role, place: Place, *, created_by: str, expires_at: datetime | None
    ) -> Token:
        """Adding the same secret again returns the token that is there, so that bootstrap may run twice."""
        now = self._clock()
        token = Token(
            id=new_id("tk", now),
            label=label,
            role=role,
            place=place,
            created_at=now,
            created_by=created_by,
            expires_at=expires_at,
        )
        with self._engine.begin() as connection:
            connection.execute(
                upsert(tokens)
                .values(id=token.id, digest=digest, body=plain(token), **columns_of(place))
                .on_conflict_do_nothing(index_elements=[tokens.c.digest])
            )
            return Token.model_validate(
                connection.execute(select(tokens.c.body).where(tokens.c.digest == digest)).scalar_one()
            )

    def revoke(self, token: str) -> Token:
        """Revoking a revoked token keeps the first time. Raises `TokenUnknown`."""
        with self._engine.begin() as connection:
            body = connection.scalar(select(tokens.c.body).where(tokens.c.id == token).with_for_update())
            if body is None:
                raise TokenUnknown(f"No token is called {token}.", do="See: edgewright get tokens")
            found = Token.model_validate(body)
            if found.revoked_at is not None:
                return found
            revoked = found.model_copy(update={"revoked_at": self._clock()})
            connection.execute(update(tokens).where(tokens.c.id == token).values(body=plain(revoked)))
            return revoked

    def list(self, reach: Place, page: PageRequest) -> Page[Token]:
        """Newest first."""
        statement = select(tokens.c.body).where(*inside(tokens, reach)).order_by(tokens.c.id.desc())
        if before := id_before(page, "tk"):
            statement = statement.where(tokens.c.id < before)
        with self._engine.connect() as connection:
            bodies = connection.scalars(limited(statement, page)).all()
        return page_of([Token.model_validate(body) for body in bodies], page, lambda token: token.id)


class QueuePollRows:
    """The newest poll of each worker; an older one, recorded late, changes nothing."""

    def __init__(self, engine: Transactions) -> None:
        self._engine = engine

    def record(self, queue: str, identity: str, at: datetime) -> None:
        statement = upsert(queue_polls).values(queue=queue, identity=identity, at=at)
        newest = func.greatest(queue_polls.c.at, statement.excluded.at)
        with self._engine.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[queue_polls.c.queue, queue_polls.c.identity], set_={"at": newest}
                )
            )

    def last(self, queue: str) -> datetime | None:
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(queue_polls.c.at)).where(queue_polls.c.queue == queue))

    def known(self) -> tuple[str, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.scalars(select(queue_polls.c.queue).distinct().order_by(queue_polls.c.queue)))


class AuditRows:
    """Append-only: there is no way to change or remove what was recorded, for our role by grant, for all by trigger."""

    def __init__(self, engine: Transactions) -> None:
        self._engine = engine

    def record(self, event: AuditEvent) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                insert(audit).values(
                    id=new_id("au", event.at),
                    at=event.at,
                    who=event.who,
                    action=event.action,
                    object=event.object,
                    body=plain(event),
                    **columns_of(event.place),
                )
            )

    def list(self, where: AuditFilter, reach: Place, page: PageRequest) -> Page[AuditEvent]:
        """Newest first, within `reach`."""
        statement = select(audit.c.id, audit.c.body).where(*inside(audit, reach)).order_by(audit.c.id.desc())
        if where.site:
            statement = statement.where(audit.c.site == where.site)
        if where.who:
            statement = statement.where(audit.c.who == where.who)
        if where.operation:
            statement = statement.where(audit.c.body["operation"].astext == where.operation)
        if before := id_before(page, "au"):
            statement = statement.where(audit.c.id < before)
        with self._engine.connect() as connection:
            rows = connection.execute(limited(statement, page)).all()
        shown = page_of(rows, page, lambda row: str(row.id))
        return Page(items=tuple(AuditEvent.model_validate(row.body) for row in shown.items), next=shown.next)
