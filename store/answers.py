"""One idempotency key, one answer, for requests that open no operation. Fulfils `api.context.Answers`.

Key, answer and effect are one transaction: an answer that is there means that its effect is there, over a restart and with
several API processes. Operations keep their keys in the same table, so that a key means one request whatever it asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import AuditEvent
from domain.operation import IdempotencyKey, IdempotencyKeyReused
from store.access import AuditRows, TokenRows
from store.database import Clock, Joined, plain, utc_now
from store.standing import FindingRows, HoldRows
from store.tables import idempotency_keys


@dataclass(frozen=True)
class JoinedStores:
    """The stores as they write in the answer's transaction."""

    findings: FindingRows
    holds: HoldRows
    tokens: TokenRows
    audit: Callable[[AuditEvent], None]


class AnswerRows:
    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def find[T: BaseModel](self, key: IdempotencyKey, gives: type[T]) -> T | None:
        with self._engine.connect() as connection:
            return _kept(connection, key, gives)

    def once[T: BaseModel](
        self,
        key: IdempotencyKey,
        gives: type[T],
        effect: Callable[[JoinedStores], T],
        as_kept: Callable[[T], T] | None = None,
    ) -> T:
        """Of two requests with one key at once, the second waits for the first to commit and gets its answer."""
        c = idempotency_keys.c
        with self._engine.begin() as connection:
            values = {"scope": key.scope, "key": key.key, "request_digest": key.request_digest, "operation": ""}
            won = connection.execute(
                upsert(idempotency_keys)
                .values(**values, answer={}, at=self._clock())
                .on_conflict_do_nothing()
                .returning(c.key)
            ).first()
            if won is None:
                kept = _kept(connection, key, gives)
                if kept is None:
                    raise _reused(key)
                return kept
            answer = effect(self._stores(connection))
            lasting = answer if as_kept is None else as_kept(answer)
            connection.execute(
                update(idempotency_keys).where(c.scope == key.scope, c.key == key.key).values(answer=plain(lasting))
            )
            return answer

    def forget(self, before: datetime) -> int:
        """Drops answers that are older; an operation's key stays with its row."""
        c = idempotency_keys.c
        with self._engine.begin() as connection:
            return connection.execute(delete(idempotency_keys).where(c.answer.is_not(None), c.at < before)).rowcount

    def _stores(self, connection: Connection) -> JoinedStores:
        joined = Joined(connection)
        return JoinedStores(
            findings=FindingRows(joined, self._clock),
            holds=HoldRows(joined, self._clock),
            tokens=TokenRows(joined, self._clock),
            audit=AuditRows(joined).record,
        )


def _kept[T: BaseModel](connection: Connection, key: IdempotencyKey, gives: type[T]) -> T | None:
    c = idempotency_keys.c
    row = connection.execute(
        select(c.request_digest, c.answer).where(c.scope == key.scope, c.key == key.key)
    ).one_or_none()
    if row is None:
        return None
    if row.request_digest != key.request_digest:
        raise _reused(key)
    return None if row.answer is None else gives.model_validate(row.answer)


def _reused(key: IdempotencyKey) -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        f"The idempotency key {key.key} came before, with another request.", do="Send a new key with a new request."
    )
