"""Event subscriptions of one BMC: the POSTs they cause, and streams of server-sent events (DSP0266).

Nothing is ever sent off the loopback addresses of this machine.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from lab.virtual.bmc.fetching import is_loopback
from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.messages import message
from lab.virtual.machine import Machine

MOST_SUBSCRIPTIONS = 20
MOST_STREAMS = 4
ATTEMPTS, INTERVAL_S = 3, 2

type Subscription = dict[str, Any]


@dataclass
class Stream:
    """An open stream of server-sent events; None ends it. It is a subscription for as long as its connection stands."""

    number: str
    context: str = field(default_factory=lambda: secrets.token_hex(8))
    events: asyncio.Queue[Json | None] = field(default_factory=asyncio.Queue[Json | None])


class Events:
    """Subscriptions are kept on disk; an event that cannot be delivered after its attempts is lost, and the log says so."""

    def __init__(self, machine: Machine, client: Callable[[], aiohttp.ClientSession | None]) -> None:
        self._machine, self._client = machine, client
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: dict[str, Stream] = {}

    def all(self) -> dict[str, Subscription]:
        return self._machine.kept("subscriptions", {})

    # -- streams -------------------------------------------------------------------------------------------------

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(self._streams.values())

    def open_stream(self) -> Stream | None:
        """None if as many are open as can be."""
        if len(self._streams) >= MOST_STREAMS or len(self._streams) + len(self.all()) >= MOST_SUBSCRIPTIONS:
            return None
        stream = Stream(self._free_number())
        self._streams[stream.number] = stream
        return stream

    def close_stream(self, number: str) -> bool:
        """Ends one; False if there is none of this number."""
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.events.put_nowait(None)
        return stream is not None

    def close_streams(self) -> None:
        for number in list(self._streams):
            self.close_stream(number)

    def _free_number(self) -> str:
        return str(max([int(key) for key in (*self.all(), *self._streams)], default=0) + 1)

    # -- subscriptions -------------------------------------------------------------------------------------------

    def add(self, wanted: Subscription) -> str:
        taken = self.all()
        number = self._free_number()
        change = {"what": "subscription-added", "id": number, "destination": wanted["Destination"]}
        self._machine.keep("subscriptions", {**taken, number: wanted}, change=change)
        return number

    def change(self, number: str, fields: Json) -> None:
        taken = self.all()
        change = {"what": "subscription-changed", "id": number}
        self._machine.keep("subscriptions", {**taken, number: {**taken[number], **fields}}, change=change)

    def remove(self, number: str) -> None:
        left = {key: value for key, value in self.all().items() if key != number}
        self._machine.keep("subscriptions", left, change={"what": "subscription-removed", "id": number})

    def emit(self, key: str, origin: str, *arguments: object, kind: str = "Other", only: str = "") -> None:
        """Sends one event to each subscription that wants it (`only`: to one), in the background, and to every stream."""
        for number, subscription in self.all().items():
            if only not in ("", number) or not _wants(subscription, key, origin):
                continue
            event = self._event(key, origin, arguments, kind)
            if (context := subscription.get("Context")) is not None:
                event["Context"] = context
            self._send(number, subscription, event)
        for stream in self.streams:
            if only in ("", stream.number):
                stream.events.put_nowait({**self._event(key, origin, arguments, kind), "Context": stream.context})

    def _event(self, key: str, origin: str, arguments: tuple[object, ...], kind: str) -> Json:
        self._number += 1
        told = {k: v for k, v in message(key, *arguments).items() if k not in ("@odata.type", "Severity")}
        return {
            "@odata.type": "#Event.v1_7_0.Event",
            "Id": str(self._number),
            "Name": "Event",
            "Events": [
                {
                    **told,
                    "MemberId": "0",
                    "EventId": str(self._number),
                    "EventType": kind,
                    "EventTimestamp": self._machine.clock.stamp(),
                    "OriginOfCondition": link(origin),
                }
            ],
        }

    def _send(self, number: str, subscription: Subscription, event: Json) -> None:
        client = self._client()
        if client is None:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(client, number, subscription, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self, client: aiohttp.ClientSession, number: str, subscription: Subscription, event: Json
    ) -> None:
        destination = subscription["Destination"]
        outcome = "refused: not a loopback address"
        if is_loopback(destination):
            headers: dict[str, str] = {}
            for pair in subscription.get("HttpHeaders") or ():
                headers |= pair
            for attempt in range(ATTEMPTS):
                if attempt:
                    await self._machine.clock.sleep(INTERVAL_S)
                try:
                    async with client.post(
                        destination, json=event, headers=headers, ssl=False, allow_redirects=False
                    ) as answer:
                        outcome = str(answer.status)
                    if answer.ok:
                        break
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    outcome = type(error).__name__
        self._machine.note({"what": "event-sent", "subscription": number, "event": event["Id"], "outcome": outcome})


def _wants(subscription: Subscription, key: str, origin: str) -> bool:
    prefixes = subscription.get("RegistryPrefixes") or ()
    if prefixes and key.rpartition(".")[0] not in prefixes:
        return False
    origins = [item["@odata.id"] for item in subscription.get("OriginResources") or ()]
    below = subscription.get("SubordinateResources", False)
    return not origins or any(origin == path or (below and origin.startswith(path + "/")) for path in origins)
