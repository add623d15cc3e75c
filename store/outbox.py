"""What goes out by webhook: written in the transaction that made it true, delivered at least once by whoever calls `deliver`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Connection, Engine, insert, select, update

from store.database import Clock, new_id, utc_now
from store.tables import outbox

BATCH = 100
RECEIVER_TIMEOUT_S = 10


def announce(connection: Connection, kind: str, subject: str, data: dict[str, Any], at: datetime) -> None:
    """Puts a CloudEvent (1.0, structured JSON) into the outbox, in the caller's transaction."""
    identity = new_id("ev", at)
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": "edgewright",
        "type": f"edgewright.{kind}",
        "subject": subject,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    connection.execute(insert(outbox).values(id=identity, body=event, attempts=0, at=at))


class Outbox:
    def __init__(self, engine: Engine, clock: Clock = utc_now, transport: httpx.BaseTransport | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._transport = transport

    def deliver(self, urls: Sequence[str]) -> int:
        """Sends what waits, oldest first, to every receiver; returns how many all of them took.

        An event is delivered when every receiver answered with success; one that failed is sent to all of them again,
        so receivers recognise a repeated event by its `id`. Stops at the first failure: the order is kept.
        """
        taken = 0
        with (
            httpx.Client(timeout=RECEIVER_TIMEOUT_S, transport=self._transport, trust_env=False) as client,
            self._engine.begin() as connection,
        ):
            # Locked rows are another deliverer's: the API may run twice.
            waiting = connection.execute(
                select(outbox.c.id, outbox.c.body)
                .where(outbox.c.delivered_at.is_(None))
                .order_by(outbox.c.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            ).all()
            for row in waiting:
                done = all(_sent(client, url, row.body) for url in urls)
                change: dict[str, Any] = {"attempts": outbox.c.attempts + 1}
                if done:
                    change["delivered_at"] = self._clock()
                    taken += 1
                connection.execute(update(outbox).where(outbox.c.id == row.id).values(change))
                if not done:
                    break
        return taken


def _sent(client: httpx.Client, url: str, event: dict[str, Any]) -> bool:
    try:
        return client.post(url, json=event, headers={"Content-Type": "application/cloudevents+json"}).is_success
    except httpx.HTTPError:
        return False
