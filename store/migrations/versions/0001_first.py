"""The first tables, the trigger that keeps append-only tables append-only, and what the runtime role may do."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "declarations", "operations", "idempotency_keys", "plans", "findings", "finding_reports", "holds", "tokens",
    "queue_polls", "outbox", "pools", "quotas", "claims",
)  # fmt: skip
APPEND_ONLY = ("evidence", "audit")


def text(name: str, *, key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, primary_key=key)


def time(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)


def flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False)


def body(name: str = "body") -> "sa.Column[object]":
    return sa.Column(name, JSONB, nullable=False)


def place() -> tuple["sa.Column[str]", ...]:
    return tuple(
        sa.Column(level, sa.Text, nullable=False, server_default="") for level in ("region", "site", "rack", "server")
    )


def upgrade() -> None:
    op.create_table(
        "declarations", text("kind", key=True), text("name", key=True),
        sa.Column("version", sa.Integer, primary_key=True), flag("newest"), flag("deleted"), *place(), body(),
    )  # fmt: skip
    op.create_index(
        "declarations_newest", "declarations", ["kind", "name"], unique=True, postgresql_where=sa.text("newest")
    )
    op.create_table(
        "operations", text("id", key=True), text("state"), text("kind"), text("target"), text("who"), text("workflow_id"),
        text("first_run_id"), sa.Column("revision", sa.Integer, nullable=False), time("accepted_at"), *place(), body(),
    )  # fmt: skip
    op.create_index(
        "operations_open",
        "operations",
        ["state"],
        postgresql_where=sa.text("state IN ('accepted', 'running', 'blocked')"),
    )
    op.create_index("operations_site", "operations", ["site", "id"])
    op.create_index("operations_region", "operations", ["region", "id"])
    op.create_index("operations_run", "operations", ["first_run_id"], postgresql_where=sa.text("first_run_id <> ''"))
    op.create_table(
        "idempotency_keys",
        text("scope", key=True),
        text("key", key=True),
        text("request_digest"),
        text("operation"),
        time("at"),
    )
    op.create_table(
        "plans", text("hash", key=True), time("created_at"), time("expires_at"), text("approver"), *place(), body()
    )
    op.create_table(
        "findings", text("id", key=True), text("object"), text("kind"), text("state"), text("severity"), text("operation"),
        *place(), body(), sa.UniqueConstraint("object", "kind"),
    )  # fmt: skip
    op.create_table("finding_reports", text("key", key=True), body("answer"), time("at"))
    op.create_table("holds", text("id", key=True), flag("in_force"), *place(), body())
    op.create_table(
        "tokens", text("id", key=True), sa.Column("digest", sa.Text, nullable=False, unique=True), *place(), body()
    )
    op.create_table("queue_polls", text("queue", key=True), text("identity", key=True), time("at"))
    op.create_table(
        "outbox", text("id", key=True), body(), sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        time("at"), time("delivered_at", nullable=True),
    )  # fmt: skip
    op.create_table("pools", text("name", key=True), number("first"), number("last"), *place())
    op.create_table("quotas", text("name", key=True), number("amount"), *place())
    op.create_table(
        "claims", text("pool", key=True), text("value", key=True), text("holder"), number("amount"), text("operation"),
        time("since"), *place(),
    )  # fmt: skip
    op.create_index("claims_holder", "claims", ["holder"])
    op.create_table(
        "evidence", text("site", key=True), sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True), text("entry_key"),
        sa.Column("line", sa.LargeBinary, nullable=False), time("at"), sa.UniqueConstraint("site", "entry_key"),
    )  # fmt: skip
    op.create_table(
        "audit", text("id", key=True), time("at"), text("who"), text("action"), text("object"), *place(), body()
    )
    _append_only()
    _grants()


def _append_only() -> None:
    op.execute("""
        CREATE FUNCTION edgewright_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '42501'; END $$
    """)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION edgewright_refuse_change()"
        )


def _grants() -> None:
    role = context.config.attributes["runtime_role"]
    exists = op.get_bind().scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    if not exists:
        return
    name = op.get_bind().dialect.identifier_preparer.quote(role)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
    op.execute(f"GRANT SELECT ON alembic_version TO {name}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {name}")
    op.execute(f"REVOKE ALL ON {', '.join(APPEND_ONLY)} FROM {name}")
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(APPEND_ONLY)} TO {name}")


def downgrade() -> None:
    for table in (*APPEND_ONLY, *TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION edgewright_refuse_change()")
