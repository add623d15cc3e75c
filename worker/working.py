"""The worker as a process: from the environment to workers that poll their queues."""

import logging

from worker.running import run, runtime, worker_for
from worker.settings import TemporalSettings, WorkerSettings
from worker.temporal import connect_patiently
from worker.wiring import activities_for
from workflows.tracing import tracing

log = logging.getLogger(__name__)


async def work() -> None:
    """Until SIGTERM or SIGINT. A Temporal that does not answer yet is waited for."""
    settings = WorkerSettings()
    # Before anything is connected to: a setting that is missing shows at once.
    wired = {queue: activities_for(queue, settings) for queue in settings.queue_names}
    traces = tracing("worker")
    client = await connect_patiently(TemporalSettings(), runtime=runtime(settings), interceptors=traces.interceptors)
    workers = [worker_for(queue, client, settings, activities) for queue, activities in wired.items()]
    log.info("working on %s of namespace %s", ", ".join(wired), client.namespace)
    await run(workers)
    traces.close()
    log.info("stopped")
