"""One trace for one operation: from the request that asked for it, through its workflow, to each activity of the worker."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e.conftest import REPOSITORY
from tests.e2e.running import running_product
from tests.e2e.sites import DeclaredSite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

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


def test_an_operation_is_one_trace_from_the_request_to_its_activities(
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    serve: Callable[..., DeclaredSite],
    tmp_path: Path,
) -> None:
    site = serve("two-servers", of=FAULTS)
    with collecting() as collector:
        extra = {
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
