"""Our tables. Columns are what lists filter and locks need; `body` is the whole model as its domain class writes it."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()


def _place() -> tuple[Column[str], ...]:
    """Where a row belongs; lists filter on these by what a token reaches."""
    return tuple(
        Column(level, Text, nullable=False, server_default="") for level in ("region", "site", "rack", "server")
    )


def _time(name: str, *, nullable: bool = False) -> "Column[object]":
    return Column(name, DateTime(timezone=True), nullable=nullable)


declarations = Table(
    "declarations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("newest", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    *_place(),
    Column("body", JSONB, nullable=False),
)
operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("first_run_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    _time("accepted_at"),
    *_place(),
    Column("body", JSONB, nullable=False),
)
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("answer", JSONB, nullable=True),
    _time("at"),
)
plans = Table(
    "plans",
    metadata,
    Column("hash", Text, primary_key=True),
    _time("created_at"),
    _time("expires_at"),
    Column("approver", Text, nullable=False),
    *_place(),
    Column("body", JSONB, nullable=False),
)
findings = Table(
    "findings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("object", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("operation", Text, nullable=False),
    *_place(),
    Column("body", JSONB, nullable=False),
)
finding_reports = Table(
    "finding_reports",
    metadata,
    Column("key", Text, primary_key=True),
    Column("answer", JSONB, nullable=False),
    _time("at"),
)
holds = Table(
    "holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("in_force", Boolean, nullable=False),
    *_place(),
    Column("body", JSONB, nullable=False),
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    *_place(),
    Column("body", JSONB, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("token", Text, nullable=False),
    _time("created_at"),
    _time("expires_at"),
)
queue_polls = Table(
    "queue_polls",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("identity", Text, primary_key=True),
    _time("at"),
)
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _time("at"),
    _time("delivered_at", nullable=True),
)
pools = Table(
    "pools",
    metadata,
    Column("name", Text, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    *_place(),
)
quotas = Table(
    "quotas",
    metadata,
    Column("name", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    *_place(),
)
claims = Table(
    "claims",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    _time("since"),
    *_place(),
)
evidence = Table(
    "evidence",
    metadata,
    Column("site", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("entry_key", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    _time("at"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    _time("at"),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    *_place(),
    Column("body", JSONB, nullable=False),
)

APPEND_ONLY = ("evidence", "audit")
"""The runtime role may only read and add here, and a trigger refuses changes for every role."""
