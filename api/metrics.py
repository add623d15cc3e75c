"""What the API counts, for Prometheus. Paths are counted by their template, so that names never become labels."""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import Counter, Gauge, Histogram

from api.context import Services
from api.threads import in_thread

REQUESTS = Counter("edgewright_api_requests_total", "Requests by operation and status.", ("operation", "status"))
SECONDS = Histogram("edgewright_api_request_seconds", "Time until the answer began, by operation.", ("operation",))
CHORES = Counter("edgewright_api_chores_total", "Runs of the API's own chores by outcome.", ("chore", "outcome"))

FINDINGS = Gauge("edgewright_findings", "Findings that are not resolved.", ("region", "site", "severity"))
OPERATIONS = Gauge("edgewright_operations", "Operations that have not ended.", ("region", "site", "state"))
LAST_POLL = Gauge(
    "edgewright_queue_last_poll_seconds", "When a worker last polled this task queue, Unix time.", ("queue",)
)


async def count_what_stands(services: Services) -> None:
    """Numbers of the whole fleet, as the database has them now. Every API process tells the same: take `max` of them."""
    totals = await in_thread(services.counts.now)
    for gauge, rows in ((FINDINGS, totals.findings), (OPERATIONS, totals.operations)):
        gauge.clear()
        for row in rows:
            gauge.labels(row.place.region, row.place.site, row.of).set(row.count)
    LAST_POLL.clear()
    for queue, at in totals.last_polls.items():
        LAST_POLL.labels(queue).set(at.timestamp())


def install(app: FastAPI) -> None:
    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await call_next(request)
        operation = getattr(request.scope.get("route"), "operation_id", None) or "unknown"
        REQUESTS.labels(operation, str(response.status_code)).inc()
        SECONDS.labels(operation).observe(time.perf_counter() - began)
        return response
