"""What an operator sends: only from a page of ours, only within role and scope, and with a reason."""

import uuid
from typing import Any

import pytest
from fastapi.routing import APIRoute
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.console import app as console_app
from domain.access import Role
from domain.finding import FindingState
from domain.operation import OperationState
from domain.order import CONTROL_QUEUE
from tests.api.console.conftest import Console, forms_of
from tests.api.console.furnished import RACK
from tests.api.test_operations import until
from tests.api.waiting_workflow import WaitingWork, activities

# Every POST of the console beside signing in, with what it needs; a route without a line here fails below.
POSTS: dict[str, tuple[str, dict[str, str]]] = {
    "/sign-out": ("/sign-out", {}),
    "/sites/{site}/start": ("/sites/lab-one-rack/start", {"choice": "site-plan"}),
    "/operations/{operation}/decide": ("/operations/op-0001/decide", {"choice": "retry", "why": "mended"}),
    "/plans/{plan_hash}/apply": ("/plans/PLAN/apply", {}),
    "/findings/{finding}/acknowledge": ("/findings/fi-gpu/acknowledge", {"note": "seen"}),
    "/holds": ("/holds", {"place": "region:nordics/site:lab-one-rack", "why": "visitors"}),
    "/holds/{hold}/release": ("/holds/hold-0/release", {"why": "they left"}),
    "/tokens": ("/tokens", {"label": "night shift", "role": "operator", "place": "fleet"}),
    "/tokens/{token}/revoke": ("/tokens/tk-1/revoke", {}),
}


def posts_of(app: Any) -> set[str]:
    return {
        route.path
        for router in app.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in route.methods
    }


def test_every_form_of_the_console_is_tested_here() -> None:
    assert posts_of(console_app) - {"/sign-in"} == set(POSTS)


async def post(console: Console, name: str, **fields: str) -> Any:
    path, needed = POSTS[name]
    path = path.replace("PLAN", console.ids["plan"])
    return await console.api.http.post(f"/console{path}", data=needed | fields)


@pytest.mark.parametrize("name", sorted(POSTS))
async def test_a_form_without_its_token_is_refused_and_changes_nothing(console: Console, name: str) -> None:
    await console.sign_in(Role.ADMIN)
    events = len(console.api.audit)
    for wrong in ({}, {"form_token": ""}, {"form_token": "0" * 64}):
        answer = await post(console, name, **wrong)
        assert answer.status_code == 403, answer.text
        assert "Nothing was changed" in answer.text
    assert len(console.api.audit) == events


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_sent_from_another_site_is_refused_even_with_its_token(console: Console, site: str) -> None:
    await console.sign_in(Role.ADMIN)
    fields = POSTS["/holds"][1] | {"form_token": await console.form_token()}
    answer = await console.api.http.post("/console/holds", data=fields, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


@pytest.mark.parametrize("name", sorted(set(POSTS) - {"/sign-out"}))
async def test_what_a_viewer_sends_is_403(console: Console, name: str) -> None:
    await console.sign_in(Role.VIEWER)
    answer = await post(console, name, form_token=await console.form_token())
    assert answer.status_code == 403
    assert ("admin" if name.startswith("/tokens") else "operator") in answer.text


@pytest.mark.parametrize("name", sorted(set(POSTS) - {"/sign-out"}))
async def test_what_lies_elsewhere_cannot_be_acted_on(console: Console, name: str) -> None:
    await console.sign_in(Role.ADMIN, "other-region")
    if name == "/holds/{hold}/release":
        console.api.services.holds.place(RACK, "r", "x")
    answer = await post(console, name, form_token=await console.form_token())
    assert answer.status_code in (403, 404)


async def test_without_a_session_a_form_leads_to_sign_in(console: Console) -> None:
    answer = await post(console, "/holds", form_token="0" * 64)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in"


@pytest.mark.parametrize("choice", ["retry", "cancel"])
async def test_a_decision_needs_a_reason(console: Console, choice: str) -> None:
    await console.sign_in(Role.OPERATOR)
    answer = await post(
        console, "/operations/{operation}/decide", form_token=await console.form_token(), why="  ", choice=choice
    )
    assert answer.status_code == 422
    assert "is required" in answer.text


async def test_buttons_are_the_choices_that_the_wait_offers(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    page = await console.get("/operations/op-0001")
    offered = [
        choice for choice in ("approve", "retry", "skip", "abandon", "cancel") if f'value="{choice}"' in page.text
    ]
    assert offered == ["retry", "skip", "abandon", "cancel"]


async def test_a_hold_is_set_from_a_servers_page_and_released_with_a_reason(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    path = "/sites/lab-one-rack/devices/r1-s02"
    held = await console.send(path, "/holds", why="a new GPU is put in")
    assert held.status_code == 303, held.text
    hold = next(h for h in console.api.services.holds.kept.values() if h.place.server == "r1-s02")  # pyright: ignore
    assert hold.place.site == "lab-one-rack"
    assert "a new GPU is put in" in (await console.get(path)).text
    released = await console.send("/holds", f"/holds/{hold.id}/release", why="done")
    assert released.status_code == 303
    now = console.api.services.holds.get(hold.id)
    assert (now.released_by, now.released_why) == ("operator-fleet", "done")


async def test_a_finding_is_acknowledged_with_a_note(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    answer = await console.send("/findings/fi-gpu", "/findings/fi-gpu/acknowledge", note="a GPU is on its way")
    assert answer.status_code == 303
    found = console.api.findings.kept["fi-gpu"]
    assert (found.state, found.acknowledged_by) == (FindingState.ACKNOWLEDGED, "operator-fleet")
    assert "a GPU is on its way" in (await console.get("/findings/fi-gpu")).text


async def test_one_form_sent_twice_is_one_operation(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    fields = forms_of(await console.get("/sites/lab-one-rack"))["/console/sites/lab-one-rack/start"]
    sent = [
        await console.api.http.post("/console/sites/lab-one-rack/start", data=fields | {"choice": "site-plan"})
        for _ in range(2)
    ]
    assert sent[0].status_code == 303
    assert sent[0].headers["Location"] == sent[1].headers["Location"]
    other = await console.api.http.post("/console/sites/lab-one-rack/start", data=fields | {"choice": "site-audit"})
    assert other.headers["Location"] != sent[0].headers["Location"]


async def test_an_ended_operation_is_retried_as_a_new_one(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    ended = console.ids["ended"]
    console.api.operations.rows.pop(console.ids["blocked"])
    answer = await console.send(
        f"/operations/{ended}", f"/operations/{ended}/decide", why="the GPU is in", choice="retry"
    )
    made = answer.headers["Location"].removeprefix("/console/operations/").partition("?")[0]
    assert made != ended
    assert console.api.operations.get(made).retry_of == ended
    (opened,) = [event for event in console.api.audit if event.operation == made]
    assert (opened.who, opened.detail) == ("operator-fleet", "the GPU is in")
    again = await console.get(f"/operations/{ended}")
    assert made in again.text, "the newer one is named"
    assert 'value="retry"' not in again.text, "what was taken up by a newer one is not offered again"


async def test_a_plan_is_applied_by_its_hash_and_refused_for_another_declaration(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    plan = console.ids["plan"]
    answer = await console.send(f"/plans/{plan}", f"/plans/{plan}/apply")
    assert answer.status_code == 412
    assert "was made for another version" in answer.text


@pytest.mark.services
async def test_a_decision_reaches_the_workflow_and_the_page_says_who_waits(live_console: Console) -> None:
    console = live_console
    await console.api.declare()
    await console.sign_in(Role.OPERATOR)
    # The lock in the shared Temporal is the site's: an audit takes none.
    started = await console.send("/sites/oslo-1", "/sites/oslo-1/start", choice="site-audit")
    operation = started.headers["Location"].removeprefix("/console/operations/").partition("?")[0]

    async def state() -> str:
        return console.api.operations.get(operation).state

    async with Worker(
        console.api.services.temporal,
        task_queue=CONTROL_QUEUE,
        workflows=[WaitingWork],
        activities=activities(console.api.operations),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await until(state, lambda state: state == OperationState.BLOCKED)
        page = await console.get(f"/operations/{operation}")
        assert "one GPU is missing" in page.text
        told = await console.send(
            f"/operations/{operation}",
            f"/operations/{operation}/decide",
            why="it is in",
            choice="retry",
            key=uuid.uuid4().hex,
        )
        assert told.status_code == 303, told.text

        async def why() -> str:
            return (await console.get(f"/operations/{operation}")).text

        await until(why, lambda text: "BMC 10.0.0.7 does not answer" in text)
        stopped = await console.send(
            f"/operations/{operation}", f"/operations/{operation}/decide", why="enough", choice="cancel"
        )
        assert stopped.status_code == 303, stopped.text
    recorded = [(event.action, event.who, event.detail) for event in console.api.audit if event.operation == operation]
    assert ("operation.retry", "operator-fleet", "it is in") in recorded
    assert ("operation.cancel", "operator-fleet", "enough") in recorded
