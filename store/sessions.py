"""Who is signed in to the console: a row for each browser, found by the hash of its cookie, so that a stolen database signs nobody in."""

from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from domain.access import Session
from store.database import Clock, utc_now
from store.tables import sessions


class SessionRows:
    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def open(self, digest: str, token: str, expires_at: datetime) -> Session:
        """Also forgets what has expired: each sign-in pays for one that was never signed out."""
        now = self._clock()
        session = Session(token=token, created_at=now, expires_at=expires_at)
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(insert(sessions).values(digest=digest, **dict(session)))
        return session

    def find(self, digest: str) -> Session | None:
        """None if nobody is signed in by it, or not any more."""
        statement = select(sessions.c.token, sessions.c.created_at, sessions.c.expires_at)
        with self._engine.connect() as connection:
            row = connection.execute(statement.where(sessions.c.digest == digest)).mappings().one_or_none()
        found = None if row is None else Session.model_validate(row)
        return found if found and found.valid_at(self._clock()) else None

    def close(self, digest: str) -> None:
        """Closing a closed one changes nothing."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == digest))
