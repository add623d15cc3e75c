"""A worker at a site: knows its Temporal, its secrets and its artifacts, and neither NetBox nor Postgres."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.onboarding import Scanned, ScanOrder, SiteBundle, SiteRef
from domain.site import OutOfBand, Trust
from lab.embedded import free_ports
from store.artifacts import ArtifactFolder
from tests.conftest import RunningTemporal
from tests.domain.recording_samples import declaration, server_class

pytestmark = pytest.mark.services
EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")
QUEUE = f"edge-{uuid.uuid4().hex[:8]}"


@workflow.defn(name="ReachOneAddress")
class ReachOneAddress:
    @workflow.run
    async def run(self, site: SiteRef) -> Scanned:
        return await workflow.execute_activity(
            "reach_out_of_band",
            ScanOrder(site=site),
            task_queue=QUEUE,
            result_type=Scanned,
            start_to_close_timeout=timedelta(seconds=30),
            schedule_to_close_timeout=timedelta(seconds=120),
        )


def site_in(artifacts: Path) -> SiteRef:
    """A site whose whole network is port 9 of loopback, where nobody listens: its bundle as an artifact of the site's worker."""
    out_of_band = OutOfBand(ranges=("127.0.0.1",), bmc_ports=(9,), switch_ports=(), trust=Trust(first_use=True))
    sample = declaration(servers=1)
    servers = tuple(server.model_copy(update={"bmc_address": "127.0.0.1"}) for server in sample.servers)
    site = sample.model_copy(update={"out_of_band": out_of_band, "servers": servers})
    bundle = SiteBundle(site=site, classes={"mgx-h100": server_class()})
    ref = ArtifactFolder(artifacts).put(bundle.model_dump_json(by_alias=True).encode())
    return SiteRef(name=site.name, region=site.region.name, bundle=ref, racks=())


@pytest.fixture
def site_worker(temporal: RunningTemporal, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWRIGHT_")}
    environment = kept | {
        "EDGEWRIGHT_HOME": str(tmp_path),
        "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address,
        "EDGEWRIGHT_TEMPORAL_NAMESPACE": temporal.namespace,
        "EDGEWRIGHT_SECRETS_DIR": str(tmp_path / "secrets"),
        "EDGEWRIGHT_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "EDGEWRIGHT_WORKER_QUEUES": QUEUE,
        "EDGEWRIGHT_WORKER_METRICS_PORT": str(free_ports().worker_metrics),
    }
    process = subprocess.Popen([EDGEWRIGHT, "worker"], env=environment, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


async def reached(temporal: RunningTemporal, site: SiteRef) -> Scanned:
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    own = f"test-{QUEUE}"
    async with Worker(client, task_queue=own, workflows=[ReachOneAddress], workflow_runner=UnsandboxedWorkflowRunner()):
        return await client.execute_workflow(ReachOneAddress.run, site, id=f"reach-{QUEUE}", task_queue=own)


def test_it_works_without_any_netbox_or_postgres_setting_and_stops_gently(
    site_worker: subprocess.Popen[str], temporal: RunningTemporal, tmp_path: Path
) -> None:
    scanned = asyncio.run(reached(temporal, site_in(tmp_path / "artifacts")))
    assert (scanned.tried, scanned.answering) == (1, 0)
    site_worker.send_signal(signal.SIGTERM)
    _, said = site_worker.communicate(timeout=60)
    assert site_worker.returncode == 0, said
    assert f"working on {QUEUE}" in said
    assert said.rstrip().endswith("stopped")


def test_a_control_worker_without_postgres_ends_at_once_and_says_what_to_set(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWRIGHT_")}
    environment = kept | {"EDGEWRIGHT_HOME": str(tmp_path)}
    done = subprocess.run([EDGEWRIGHT, "worker"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "EDGEWRIGHT_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
