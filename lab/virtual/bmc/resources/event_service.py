"""Event subscriptions and the test event."""

from typing import Any
from urllib.parse import urlsplit

from lab.virtual.bmc.checks import checked, needed, one_of, text, texts
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.events import ATTEMPTS, INTERVAL_S, MOST_SUBSCRIPTIONS
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.messages import REGISTRIES, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import ROOT

STREAM = f"{ROOT}/EventService/SSE"
_FILTERS = ("EventFormatType", "MessageId", "OriginResource", "RegistryPrefix", "ResourceType", "SubordinateResources")
SERVICE, SUBSCRIPTIONS = f"{ROOT}/EventService", f"{ROOT}/EventService/Subscriptions"
_PREFIXES = ["Base", "ResourceEvent", "TaskEvent"]


def _numbers(bmc: Bmc) -> list[str]:
    return sorted([*bmc.events.all(), *(stream.number for stream in bmc.events.streams)], key=int)


collection(SUBSCRIPTIONS, "EventDestination", "Event Subscriptions", _numbers)


@reads(SERVICE)
def event_service(_bmc: Bmc) -> Json:
    target = f"{SERVICE}/Actions/EventService.SubmitTestEvent"
    return {
        "@odata.type": kind("EventService"),
        "Id": "EventService",
        "Name": "Event Service",
        "ServiceEnabled": True,
        "DeliveryRetryAttempts": ATTEMPTS,
        "DeliveryRetryIntervalSeconds": INTERVAL_S,
        "EventFormatTypes": ["Event"],
        "RegistryPrefixes": _PREFIXES,
        "ResourceTypes": ["ComputerSystem"],
        "ServerSentEventUri": STREAM,
        "SSEFilterPropertiesSupported": dict.fromkeys(_FILTERS, False),
        "SubordinateResourcesSupported": True,
        "Subscriptions": link(SUBSCRIPTIONS),
        "Status": ok(),
        "Actions": {"#EventService.SubmitTestEvent": {"target": target}},
    }


@reads(f"{SUBSCRIPTIONS}/{{subscription}}")
def subscription(bmc: Bmc, subscription: str) -> Json:
    found = bmc.events.all().get(subscription)
    if stream := next((stream for stream in bmc.events.streams if stream.number == subscription), None):
        found = {"Destination": None, "SubscriptionType": "SSE", "Context": stream.context}
    if found is None:
        raise missing("EventDestination", subscription)
    return {
        "@odata.type": kind("EventDestination"),
        "Id": subscription,
        "Name": f"Subscription {subscription}",
        "Destination": found["Destination"],
        "Protocol": "Redfish",
        "SubscriptionType": found.get("SubscriptionType", "RedfishEvent"),
        "EventFormatType": "Event",
        "Context": found.get("Context"),
        "RegistryPrefixes": found.get("RegistryPrefixes", []),
        "ResourceTypes": found.get("ResourceTypes", []),
        "OriginResources": found.get("OriginResources", []),
        "SubordinateResources": found.get("SubordinateResources", False),
        "DeliveryRetryPolicy": found.get("DeliveryRetryPolicy", "TerminateAfterRetries"),
        "HttpHeaders": None,
        "Status": ok(),
    }


@writes("POST", SUBSCRIPTIONS, privilege=MANAGE)
def subscribe(bmc: Bmc, call: Call) -> Answer:
    """A destination off this machine is accepted, as a BMC would, and never delivered to."""
    writable: dict[str, Any] = {
        "Destination": text(1024, shortest=1),
        "Protocol": one_of("Redfish"),
        "Context": text(256),
        "EventFormatType": one_of("Event"),
        "SubscriptionType": one_of("RedfishEvent"),
        "RegistryPrefixes": texts(),
        "ResourceTypes": texts(),
        "EventTypes": texts(),
        "OriginResources": _listed,
        "SubordinateResources": lambda _name, value: bool(value),
        "DeliveryRetryPolicy": one_of("TerminateAfterRetries", "SuspendRetries", "RetryForever"),
        "HttpHeaders": _listed,
    }
    wanted = checked(call.body, writable, readable={"Id", "Name", "Status"})
    needed(wanted, "Destination", "Protocol")
    parts = urlsplit(wanted["Destination"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refuse(400, "PropertyValueFormatError", wanted["Destination"], "Destination")
    for prefix in wanted.get("RegistryPrefixes", ()):
        if prefix not in REGISTRIES:
            raise refuse(400, "PropertyValueNotInList", prefix, "RegistryPrefixes")
    if len(_numbers(bmc)) >= MOST_SUBSCRIPTIONS:
        raise refuse(503, "EventSubscriptionLimitExceeded")
    path = f"{SUBSCRIPTIONS}/{bmc.events.add(wanted)}"
    return Answer(201, bmc.read(path), {"Location": path})


def _listed(name: str, value: Any) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise refuse(400, "PropertyValueTypeError", value, name, properties=(name,))
    return value


@writes("PATCH", f"{SUBSCRIPTIONS}/{{subscription}}", privilege=MANAGE)
def change_subscription(bmc: Bmc, call: Call, subscription: str) -> Answer:
    shown = bmc.read(call.path)
    if subscription not in bmc.events.all():
        raise refuse(405, "OperationNotAllowed")
    wanted = checked(call.body, {"Context": text(256), "HttpHeaders": _listed}, readable=set(shown))
    bmc.events.change(subscription, wanted)
    return Answer(200, bmc.read(call.path))


@writes("DELETE", f"{SUBSCRIPTIONS}/{{subscription}}", privilege=MANAGE)
def unsubscribe(bmc: Bmc, call: Call, subscription: str) -> Answer:
    if bmc.events.close_stream(subscription):
        return Answer(204)
    if subscription not in bmc.events.all():
        raise missing("EventDestination", subscription)
    bmc.events.remove(subscription)
    return Answer(204)


@writes("POST", f"{SERVICE}/Actions/EventService.SubmitTestEvent", privilege=MANAGE)
def submit_test_event(bmc: Bmc, call: Call) -> Answer:
    bmc.events.emit("ResourceEvent.TestMessage", SERVICE)
    return Answer(204)
