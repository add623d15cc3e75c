"""Event subscriptions of one BMC and the POSTs they cause. Nothing is ever sent off the loopback addresses of this machine."""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.messages import message
from lab.virtual.machine import Machine

MOST_SUBSCRIPTIONS = 20
ATTEMPTS, INTERVAL_S = 3, 2

type Subscription = dict[str, Any]


class Events:
    """Subscriptions are kept on disk; an event that cannot be delivered after its attempts is lost, and the log says so."""

    def __init__(self, machine: Machine, client: Callable[[], aiohttp.ClientSession | None]) -> None:
        self._machine, self._client = machine, client
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> dict[str, Subscription]:
        return self._machine.kept("subscriptions", {})

    def add(self, wanted: Subscription) -> str:
        taken = self.all()
        number = str(max([int(key) for key in taken], default=0) + 1)
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
        """Sends one event to each subscription that wants it (`only`: to one), in the background."""
        for number, subscription in self.all().items():
            if only not in ("", number) or not _wants(subscription, key, origin):
                continue
            self._number += 1
            event = {
                "@odata.type": "#Event.v1_7_0.Event",
                "Id": str(self._number),
                "Name": "Event",
                "Context": subscription.get("Context"),
                "Events": [
                    {
                        **{k: v for k, v in message(key, *arguments).items() if k not in ("@odata.type", "Severity")},
                        "MemberId": "0",
                        "EventId": str(self._number),
                        "EventType": kind,
                        "EventTimestamp": self._machine.clock.stamp(),
                        "OriginOfCondition": link(origin),
                    }
                ],
            }
            if event["Context"] is None:
                del event["Context"]
            self._send(number, subscription, event)

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
                    async with client.post(destination, json=event, headers=headers, ssl=False) as answer:
                        outcome = str(answer.status)
                    if answer.ok:
                        break
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    outcome = type(error).__name__
        self._machine.note({"what": "event-sent", "subscription": number, "event": event["Id"], "outcome": outcome})


def is_loopback(destination: str) -> bool:
    """Only literal loopback addresses and `localhost`: a name could lead anywhere."""
    host = urlsplit(destination).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wants(subscription: Subscription, key: str, origin: str) -> bool:
    prefixes = subscription.get("RegistryPrefixes") or ()
    if prefixes and key.rpartition(".")[0] not in prefixes:
        return False
    origins = [item["@odata.id"] for item in subscription.get("OriginResources") or ()]
    below = subscription.get("SubordinateResources", False)
    return not origins or any(origin == path or (below and origin.startswith(path + "/")) for path in origins)
