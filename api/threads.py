"""The stores are synchronous: their calls run in threads so that the API's event loop never waits for a database."""

import asyncio
from collections.abc import Callable


async def in_thread[**P, R](call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.to_thread(call, *args, **kwargs)
