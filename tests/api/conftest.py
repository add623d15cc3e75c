"""The API in one process with the test: real Temporal where a test asks for it, stores kept in memory."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.context import Services
from api.settings import ApiSettings
from domain.access import AuditEvent, Place, Role, token_digest
from domain.inventory import DeviceState
from domain.lifecycle import Lifecycle
from tests.api import kept_in_memory as kept
from tests.api.waiting_workflow import KINDS
from tests.conftest import RunningTemporal
from tests.domain.test_declaration_checks import MGX, SITE

FLEET, NORDICS, OSLO = Place(), Place(region="nordics"), Place(region="nordics", site="oslo-1")
ALPS, BERN = Place(region="alps"), Place(region="alps", site="bern-1")
PLACES = {"fleet": FLEET, "region": NORDICS, "site": OSLO, "other-region": ALPS, "other-site": BERN}


def site_at(where: Place) -> dict[str, Any]:
    """The sample site under another name, with secrets of its own."""
    credentials = {"bmc": f"site/{where.site}/factory"}
    return SITE | {"name": where.site, "region": {"name": where.region}, "credentials": credentials}


@dataclass
class Api:
    """The application, a client of it, and the stores behind it. `token(role, where)` is a token that exists."""

    services: Services
    http: httpx.AsyncClient
    operations: kept.KeptOperations
    plans: kept.KeptPlans
    findings: kept.KeptFindings
    evidence: kept.KeptEvidence
    polls: kept.KeptPolls
    audit: list[AuditEvent] = field(default_factory=list[AuditEvent])

    async def send(
        self, method: str, path: str, *, role: Role = Role.ADMIN, where: str = "fleet", **request: Any
    ) -> httpx.Response:
        """As a token of this role and place; a POST gets a key of its own unless one is given."""
        headers = {"Authorization": f"Bearer {role}-{where}"} | request.pop("headers", {})
        if method == "POST":
            headers = {"Idempotency-Key": str(uuid.uuid4())} | headers
            request.setdefault("json", {})
        return await self.http.request(method, path, headers=headers, **request)

    async def declare(self, where: Place = OSLO) -> None:
        """The class `mgx` and a site of it."""
        for path, body in (
            ("/v1/server-classes/mgx", MGX),
            (f"/v1/sites/{where.site}", site_at(where)),
        ):
            answer = await self.send("PUT", path, json=body)
            assert answer.status_code in (200, 201), answer.text


def services_with(temporal: Client, settings: ApiSettings | None = None) -> tuple[Services, list[AuditEvent]]:
    audit: list[AuditEvent] = []
    tokens = kept.KeptTokens()
    for role in Role:
        for where, place in PLACES.items():
            digest = token_digest(f"{role}-{where}")
            tokens.add(digest, f"{role}-{where}", role, place, created_by="test", expires_at=None)
    findings, holds = kept.KeptFindings(), kept.KeptHolds()
    devices = [
        DeviceState(id=1, site="oslo-1", name="r1-s01", role="gpu-server", lifecycle=Lifecycle.AVAILABLE),
        DeviceState(
            id=2,
            site="oslo-1",
            name="r1-s02",
            role="gpu-server",
            lifecycle=Lifecycle.QUARANTINED,
            reasons=("one GPU short",),
        ),
        DeviceState(id=3, site="oslo-1", name="leaf-a", role="switch-leaf"),
        DeviceState(id=4, site="oslo-1", name="nfs", role="storage"),
    ]
    services = Services(
        settings=settings or ApiSettings(temporal_ui_url="http://ui.test", netbox_url="http://netbox.test"),
        temporal=temporal,
        kinds=KINDS,
        operations=kept.KeptOperations(),
        declarations=kept.KeptDeclarations(),
        plans=kept.KeptPlans(),
        findings=findings,
        holds=holds,
        tokens=tokens,
        answers=kept.KeptAnswers(findings, holds, tokens, audit),
        sessions=kept.KeptSessions(),
        secrets=kept.KeptSecrets(),  # pyright: ignore[reportArgumentType]
        artifacts=kept.KeptArtifacts(),
        evidence=kept.KeptEvidence(),
        polls=kept.KeptPolls(),
        counts=kept.KeptCounts(),
        inventory=kept.KeptInventory(*devices),  # pyright: ignore[reportArgumentType]
        audit=kept.KeptAudit(audit),
        pending_migrations=tuple,
        deliver_webhooks=lambda: 0,
    )
    return services, audit


async def _api(temporal: Client) -> AsyncIterator[Api]:
    services, audit = services_with(temporal)
    app = create_app(services, with_chores=False)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", trust_env=False) as http:
        yield Api(
            services,
            http,
            services.operations,
            services.plans,
            services.findings,
            services.evidence,
            services.polls,
            audit,  # pyright: ignore
        )


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Without Temporal: its address is one where nobody listens."""
    client = await Client.connect("127.0.0.1:9", lazy=True, data_converter=pydantic_data_converter)
    async for made in _api(client):
        yield made


@pytest.fixture
async def temporal_client(temporal: RunningTemporal) -> Client:
    from worker.temporal import ensure

    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    await ensure(client)
    return client


@pytest.fixture
async def live(temporal_client: Client) -> AsyncIterator[Api]:
    """With a real Temporal."""
    async for made in _api(temporal_client):
        yield made


SHORT = timedelta(seconds=20)
