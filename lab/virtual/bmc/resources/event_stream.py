"""Server-sent events (DSP0266): a stream is a subscription for as long as its connection stands.

It needs a login like any other read, and is on its own afterwards: the end of the session that opened it does not touch it.
"""

import asyncio
import json

from aiohttp import web

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.messages import refuse
from lab.virtual.bmc.resources.event_service import STREAM
from lab.virtual.bmc.routing import streams

KEEP_ALIVE_S = 5.0
"""Lab seconds between two comments, by which a broken connection is noticed."""

streams(STREAM)


async def stream_events(bmc: Bmc, request: web.BaseRequest) -> web.StreamResponse:
    """Answers when the stream is over. 501 to a filter, 503 if too many are open."""
    if "$filter" in request.query:
        raise refuse(501, "QueryNotSupportedOnResource")
    stream = bmc.events.open_stream()
    if stream is None:
        raise refuse(503, "EventSubscriptionLimitExceeded")
    response = web.StreamResponse(headers={"OData-Version": "4.0", "Cache-Control": "no-cache"})
    response.content_type = "text/event-stream"
    # Said before it begins: a client must not put another request on a connection that ends with the stream.
    response.force_close()
    try:
        await response.prepare(request)
        await response.write(b": open\n\n")
        while True:
            try:
                event = await asyncio.wait_for(stream.events.get(), KEEP_ALIVE_S / bmc.clock.factor)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if event is None:
                break
            await response.write(f"id: {event['Id']}\ndata: {json.dumps(event)}\n\n".encode())
    except ConnectionError:
        pass  # the client has gone
    finally:
        bmc.events.close_stream(stream.number)
    return response
