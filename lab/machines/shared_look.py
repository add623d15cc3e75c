"""One look at what runs, for several requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable

FRESH_S = 0.5
"""For so long several requests share one look."""


class SharedLook:
    """Who asks while somebody looks waits for that look."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._at = float("-inf")
        self._alone = asyncio.Lock()

    async def look(self) -> None:
        async with self._alone:
            if time.monotonic() - self._at < FRESH_S:
                return
            await self._look()
            self._at = time.monotonic()
