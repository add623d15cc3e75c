"""One idempotency key, one answer, for POSTs that open no operation (those keep their key with their row in Postgres).

Kept in this process for a day: after a restart the same request is carried out again, which is why everything that is
answered here is also harmless to do twice.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from api.context import now
from domain.operation import IdempotencyKey, IdempotencyKeyReused

KEPT_FOR = timedelta(days=1)
KEPT_AT_MOST = 10_000


class Answers:
    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str], tuple[datetime, str, asyncio.Task[Any]]] = OrderedDict()

    async def once[T](self, key: IdempotencyKey, make: Callable[[], Awaitable[T]]) -> T:
        """The answer made for this key before, or a new one. What failed is forgotten, so that it can be tried again.

        Raises:
            IdempotencyKeyReused: the key came with another request.
        """
        self._forget_old()
        identity = (key.scope, key.key)
        if identity in self._made:
            _, digest, task = self._made[identity]
            if digest != key.request_digest:
                raise IdempotencyKeyReused(
                    f"The idempotency key {key.key!r} came with another request before.", do="Send a new key."
                )
        else:
            task = asyncio.ensure_future(make())
            self._made[identity] = (now(), key.request_digest, task)
        try:
            return await asyncio.shield(task)
        except Exception:
            self._made.pop(identity, None)
            raise

    def _forget_old(self) -> None:
        oldest = now() - KEPT_FOR
        while self._made and (len(self._made) > KEPT_AT_MOST or next(iter(self._made.values()))[0] < oldest):
            self._made.popitem(last=False)
