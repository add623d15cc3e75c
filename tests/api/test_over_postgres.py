"""The same API on the real stores: what the fixtures in memory promise, Postgres keeps."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import store
from api.app import create_app
from api.context import Services
from domain.access import Place, Role
from domain.evidence import EvidenceBatch, EvidenceDraft, verify_bundle
from domain.operation import OperationState
from domain.order import CONTROL_QUEUE
from store.answers import AnswerRows
from store.declarations import DeclarationRows, PlanRows
from store.ledger import Ledger, LedgerReader, signing_key
from store.operations import OperationRows
from store.standing import FindingRows, HoldRows
from tests.api.conftest import services_with, site_at
from tests.api.test_operations import until
from tests.api.waiting_workflow import WaitingWork, activities
from tests.conftest import Database
from tests.domain.test_declaration_checks import MGX

pytestmark = pytest.mark.services


@pytest.fixture
def real(temporal_client: Client, migrated_database: Database, tmp_path: Path) -> Services:
    kept_elsewhere, _ = services_with(temporal_client)
    engine = store.connect(migrated_database.url)
    return replace(
        kept_elsewhere,
        operations=OperationRows(engine),
        declarations=DeclarationRows(engine),
        plans=PlanRows(engine),
        findings=FindingRows(engine),
        holds=HoldRows(engine),
        answers=AnswerRows(engine),
        evidence=LedgerReader(engine, tmp_path / "ledger.pub"),
        pending_migrations=lambda: store.pending_migrations(migrated_database.url),
    )


@pytest.fixture
async def http(real: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(real, with_chores=False), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", trust_env=False) as client:
        yield client


def as_token(role: Role = Role.ADMIN, where: str = "fleet", **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {role}-{where}", "Idempotency-Key": str(uuid.uuid4())} | more


async def declare(http: httpx.AsyncClient) -> Place:
    """The class and a site of its own: the lock in the shared Temporal is the site's."""
    site = f"t-{uuid.uuid4().hex[:8]}"
    for path, body in (("server-classes/mgx", MGX), (f"sites/{site}", site_at(Place(region="nordics", site=site)))):
        answer = await http.put(f"/v1/{path}", json=body, headers=as_token())
        assert answer.status_code == 201, answer.text
    return Place(region="nordics", site=site)


async def test_an_operation_runs_blocks_and_is_answered(http: httpx.AsyncClient, real: Services) -> None:
    place = await declare(http)
    accepted = await http.post(f"/v1/sites/{place.site}/apply", json={}, headers=as_token())
    assert accepted.status_code == 202, accepted.text
    operation = accepted.json()["id"]

    async def look() -> str:
        return (await http.get(f"/v1/operations/{operation}", headers=as_token())).json()["state"]

    async with Worker(
        real.temporal,
        task_queue=CONTROL_QUEUE,
        workflows=[WaitingWork],
        activities=activities(real.operations),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await until(look, lambda state: state == "blocked")
        listed = await http.get("/v1/operations?blocked=true", headers=as_token())
        assert operation in [item["id"] for item in listed.json()["items"]]
        skipped = await http.post(f"/v1/operations/{operation}/skip", json={"why": "later"}, headers=as_token())
        assert skipped.status_code == 200, skipped.text
    ended = await http.post(f"/v1/operations/{operation}/terminate", json={"why": "over"}, headers=as_token())
    assert ended.status_code in (200, 409)


async def test_a_taken_lock_ends_the_row_as_refused_and_the_key_stays_the_same(
    http: httpx.AsyncClient, real: Services
) -> None:
    place = await declare(http)
    first = await http.post(f"/v1/sites/{place.site}/apply", json={}, headers=as_token())
    headers = as_token()
    second = await http.post(f"/v1/sites/{place.site}/apply", json={}, headers=headers)
    again = await http.post(f"/v1/sites/{place.site}/apply", json={}, headers=headers)
    assert (first.status_code, second.status_code, again.status_code) == (202, 409, 409)
    refused = second.json()["context"]["operation"]
    assert real.operations.get(refused).state is OperationState.REFUSED
    other = await http.post(f"/v1/sites/{place.site}/apply", json={"on_behalf_of": "x"}, headers=headers)
    assert other.json()["type"].endswith(":idempotency-key-reused")
    await real.temporal.get_workflow_handle(f"site/{place.site}/fabric").terminate("the test is over")


async def test_lists_are_filtered_by_scope_in_the_query(http: httpx.AsyncClient) -> None:
    place = await declare(http)
    for where, count in (("fleet", 1), ("region", 1), ("other-region", 0), ("site", 0)):
        items = (await http.get("/v1/sites", headers=as_token(Role.VIEWER, where))).json()["items"]
        assert [item["name"] for item in items] == [place.site] * count, where


async def test_a_stale_update_is_412_and_every_version_stays(http: httpx.AsyncClient) -> None:
    place = await declare(http)
    changed = site_at(place) | {"title": "Oslo"}
    path = f"/v1/sites/{place.site}"
    assert (await http.put(path, json=changed, headers=as_token(**{"If-Match": '"9"'}))).status_code == 412
    assert (await http.put(path, json=changed, headers=as_token(**{"If-Match": '"1"'}))).status_code == 200
    versions = (await http.get(f"{path}/versions?limit=1", headers=as_token())).json()
    assert versions["items"][0]["version"] == 2
    assert versions["next"]


async def test_a_hold_is_placed_once_and_released(http: httpx.AsyncClient) -> None:
    place = await declare(http)
    body = {"place": {"site": place.site}, "reason": "visitors"}
    made = [(await http.post("/v1/holds", json=body, headers=as_token())).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    released = await http.post(f"/v1/holds/{made[0]}/release", json={}, headers=as_token())
    assert released.json()["released_by"] == "admin-fleet"
    assert (await http.get("/v1/holds", headers=as_token())).json()["items"] == []


async def test_a_kept_answer_holds_over_a_restart(http: httpx.AsyncClient, real: Services) -> None:
    place = await declare(http)
    body, headers = {"place": {"site": place.site}, "reason": "visitors"}, as_token()
    first = await http.post("/v1/holds", json=body, headers=headers)
    await http.post(f"/v1/holds/{first.json()['id']}/release", json={}, headers=as_token())
    restarted = httpx.ASGITransport(app=create_app(real, with_chores=False), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=restarted, base_url="http://api.test", trust_env=False) as another:
        again = await another.post("/v1/holds", json=body, headers=headers)
        changed = await another.post("/v1/holds", json=body | {"reason": "fire"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert changed.json()["type"].endswith(":idempotency-key-reused")
    assert (await http.get("/v1/holds", headers=as_token())).json()["items"] == []


async def test_evidence_is_read_from_the_ledger_and_its_export_verifies(
    http: httpx.AsyncClient, real: Services, migrated_database: Database, tmp_path: Path
) -> None:
    place = await declare(http)
    drafts = [EvidenceDraft(site=place.site, key=k, kind="probe", subjects=("SN1",), body={"n": 1}) for k in "ab"]
    ledger = Ledger(store.connect(migrated_database.url), signing_key(tmp_path / "ledger.pem"))
    made = ledger.append(EvidenceBatch(entries=tuple(drafts))).ids
    listed = (await http.get(f"/v1/evidence?site={place.site}", headers=as_token())).json()["items"]
    assert [item["id"] for item in listed] == list(reversed(made))
    shown = await http.get(f"/v1/evidence/{made[0]}", headers=as_token(Role.VIEWER, "region"))
    assert shown.json()["signed"]["body"] == {"n": 1}
    assert (await http.get(f"/v1/evidence/{made[0]}", headers=as_token(where="other-region"))).status_code == 404
    bundle = await http.get(f"/v1/sites/{place.site}/evidence-bundle", headers=as_token())
    key = (await http.get("/v1/evidence-key", headers=as_token())).json()["public_key"]
    found = verify_bundle(bundle.content.split(b"\n"), key)
    assert (found.good, found.entries) == (True, 2)


async def test_readyz_is_ready_on_migrated_and_bootstrapped_services(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")
    assert answer.json()["ready"] is True, answer.text


async def test_without_postgres_a_request_is_answered_503_and_says_what_to_do(real: Services) -> None:
    away = store.connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    app = create_app(replace(real, operations=OperationRows(away)), with_chores=False)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", trust_env=False) as client:
        answer = await client.get("/v1/operations", headers=as_token())
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:edgewright:problem:database-unreachable"
    assert "edgewright up" in answer.json()["do"]
