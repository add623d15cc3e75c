"""Server-sent events for pages: each says only that something changed, and the page reads itself again with its own rights.

A stream ends after some minutes; the browser opens it again and is asked who it is once more.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from api.context import Services
from api.services import events
from api.services.events import Event
from domain.access import Principal
from domain.operation import Operation

LASTS_S = 600.0


class Ticks(StreamingResponse):
    media_type = "text/event-stream"


async def ticks_of_fleet(services: Services, principal: Principal) -> AsyncIterator[str]:
    async for tick in _ticks(events.of_fleet(services, principal)):
        yield tick


async def ticks_of_operation(services: Services, operation: Operation) -> AsyncIterator[str]:
    async for tick in _ticks(events.of_operation(services, operation)):
        yield tick


async def _ticks(changes: AsyncIterator[Event]) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    try:
        async with asyncio.timeout(LASTS_S):
            async for change in changes:
                yield f"event: change\nid: {change.id}\ndata: {change.name}\n\n"
            yield "event: end\ndata: ended\n\n"
    except TimeoutError:
        return
