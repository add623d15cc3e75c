"""A running worker process: one Temporal worker for each queue, stopped gently by a signal."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker

from domain.order import CONTROL_QUEUE
from worker.interception import CANCEL_HEARD_S, ErrorTranslation, Heartbeats
from worker.sandbox import workflow_runner
from worker.settings import WorkerSettings
from workflows.onboarding import SiteOnboarding
from workflows.onboarding_rack import RackOnboarding, ServerOnboarding
from workflows.site_audit import FleetAudit, SiteAudit, StateWatch
from workflows.site_plan import SitePlan

WORKFLOWS: tuple[type, ...] = (
    SiteOnboarding,
    RackOnboarding,
    ServerOnboarding,
    SitePlan,
    SiteAudit,
    FleetAudit,
    StateWatch,
)
"""Every workflow of the product. They run on the control queue."""

WORKFLOW_TASKS_AT_ONCE = 8
"""Few: after a restart every open history is replayed, and too many at once look dead to the deadlock detector."""

type Activities = Sequence[Callable[..., Any]]


def runtime(settings: WorkerSettings) -> Runtime:
    """Core metrics for Prometheus at the worker's port; a port of 0 opens none."""
    if settings.metrics_port == 0:
        return Runtime(telemetry=TelemetryConfig())
    prometheus = PrometheusConfig(
        bind_address=f"{settings.metrics_host}:{settings.metrics_port}", durations_as_seconds=True
    )
    return Runtime(telemetry=TelemetryConfig(metrics=prometheus, metric_prefix="temporal_"))


def worker_for(queue: str, client: Client, settings: WorkerSettings, activities: Activities) -> Worker:
    """The worker of one queue. Activities that touch devices never share a queue with workflows, so none start eagerly."""
    control = queue == CONTROL_QUEUE
    threads = settings.control_threads if control else settings.devices_threads
    return Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS if control else (),
        activities=activities,
        activity_executor=ThreadPoolExecutor(threads, thread_name_prefix=queue),
        max_concurrent_activities=threads,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE if control else None,
        max_cached_workflows=settings.cached_workflows if control else 0,
        workflow_runner=workflow_runner(),
        interceptors=(ErrorTranslation(), Heartbeats()),
        max_heartbeat_throttle_interval=timedelta(seconds=CANCEL_HEARD_S),
        graceful_shutdown_timeout=timedelta(seconds=settings.graceful_stop_s),
        disable_eager_activity_execution=not control,
    )


async def run(workers: Sequence[Worker]) -> None:
    """Runs until SIGTERM or SIGINT; activities that are under way get the graceful time to finish."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        await stop.wait()
