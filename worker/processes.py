"""The worker's commands as processes: logging, settings, and out again without a crash at exit."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import NoReturn

import typer

from domain.errors import EdgewrightError
from worker.bootstrap import BootstrapSettings, bootstrap
from worker.running import run, runtime, worker_for
from worker.settings import TemporalSettings, WorkerSettings
from worker.temporal import connect_patiently
from worker.wiring import activities_for

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
log = logging.getLogger(__name__)


def work_until_stopped() -> NoReturn:
    _leave(_work())


def bootstrap_once() -> NoReturn:
    _leave(_bootstrap())


async def _work() -> None:
    settings = WorkerSettings()
    # Before anything is connected to: a setting that is missing shows at once.
    wired = {queue: activities_for(queue, settings) for queue in settings.queue_names}
    client = await connect_patiently(TemporalSettings(), runtime=runtime(settings))
    workers = [worker_for(queue, client, settings, activities) for queue, activities in wired.items()]
    log.info("working on %s of namespace %s", ", ".join(wired), client.namespace)
    await run(workers)
    log.info("stopped")


async def _bootstrap() -> None:
    done = await bootstrap(BootstrapSettings.of_environment(), say=typer.echo)
    typer.echo(f"Bootstrap: {done} changed." if done else "Bootstrap: everything was there, nothing changed.")


def _leave(work: Coroutine[object, object, None]) -> NoReturn:
    """Never returns: a process that used a Temporal client may crash in its ordinary exit, so it leaves the short way."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "urllib3", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    code = 0
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        pass
    except EdgewrightError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    except Exception:
        log.exception("ended by an error nobody expected")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
