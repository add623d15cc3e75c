"""The pooled engine, and what all repositories share: filters by place, cursors, ids, and models in and out of rows."""

import builtins
import re
import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Engine, ExceptionContext, Select, Table, create_engine, event, or_
from sqlalchemy.exc import DBAPIError

from domain.access import Place
from domain.errors import Transient
from domain.operation import sortable_id
from domain.paging import PAGE_LIMIT, CursorUnreadable, Page, PageRequest

LEVELS = ("region", "site", "rack", "server")

CONNECT_TIMEOUT_S = 10

type Clock = Callable[[], datetime]


class DatabaseUnreachable(Transient):
    """Postgres does not answer, is starting or stopping, or has no connection left."""

    kind = "database-unreachable"


class Transactions(Protocol):
    """Where a repository gets its connection: an engine, or a transaction that somebody else ends (`Joined`)."""

    def begin(self) -> AbstractContextManager[Connection]: ...

    def connect(self) -> AbstractContextManager[Connection]: ...


class Joined:
    """Lets a repository write inside a transaction that others write in too: all of it is kept, or nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """A savepoint: what fails in it is undone, the transaction around it lives on."""
        with self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def connect(self) -> Generator[Connection]:
        yield self._connection


def utc_now() -> datetime:
    return datetime.now(UTC)


def connect(url: str, pool_size: int = 8) -> Engine:
    """A pooled engine that checks a connection before it lends it: a restarted Postgres costs no request.

    What is done with it raises `DatabaseUnreachable` when Postgres is away.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
    event.listen(engine, "handle_error", _raise_ours_if_away)
    return engine


def _raise_ours_if_away(context: ExceptionContext) -> None:
    # A ping that fails is the pool's own way to find out that it needs another connection.
    if context.is_pre_ping or not _away(context):
        return
    raise DatabaseUnreachable(
        "Postgres does not answer.",
        do="See `edgewright status`; `edgewright up` starts the embedded one. Nothing is lost: send the request again.",
    ) from context.original_exception


def _away(context: ExceptionContext) -> bool:
    if context.is_disconnect:
        return True
    error = context.sqlalchemy_exception
    # Classes of SQLSTATE: 08 connection, 53 out of resources, 57 operator intervention; none at all: nobody answered.
    state = getattr(context.original_exception, "sqlstate", None) or ""
    return isinstance(error, DBAPIError) and (
        state[:2] in ("08", "53", "57") or (context.connection is None and not state)
    )


def new_id(prefix: str, at: datetime) -> str:
    return sortable_id(prefix, at, secrets.randbits(25))


def columns_of(place: Place) -> dict[str, str]:
    return {level: getattr(place, level) for level in LEVELS}


def inside(table: Table, reach: Place) -> list[ColumnElement[bool]]:
    """Rows that `reach` covers."""
    return [table.c[level] == value for level, value in columns_of(reach).items() if value]


def around(table: Table, place: Place) -> list[ColumnElement[bool]]:
    """Rows that cover `place`."""
    return [or_(table.c[level] == "", table.c[level] == value) for level, value in columns_of(place).items()]


def plain(model: BaseModel) -> dict[str, Any]:
    """As it lies in a `body` column."""
    return model.model_dump(mode="json", by_alias=True)


def limited[S: Select[*tuple[Any, ...]]](statement: S, page: PageRequest) -> S:
    """One row more than the page: it says whether another page follows."""
    return statement.limit(size_of(page) + 1)


def size_of(page: PageRequest) -> int:
    return max(1, min(page.limit, PAGE_LIMIT))


def id_before(page: PageRequest, prefix: str) -> str:
    """The id that a page's cursor names; empty for the first page. Raises `CursorUnreadable` for what no list gave out."""
    if page.cursor and not re.fullmatch(rf"{prefix}-[0-9a-z]{{13}}", page.cursor):
        raise CursorUnreadable(f"{page.cursor!r} is no cursor of this list.", do="Start without a cursor.")
    return page.cursor


def page_of[T](items: Sequence[T], page: PageRequest, cursor: Callable[[T], str]) -> Page[T]:
    size = size_of(page)
    shown = builtins.tuple(items[:size])
    return Page[T](items=shown, next=cursor(shown[-1]) if len(items) > size else "")
