"""`edgewright serve` as a process on the real services, spoken to by the command line."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

import store
from domain.access import Place, Role, token_digest
from lab.embedded import free_ports
from store.access import TokenRows
from tests.conftest import Database, RunningTemporal
from worker.temporal import ensure

pytestmark = pytest.mark.services
EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")
DECLARATION = Path(__file__).parents[2] / "sites" / "one-rack.declaration.yaml"


async def _registered(temporal: RunningTemporal) -> None:
    await ensure(await Client.connect(temporal.address, namespace=temporal.namespace))


@pytest.fixture
def environment(migrated_database: Database, temporal: RunningTemporal, tmp_path: Path) -> dict[str, str]:
    asyncio.run(_registered(temporal))
    tokens = TokenRows(store.connect(migrated_database.url))
    tokens.add(token_digest("a-token"), "tester", Role.ADMIN, Place(), created_by="test", expires_at=None)
    port = free_ports().api
    return dict(os.environ) | {
        "EDGEWRIGHT_HOME": str(tmp_path),
        "EDGEWRIGHT_DATABASE_URL": migrated_database.url,
        "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address,
        "EDGEWRIGHT_TEMPORAL_NAMESPACE": temporal.namespace,
        "EDGEWRIGHT_SECRETS_DIR": str(tmp_path / "secrets"),
        "EDGEWRIGHT_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "EDGEWRIGHT_API_PORT": str(port),
        "EDGEWRIGHT_API_URL": f"http://127.0.0.1:{port}",
        "EDGEWRIGHT_TOKEN": "a-token",
    }


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([EDGEWRIGHT, "serve"], env=environment)
    for _ in range(300):
        try:
            httpx.get(environment["EDGEWRIGHT_API_URL"] + "/healthz", trust_env=False)
            break
        except httpx.TransportError:
            assert started.poll() is None, "serve ended at once"
            time.sleep(0.1)
    yield started
    if started.poll() is None:
        started.kill()
    started.wait(10)


def edgewright(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EDGEWRIGHT, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_the_shipped_declaration_is_applied_and_described_over_the_served_api(
    process: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    stored = edgewright(environment, "apply", "-f", str(DECLARATION), "--plan-hash", "0" * 64)
    assert stored.returncode == 7, stored.stderr
    sites = edgewright(environment, "get", "sites")
    assert "lab-one-rack" in sites.stdout, sites.stderr
    started = httpx.post(
        environment["EDGEWRIGHT_API_URL"] + "/v1/sites/lab-one-rack/apply",
        json={},
        headers={"Authorization": "Bearer a-token", "Idempotency-Key": "k"},
        trust_env=False,
    )
    assert started.status_code == 202, started.text
    operation = started.json()["id"]
    described = edgewright(environment, "describe", operation)
    assert "Onboard a site of lab-one-rack" in described.stdout, described.stderr
    why = edgewright(environment, "why", operation)
    assert why.returncode == 0
    assert why.stdout.strip()
    terminated = edgewright(environment, "terminate", operation, "--why", "the test is over", "--yes")
    assert terminated.returncode == 0, terminated.stderr


def test_serve_stops_when_it_is_told_to(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) in (0, -signal.SIGTERM)


def test_without_a_database_serve_says_what_is_missing(environment: dict[str, str]) -> None:
    ran = edgewright(environment | {"EDGEWRIGHT_DATABASE_URL": ""}, "serve")
    assert ran.returncode == 1
    assert "EDGEWRIGHT_DATABASE_URL" in ran.stderr
