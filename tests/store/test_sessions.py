from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from store.sessions import SessionRows
from store.tables import sessions

pytestmark = pytest.mark.services

START = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)


def test_a_session_is_found_until_it_is_closed(engine: Engine) -> None:
    rows = SessionRows(engine, lambda: START)
    opened = rows.open("d", "tk-1", START + timedelta(hours=1))
    assert rows.find("d") == opened
    assert rows.find("another") is None
    rows.close("d")
    rows.close("d")
    assert rows.find("d") is None


def test_an_expired_session_is_no_session_and_goes_with_the_next_sign_in(engine: Engine) -> None:
    SessionRows(engine, lambda: START).open("old", "tk-1", START + timedelta(hours=1))
    later = SessionRows(engine, lambda: START + timedelta(hours=1))
    assert later.find("old") is None
    later.open("new", "tk-1", START + timedelta(hours=2))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(sessions)) == 1
