"""The console in a real browser, on a served application: what a person does at night, and that the policy lets it work."""

import asyncio
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.app import create_app
from domain.operation import OperationState
from domain.order import CONTROL_QUEUE
from tests.api.conftest import services_with
from tests.api.console.browser import CHROMIUM, DRIVER, Browser, running_browser
from tests.api.console.furnished import furnish
from tests.api.waiting_workflow import WaitingWork, activities
from tests.conftest import RunningTemporal
from worker.temporal import ensure

pytestmark = [
    pytest.mark.browser,
    pytest.mark.services,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no Chromium with its driver here: scripts/browser installs it"
    ),
]


@dataclass(frozen=True)
class Served:
    url: str
    services: Any
    ids: dict[str, str]


async def _until_stopped(
    temporal: RunningTemporal, listener: socket.socket, made: list[Any], ready: threading.Event, stop: threading.Event
) -> None:
    """The application and a worker for its operations, in one loop of their own."""
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    await ensure(client)
    services, _ = services_with(client)
    ids = furnish(services, services.operations, services.findings, services.plans)
    services.operations.prefix = f"op-{uuid.uuid4().hex[:8]}-"  # pyright: ignore
    server = uvicorn.Server(
        uvicorn.Config(create_app(services, with_chores=False), log_level="error", timeout_graceful_shutdown=1)
    )
    made += [services, ids]
    async with Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[WaitingWork],
        activities=activities(services.operations),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.1)
        server.should_exit = True
        await serving


@pytest.fixture(scope="module")
def served(temporal: RunningTemporal) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    made: list[Any] = []
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_until_stopped(temporal, listener, made, ready, stop)), daemon=True
    )
    thread.start()
    assert ready.wait(30)
    services, ids = made
    yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}/console", services, ids)
    stop.set()
    thread.join(20)
    listener.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, served: Served) -> Browser:
    chromium.look(1280)
    chromium.call("DELETE", "/cookie")
    chromium.open(f"{served.url}/sign-in")
    chromium.call("DELETE", "/cookie")
    chromium.open(f"{served.url}/sign-in")
    return chromium


def sign_in(browser: Browser, token: str) -> None:
    browser.write("#token", token)
    browser.click("form button")
    browser.wait_for("h1", "Overview")


def complaints(browser: Browser) -> list[str]:
    """What the browser refused or a script threw; its advice about forms is none of that."""
    return [text for text in browser.problems() if "[DOM]" not in text]


def test_an_operator_finds_what_waits_and_retries_it_with_a_reason(browser: Browser, served: Served) -> None:
    sign_in(browser, "operator-fleet")
    assert "NetBox refused 2 of 61 objects" in browser.text("[data-live=waits]")
    browser.open(f"{served.url}/sites/lab-one-rack")
    assert "quarantined" in browser.text(".rack svg a[aria-label^=r1-s02]")
    browser.click("button[value=site-audit]")
    browser.wait_for(".flash", "Started.")
    operation = re.findall(r"op-[0-9a-f-]+", browser.url)[0]
    # Nothing is pressed from here on until it waits: the page follows by itself.
    browser.wait_for("[data-live=waits]", "one GPU is missing")
    browser.click("button[value=retry]")
    assert browser.count(".flash") == 1
    assert "done=retry" not in browser.url, "the browser itself does not send a decision without a reason"
    browser.write(".decide input[name=why]", "the GPU is seated")
    browser.click("button[value=retry]")
    browser.wait_for(".flash", "It tries again.")
    browser.wait_for("[data-live=why]", "BMC 10.0.0.7 does not answer")
    browser.click("details.act summary")
    browser.write("details.act input[name=why]", "the test is over")
    browser.click("button[value=cancel]")
    browser.wait_for(".flash", "Asked to stop")
    assert served.services.operations.get(operation).waiting[0].step == "Repair"
    assert complaints(browser) == []


def test_the_timeline_moves_while_it_is_watched_and_leaves_alone_what_is_being_written(
    browser: Browser, served: Served
) -> None:
    sign_in(browser, "operator-fleet")
    row = served.ids["blocked"]
    browser.open(f"{served.url}/operations/{row}")
    browser.wait_for("#live-state", "Live.")
    browser.write(".decide input[name=why]", "half a sen")
    steps = served.services.operations.get(row).steps
    moved = tuple(step.model_copy(update={"detail": "61 of 61 recorded"}) for step in steps)
    served.services.operations.change(row, steps=moved, waiting=(), state=OperationState.RUNNING)
    browser.wait_for("[data-live=steps]", "61 of 61 recorded")
    assert browser.script("return document.querySelector('.decide input[name=why]').value") == "half a sen"
    assert "done writing" in browser.text("#live-state")
    assert complaints(browser) == []


def test_a_viewer_looks_and_has_no_buttons(browser: Browser, served: Served) -> None:
    sign_in(browser, "viewer-fleet")
    browser.open(f"{served.url}/operations/{served.ids['ended']}")
    assert "Put the fourth GPU in" in browser.text("main")
    assert browser.count("main button") == 0
    browser.click(".who button")
    browser.wait_for("h1", "Sign in")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_is_wider_than_the_screen_or_breaks_the_policy(
    browser: Browser, served: Served, width: int, dark: bool
) -> None:
    sign_in(browser, "admin-fleet")
    browser.look(width, dark=dark)
    for path in ("/", "/sites/lab-one-rack", "/sites/lab-four-racks", f"/operations/{served.ids['ended']}", "/operations",
                 "/findings", "/holds", "/evidence?site=lab-one-rack", "/sites/lab-one-rack/devices/r1-s02"):  # fmt: skip
        browser.open(served.url + path)
        assert browser.script("return document.documentElement.scrollWidth <= innerWidth"), (path, width)
    assert complaints(browser) == []


def test_a_link_in_a_drawing_is_reached_by_keyboard(browser: Browser, served: Served) -> None:
    sign_in(browser, "viewer-fleet")
    browser.open(f"{served.url}/sites/lab-one-rack")
    browser.script("document.querySelector('.rack svg a[aria-label^=r1-s02]').focus()")
    focused = "return document.activeElement.getAttribute('aria-label')"
    assert browser.script(focused) == "r1-s02, server in unit 6: quarantined"
    browser.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
        {"type": "keyDown", "value": "\ue007"}, {"type": "keyUp", "value": "\ue007"}]}]})  # fmt: skip
    browser.wait_for("h1", "r1-s02")
