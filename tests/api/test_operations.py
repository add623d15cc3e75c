"""Operations over a real Temporal: started once whatever crashes, answered, explained, never `running` for ever."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.context import now
from api.services.reconciling import reconcile_all, sweep
from api.services.starting import order_of, start
from domain.access import Place
from domain.declaration import StoredPlan
from domain.operation import Choice, OperationDraft, OperationState, Waiting, WaitKind
from domain.order import CONTROL_QUEUE, Order
from domain.plan import Plan
from tests.api.conftest import Api, site_at
from tests.api.waiting_workflow import WaitingWork, activities

pytestmark = pytest.mark.services


@asynccontextmanager
async def worker(api: Api) -> AsyncIterator[None]:
    async with Worker(
        api.services.temporal,
        task_queue=CONTROL_QUEUE,
        workflows=[WaitingWork],
        activities=activities(api.operations),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


@pytest.fixture
async def place(live: Api) -> AsyncIterator[Place]:
    """A site of the test's own, because the lock is the site's; whatever runs on it is ended afterwards."""
    where = Place(region="nordics", site=f"t-{uuid.uuid4().hex[:8]}")
    await live.declare(where)
    yield where
    for row in live.operations.rows.values():
        if not row.state.ended:
            await live.send("POST", f"/v1/operations/{row.id}/terminate", json={"why": "the test is over"})


async def until[T](look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    for _ in range(200):
        found = await look()
        if good(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never came: {found}")


async def apply(api: Api, where: Place, **request: Any) -> Any:
    return await api.send("POST", f"/v1/sites/{where.site}/apply", **request)


async def blocked(api: Api, operation: str) -> Any:
    async def look() -> Any:
        return (await api.send("GET", f"/v1/operations/{operation}")).json()

    return await until(look, lambda resource: resource["state"] == "blocked")


async def test_an_apply_is_accepted_and_says_where_to_follow_it(live: Api, place: Place) -> None:
    answer = await apply(live, place, json={"on_behalf_of": "tenant-a"})
    assert answer.status_code == 202
    resource = answer.json()
    assert answer.headers["Location"] == f"/v1/operations/{resource['id']}"
    assert resource["who"] == "admin-fleet"
    assert resource["on_behalf_of"] == "tenant-a"
    assert resource["links"]["temporal"].startswith("http://ui.test/namespaces/")
    assert f"site%2F{place.site}%2Ffabric" in resource["links"]["temporal"]


async def test_the_same_key_is_the_same_operation_and_another_body_is_refused(live: Api, place: Place) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await apply(live, place, headers=headers)
    again = await apply(live, place, headers=headers)
    other = await apply(live, place, headers=headers, json={"on_behalf_of": "else"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409
    assert other.json()["type"].endswith(":idempotency-key-reused")


async def test_a_taken_lock_names_the_operation_that_holds_it(live: Api, place: Place) -> None:
    holder = (await apply(live, place)).json()["id"]
    refused = await apply(live, place, headers={"Idempotency-Key": "second"})
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"].endswith(":lock-taken")
    assert problem["context"]["holder"]["operation"] == holder
    assert holder in problem["detail"]
    row = live.operations.get(problem["context"]["operation"])
    assert row.state is OperationState.REFUSED
    repeated = await apply(live, place, headers={"Idempotency-Key": "second"})
    assert repeated.status_code == 409


async def test_plans_take_no_lock(live: Api, place: Place) -> None:
    answers = [await live.send("POST", f"/v1/sites/{place.site}/plan") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]


async def test_what_a_crash_left_unstarted_is_started_once_by_the_sweep(live: Api, place: Place) -> None:
    draft = OperationDraft(
        kind="site-onboarding", target=place.site, place=place, who="x", workflow_id=f"site/{place.site}/fabric"
    )
    left = live.operations.open(draft).operation
    live.operations.change(left.id, accepted_at=now().replace(year=2020))
    assert await sweep(live.services) == 1
    # Still accepted, because no worker runs; the workflow is ours already.
    assert await sweep(live.services) == 0
    async with worker(live):
        await blocked(live, left.id)


async def test_the_sweep_does_not_revive_what_was_terminated_before_it_began(live: Api, place: Place) -> None:
    resource = (await apply(live, place)).json()
    handle = live.services.temporal.get_workflow_handle(f"site/{place.site}/fabric")
    await handle.terminate("by hand")
    live.operations.change(resource["id"], accepted_at=now().replace(year=2020))
    assert await sweep(live.services) == 0
    row = live.operations.get(resource["id"])
    assert row.state is OperationState.REFUSED
    assert row.outcome is not None
    assert row.outcome.kind == "ended-before-it-began"


async def test_starting_a_row_twice_is_starting_it_once(live: Api, place: Place) -> None:
    resource = (await apply(live, place)).json()
    again = await start(live.services, live.operations.get(resource["id"]))
    assert again.how == "already-ours"


async def test_without_a_worker_why_says_that_nobody_polls(live: Api, place: Place) -> None:
    resource = (await apply(live, place)).json()
    answer = (await live.send("GET", f"/v1/operations/{resource['id']}/why")).json()
    assert answer["temporal_answers"] is True
    assert answer["progress"] is None
    assert answer["sentences"]


async def test_a_blocked_operation_says_why_takes_an_answer_and_explains_the_failing_step(
    live: Api, place: Place
) -> None:
    async with worker(live):
        operation = (await apply(live, place)).json()["id"]
        await blocked(live, operation)
        path = f"/v1/operations/{operation}"
        why = (await live.send("GET", f"{path}/why")).json()
        assert "one GPU is missing" in why["sentences"][0]
        assert why["choices"] == ["retry", "skip", "abandon"]
        wrong = await live.send("POST", f"{path}/approve", json={"why": "x"})
        assert wrong.status_code == 409
        assert wrong.json()["type"].endswith(":choice-not-offered")
        taken = await live.send("POST", f"{path}/retry", json={"why": "repaired"})
        assert taken.status_code == 200, taken.text
        assert (taken.json()["operation"], taken.json()["step"], taken.json()["choice"]) == (
            operation,
            "repair",
            "retry",
        )

        async def look() -> Any:
            return (await live.send("GET", f"{path}/why")).json()

        failing = await until(look, lambda answer: any(p["last_error"] for p in answer["pending"]))
        (work,) = [p for p in failing["pending"] if p["last_error"]]
        assert work["last_error"] == "BMC 10.0.0.7 does not answer"
        assert work["next_retry_at"]
        assert any("next try at" in sentence for sentence in failing["sentences"])
    assert [event.action for event in live.audit if event.operation == operation] == [
        "operation.site-onboarding",
        "operation.retry",
    ]


async def test_a_terminated_workflow_does_not_leave_a_running_row(live: Api, place: Place) -> None:
    async with worker(live):
        operation = (await apply(live, place)).json()["id"]
        await blocked(live, operation)
        await live.services.temporal.get_workflow_handle(f"site/{place.site}/fabric").terminate("by hand")
        assert await reconcile_all(live.services) == 1
    row = live.operations.get(operation)
    assert row.state is OperationState.FAILED
    assert row.outcome is not None
    assert row.outcome.kind == "terminated"


async def test_the_workflow_is_told_who_asked_so_that_its_plan_has_an_author(live: Api, place: Place) -> None:
    operation = (await live.send("POST", f"/v1/sites/{place.site}/plan")).json()["id"]
    assert order_of(live.operations.get(operation)).who == "admin-fleet"


async def test_an_ended_operation_is_retried_as_a_new_one(live: Api, place: Place) -> None:
    first = (await live.send("POST", f"/v1/sites/{place.site}/plan")).json()["id"]
    live.operations.change(first, state=OperationState.PARTIAL)
    answer = await live.send("POST", f"/v1/operations/{first}/retry", json={"why": "repaired"})
    assert answer.status_code == 202
    assert live.operations.get(answer.json()["operation"]).retry_of == first
    live.operations.change(first, state=OperationState.SUCCEEDED)
    refused = await live.send("POST", f"/v1/operations/{first}/retry", json={"why": "again"})
    assert refused.status_code == 409


async def test_a_retry_works_by_the_declaration_of_now_and_says_which_version_that_is(live: Api, place: Place) -> None:
    ended = (await live.send("POST", f"/v1/sites/{place.site}/plan")).json()["id"]
    live.operations.change(ended, state=OperationState.PARTIAL)
    corrected = site_at(place) | {"power_cap_w": 30000}
    stored = await live.send("PUT", f"/v1/sites/{place.site}", json=corrected, headers={"If-Match": '"1"'})
    assert stored.json()["version"] == 2
    answer = await live.send("POST", f"/v1/operations/{ended}/retry", json={"why": "corrected"})
    assert answer.json()["declaration_version"] == 2
    row = live.operations.get(answer.json()["operation"])
    assert (row.declaration_version, row.declaration_digest) == (2, stored.json()["digest"])


async def test_a_retry_of_what_a_newer_operation_took_up_is_refused_and_names_it(live: Api, place: Place) -> None:
    old, newer = [(await live.send("POST", f"/v1/sites/{place.site}/plan")).json()["id"] for _ in range(2)]
    live.operations.change(old, state=OperationState.PARTIAL)
    for state in (OperationState.RUNNING, OperationState.SUCCEEDED, OperationState.PARTIAL):
        live.operations.change(newer, state=state)
        headers = {"Idempotency-Key": f"once-{state}"}
        answers = [
            await live.send("POST", f"/v1/operations/{old}/retry", json={"why": "x"}, headers=headers) for _ in range(2)
        ]
        for refused in answers:
            assert refused.status_code == 409
            assert refused.json()["type"].endswith(":superseded")
            assert newer in refused.json()["detail"]
    assert f"edgewright retry {newer}" in refused.json()["do"]
    live.operations.change(newer, state=OperationState.REFUSED)
    taken = await live.send("POST", f"/v1/operations/{old}/retry", json={"why": "x"}, headers={"Idempotency-Key": "k"})
    again = await live.send("POST", f"/v1/operations/{old}/retry", json={"why": "x"}, headers={"Idempotency-Key": "k"})
    assert (taken.status_code, again.json()["operation"]) == (202, taken.json()["operation"])


async def test_releasing_a_hold_tells_the_operations_that_wait_for_it(live: Api, place: Place) -> None:
    async with worker(live):
        operation = (await apply(live, place)).json()["id"]
        row = await blocked(live, operation)
        live.operations.change(
            operation,
            waiting=tuple(w.model_copy(update={"kind": "hold"}) for w in live.operations.get(operation).waiting),
        )
        assert row["waiting"]
        hold = (await live.send("POST", "/v1/holds", json={"place": {"site": place.site}, "reason": "visitors"})).json()
        assert hold["place"]["region"] == "nordics"
        released = (await live.send("POST", f"/v1/holds/{hold['id']}/release")).json()
        assert released["released_by"] == "admin-fleet"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"plan": {"declaration_digest": "another"}}, "declaration-changed"),
        ({"expires_at": 2020}, "plan-expired"),
        ({"plan": {"target": "elsewhere"}}, "plan-other-target"),
        (None, "plan-unknown"),
    ],
)
async def test_what_is_wrong_with_a_plan_at_once_is_412(
    live: Api, place: Place, change: dict[str, Any] | None, kind: str
) -> None:
    site = (await live.send("GET", f"/v1/sites/{place.site}")).json()
    plan = Plan(kind="site-onboarding", target=place.site, declaration_digest=site["digest"])
    if change is not None:
        plan = plan.model_copy(update=change.get("plan", {}))
        year = change.get("expires_at", 2100)
        live.plans.kept[plan.hash] = StoredPlan(
            plan=plan, hash=plan.hash, place=place, created_at=now(), expires_at=now().replace(year=year, day=1)
        )
    answer = await apply(live, place, json={"plan_hash": plan.hash})
    assert answer.status_code == 412
    assert answer.json()["type"].endswith(f":{kind}")
    assert not live.operations.rows


async def test_the_stream_of_an_operation_ends_with_how_it_ended(live: Api, place: Place) -> None:
    operation = (await live.send("POST", f"/v1/sites/{place.site}/plan")).json()["id"]
    live.operations.change(operation, state=OperationState.SUCCEEDED)
    answer = await live.send("GET", f"/v1/operations/{operation}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.count("event: operation") == 1
    assert '"state":"succeeded"' in answer.text


async def test_an_operation_is_accepted_although_temporal_is_silent(api: Api) -> None:
    await api.declare()
    answer = await apply(api, Place(site="oslo-1"))
    assert answer.status_code == 202
    assert answer.json()["state"] == "accepted"
    why = (await api.send("GET", f"/v1/operations/{answer.json()['id']}/why")).json()
    assert why["temporal_answers"] is False


@workflow.defn(name="WaitingWork")
class BrokenWork:
    """The same workflow in a build that cannot carry it out: Temporal gives the step out again for ever."""

    @workflow.run
    async def run(self, order: Order) -> str:
        raise RuntimeError("a name that is not there")


async def test_why_tells_of_a_worker_whose_code_fails_at_the_step(live: Api, place: Place) -> None:
    operation = (await apply(live, place)).json()["id"]

    async def look() -> list[str]:
        return (await live.send("GET", f"/v1/operations/{operation}/why")).json()["sentences"]

    async with Worker(
        live.services.temporal,
        task_queue=CONTROL_QUEUE,
        workflows=[BrokenWork],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        said = await until(look, lambda sentences: any("fails at it" in sentence for sentence in sentences))
    assert "its log says why" in said[0]
    await live.services.temporal.get_workflow_handle(f"site/{place.site}/fabric").terminate("the test is over")


async def test_who_asked_it_to_stop_is_told_until_it_has(live: Api, place: Place) -> None:
    """No worker is alive, so it cannot end: the answer comes from the row."""
    path = f"/v1/operations/{(await apply(live, place)).json()['id']}"
    cancelled = await live.send("POST", f"{path}/cancel", json={"why": "wrong site"})
    assert cancelled.status_code == 202
    asked = (await live.send("GET", path)).json()["cancel_asked"]
    assert (asked["who"], asked["why"]) == ("admin-fleet", "wrong site")
    again = await live.send("POST", f"{path}/cancel", json={"why": "again"})
    assert again.json()["cancel_asked"] == asked, "the first to ask is kept"
    first = (await live.send("GET", f"{path}/why")).json()["sentences"][0]
    assert f"was asked to stop by {asked['who']}" in first
    assert "(wrong site)" in first


async def test_servers_that_one_hold_stops_are_one_sentence(api: Api) -> None:
    await api.declare()
    operation = (await api.send("POST", "/v1/sites/oslo-1/apply")).json()["id"]
    since = now()
    waits = [
        Waiting(
            key=f"r1-s{number:02}", step=f"Take over r1-s{number:02}", kind=WaitKind.HOLD,
            reason="held by eva (site:oslo-1): visitors", choices=(Choice.RELEASE,), since=since,
        )
        for number in range(1, 17)
    ]  # fmt: skip
    api.operations.change(operation, state=OperationState.BLOCKED, waiting=tuple(waits))
    first, *others = (await api.send("GET", f"/v1/operations/{operation}/why")).json()["sentences"]
    assert first.startswith("Take over r1-s01 and 15 more: held by eva (site:oslo-1): visitors")
    assert not any("held by eva" in other for other in others)
