"""Server-sent events: a stream is a subscription while it is open, outlives its session, and there are not many."""

import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.lab.virtual.site_fixtures import TestSite, running_site

SERVICE = "/redfish/v1/EventService"
SESSIONS = "/redfish/v1/SessionService/Sessions"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path) as running:
        yield running


@pytest.fixture
def bmc(site: TestSite) -> httpx.Client:
    return site.redfish("r1-s01")


@contextmanager
def stream(client: httpx.Client, *, bmc: httpx.Client | None = None, **headers: str) -> Iterator[Iterator[str]]:
    """Lines of an open stream; its first line shows that it is open. `bmc`: a client that is logged in, if `client` is not."""
    uri = (bmc or client).get(SERVICE).json()["ServerSentEventUri"]
    with client.stream("GET", uri, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        yield lines


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def keys(event: dict[str, Any]) -> list[str]:
    return [entry["MessageId"].rpartition(".")[2] for entry in event["Events"]]


def subscriptions(bmc: httpx.Client) -> list[str]:
    return [m["@odata.id"] for m in bmc.get(f"{SERVICE}/Subscriptions").json()["Members"]]


def test_events_and_the_life_of_tasks_arrive_as_they_happen(site: TestSite, bmc: httpx.Client) -> None:
    with stream(bmc) as lines:
        told = events(lines)
        bmc.post(f"{SERVICE}/Actions/EventService.SubmitTestEvent", json={})
        assert keys(next(told)) == ["TestMessage"]
        erase = "/redfish/v1/Chassis/chassis/Drives/NVMe0/Actions/Drive.SecureErase"
        begun = bmc.post(erase, json={"SanitizationType": "CryptographicErase"})
        started, over = next(told), next(told)
        assert (keys(started), keys(over)) == (["TaskStarted"], ["TaskCompletedOK"])
        assert over["Events"][0]["OriginOfCondition"]["@odata.id"] == begun.json()["@odata.id"]


def test_a_stream_is_a_subscription_until_it_is_closed(bmc: httpx.Client) -> None:
    assert subscriptions(bmc) == []
    with stream(bmc) as lines:
        (path,) = subscriptions(bmc)
        shown = bmc.get(path).json()
        assert (shown["SubscriptionType"], shown["Destination"]) == ("SSE", None)
        assert bmc.patch(path, json={"Context": "x"}).status_code == 405
        assert bmc.delete(path).status_code == 204
        assert list(events(lines)) == [], "deleting it ends the stream"
    assert subscriptions(bmc) == []


def test_a_client_that_goes_away_leaves_no_subscription(bmc: httpx.Client) -> None:
    with stream(bmc):
        assert len(subscriptions(bmc)) == 1
    while subscriptions(bmc):
        time.sleep(0.05)


def test_no_more_than_a_few_streams_and_none_without_a_login(site: TestSite, bmc: httpx.Client) -> None:
    anonymous = site.redfish("r1-s01", anonymous=True)
    assert anonymous.get(f"{SERVICE}/SSE").status_code == 401
    assert bmc.get(f"{SERVICE}/SSE", params={"$filter": "x eq 1"}).status_code == 501
    with stream(bmc), stream(bmc), stream(bmc), stream(bmc):
        refused = bmc.get(f"{SERVICE}/SSE")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"].endswith("EventSubscriptionLimitExceeded")


def test_a_stream_outlives_the_session_that_opened_it(site: TestSite, bmc: httpx.Client) -> None:
    """DSP0266: the end of a session does not affect connections for server-sent events."""
    factory = site.login("r1-s01")
    opened = bmc.post(SESSIONS, json={"UserName": factory.user, "Password": factory.password})
    anonymous = site.redfish("r1-s01", anonymous=True)
    with stream(anonymous, bmc=bmc, **{"X-Auth-Token": opened.headers["X-Auth-Token"]}) as lines:
        assert bmc.delete(opened.headers["Location"]).status_code == 204
        bmc.post(f"{SERVICE}/Actions/EventService.SubmitTestEvent", json={})
        assert keys(next(events(lines))) == ["TestMessage"]
    refused = anonymous.get(f"{SERVICE}/SSE", headers={"X-Auth-Token": opened.headers["X-Auth-Token"]})
    assert refused.status_code == 401, "no new one with it"


def test_each_stream_has_a_context_of_its_own(bmc: httpx.Client) -> None:
    with stream(bmc) as lines:
        (path,) = subscriptions(bmc)
        bmc.post(f"{SERVICE}/Actions/EventService.SubmitTestEvent", json={})
        assert next(events(lines))["Context"] == bmc.get(path).json()["Context"] != ""


def test_a_bmc_that_restarts_ends_its_streams(site: TestSite, bmc: httpx.Client) -> None:
    with stream(bmc) as lines:
        site.power("r1-s01", "restart-bmc")
        with contextlib.suppress(httpx.TransportError):  # it may end it, or break it
            assert list(events(lines)) == []
