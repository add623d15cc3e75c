"""What operators watch: one trace for one operation, and metrics under the names that the dashboard asks for."""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lab.embedded import free_ports
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e.conftest import REPOSITORY
from tests.e2e.running import running_product
from tests.e2e.sites import DeclaredSite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DASHBOARD = REPOSITORY / "deploy" / "grafana" / "edgewright.json"
FAULTS = Path(__file__).parents[1] / "faults"


@dataclass
class Collector:
    """Takes OTLP over HTTP, as any collector does, and keeps the names of the spans by trace."""

    traces: dict[bytes, set[tuple[str, str]]] = field(default_factory=dict[bytes, set[tuple[str, str]]])
    url: str = ""

    def take(self, request: ExportTraceServiceRequest) -> None:
        for of_process in request.resource_spans:
            (service,) = [a.value.string_value for a in of_process.resource.attributes if a.key == "service.name"]
            for scope in of_process.scope_spans:
                for span in scope.spans:
                    self.traces.setdefault(span.trace_id, set()).add((service, span.name))


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            collector.take(ExportTraceServiceRequest.FromString(decompress(body) if packed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_operation_is_one_trace_and_the_dashboard_asks_for_metrics_that_are_there(
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    serve: Callable[..., DeclaredSite],
    tmp_path: Path,
) -> None:
    site = serve("two-servers", of=FAULTS)
    with collecting() as collector:
        metrics_port = free_ports().worker_metrics
        extra = {
            "EDGEWRIGHT_WORKER_METRICS_PORT": str(metrics_port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "TEST_INVENTORY": str(tmp_path / "inventory"),
            "PYTHONPATH": str(REPOSITORY),
        }
        program = [sys.executable, "-m", "tests.e2e.worker_program"]
        with running_product(
            tmp_path / "product", postgres, temporal, netbox, time_factor=0.2, extra=extra, worker_command=program
        ) as product:
            product.declare(site)
            product.plan(site)
            wanted = {
                ("edgewright-api", "POST /v1/sites/{site}/plan"),
                ("edgewright-api", "StartWorkflow:SitePlan"),
                ("edgewright-worker", "RunWorkflow:SitePlan"),
                ("edgewright-worker", "RunActivity:reach_out_of_band"),
                ("edgewright-worker", "RunActivity:end_operation"),
            }
            deadline = time.monotonic() + 15
            while not any(wanted <= spans for spans in collector.traces.values()):
                assert time.monotonic() < deadline, collector.traces
                time.sleep(0.2)

            worker = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).text
            api = product.api.get_bytes("/metrics").decode()
            there = {name for text in (worker, api) for name in re.findall(r"^([a-z_]+)", text, re.MULTILINE)}
            asked = set(re.findall(r"\b(?:temporal|edgewright_api)_[a-z_]+", DASHBOARD.read_text()))
            # What never happened is not counted yet: nothing failed here.
            assert asked - there <= {"temporal_activity_execution_failed"}
