"""The stores on a real Postgres, each test in a database of its own, as the role the product runs as."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

import store
from tests.conftest import Database


@pytest.fixture
def engine(migrated_database: Database) -> Iterator[Engine]:
    made = store.connect(migrated_database.url)
    yield made
    made.dispose()
