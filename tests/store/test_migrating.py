import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError

import store
from domain.access import AuditEvent, AuditFilter, Place
from domain.paging import PageRequest
from store.access import AuditRows
from store.database import utc_now
from store.tables import APPEND_ONLY, metadata
from tests.conftest import Database

pytestmark = pytest.mark.services


def test_migrating_twice_is_migrating_once(database: Database) -> None:
    assert store.pending_migrations(database.owner_url) == store.migrate(database.owner_url)
    assert store.migrate(database.owner_url) == ()
    assert store.pending_migrations(database.url) == ()


def test_the_migrations_make_the_tables_that_the_code_uses(migrated_database: Database) -> None:
    engine = create_engine(migrated_database.owner_url)
    made = inspect(engine)
    for table in metadata.sorted_tables:
        assert {c["name"] for c in made.get_columns(table.name)} == set(table.columns.keys()), table.name
    engine.dispose()


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("role", ["url", "owner_url"])
def test_an_append_only_table_refuses_change_to_every_role(
    migrated_database: Database, role: str, statement: str, table: str
) -> None:
    engine = create_engine(getattr(migrated_database, role))
    with pytest.raises(ProgrammingError), engine.begin() as connection:
        connection.execute(text(statement.format(table)))
    engine.dispose()


def test_the_runtime_role_adds_to_the_audit_record(migrated_database: Database) -> None:
    engine = store.connect(migrated_database.url)
    event = AuditEvent(at=utc_now(), who="ada", action="hold.place", object="ho-1")
    AuditRows(engine).record(event)

    assert AuditRows(engine).list(AuditFilter(), Place(), PageRequest()).items == (event,)
    engine.dispose()
