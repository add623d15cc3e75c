"""Traces over OTLP: an operation is one trace, from the request that asked for it through its workflows to each activity.

Off unless the standard OTEL_EXPORTER_OTLP_ENDPOINT names a collector; other OTEL_… variables set the rest, as for every program.
Worker and API share it, for a trace goes through both.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import Interceptor

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_MS = 2_000


@dataclass(frozen=True)
class Tracing:
    """`interceptors` go to the Temporal client; its workers take them over. `close` sends what is left."""

    interceptors: tuple[Interceptor, ...] = ()
    provider: Any = None
    close: Callable[[], None] = field(default=lambda: None)


def tracing(service: str) -> Tracing:
    """For a process that calls itself `edgewright-{service}`, unless OTEL_SERVICE_NAME says otherwise."""
    if not os.environ.get(ENDPOINT):
        return Tracing()
    # Loaded here: they cost a second, and most systems have no collector.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from temporalio.contrib.opentelemetry import TracingInterceptor

    name = os.environ.get("OTEL_SERVICE_NAME") or f"edgewright-{service}"
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def close() -> None:
        provider.force_flush(FLUSH_MS)
        provider.shutdown()

    return Tracing((TracingInterceptor(provider.get_tracer("edgewright")),), provider, close)
