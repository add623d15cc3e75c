"""What the API counts, for Prometheus. Paths are counted by their template, so that names never become labels."""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import Counter, Histogram

REQUESTS = Counter("edgewright_api_requests_total", "Requests by operation and status.", ("operation", "status"))
SECONDS = Histogram("edgewright_api_request_seconds", "Time until the answer began, by operation.", ("operation",))
CHORES = Counter("edgewright_api_chores_total", "Runs of the API's own chores by outcome.", ("chore", "outcome"))


def install(app: FastAPI) -> None:
    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await call_next(request)
        operation = getattr(request.scope.get("route"), "operation_id", None) or "unknown"
        REQUESTS.labels(operation, str(response.status_code)).inc()
        SECONDS.labels(operation).observe(time.perf_counter() - began)
        return response
