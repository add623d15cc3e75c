"""Sessions of one BMC: in memory, so that a restart of the BMC ends them, as it does in life."""

import secrets
from dataclasses import dataclass

from lab.virtual.clock import LabClock


@dataclass
class Session:
    id: str
    token: str
    account: str
    user: str
    origin: str
    created: str
    last_used: float


class Sessions:
    """A session ends by logout, by `timeout_s` without use, or when its account's password changes."""

    def __init__(self, clock: LabClock, limit: int, timeout_s: int) -> None:
        self._clock, self.limit, self.timeout_s = clock, limit, timeout_s
        self._by_token: dict[str, Session] = {}

    def open(self, account: str, user: str, origin: str) -> Session | None:
        """A new session, or None if the limit is reached."""
        self.expire()
        if len(self._by_token) >= self.limit:
            return None
        now = self._clock.time()
        session = Session(secrets.token_hex(5), secrets.token_hex(24), account, user, origin, self._clock.stamp(), now)
        self._by_token[session.token] = session
        return session

    def used(self, token: str) -> Session | None:
        """The session of a token, kept alive by this use."""
        self.expire()
        session = self._by_token.get(token)
        if session is not None:
            session.last_used = self._clock.time()
        return session

    def all(self) -> list[Session]:
        self.expire()
        return list(self._by_token.values())

    def get(self, session_id: str) -> Session | None:
        return next((s for s in self.all() if s.id == session_id), None)

    def end(self, session: Session) -> None:
        self._by_token.pop(session.token, None)

    def end_of(self, account: str, *, but: str = "") -> None:
        """Ends an account's sessions except one."""
        for session in list(self._by_token.values()):
            if session.account == account and session.id != but:
                self.end(session)

    def clear(self) -> None:
        self._by_token.clear()

    def expire(self) -> None:
        oldest = self._clock.time() - self.timeout_s
        for session in list(self._by_token.values()):
            if session.last_used < oldest:
                self.end(session)
