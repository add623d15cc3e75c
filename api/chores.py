"""What the API does by itself: starts what a crash left unstarted, ends rows whose workflow is gone, stores who polls the
queues, sends what waits in the outbox, counts what stands. Each may run in several API processes at once; doing it twice
changes nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from api.context import Services, now
from api.metrics import CHORES, count_what_stands
from api.services.queues import record_polls
from api.services.reconciling import reconcile_all, sweep
from api.threads import in_thread

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chore:
    name: str
    every_s: float
    work: Callable[[Services], Awaitable[object]]


async def _deliver(services: Services) -> int:
    return await in_thread(services.deliver_webhooks)


ANSWERS_KEPT_FOR = timedelta(days=1)


async def _forget_answers(services: Services) -> int:
    return await in_thread(services.answers.forget, now() - ANSWERS_KEPT_FOR)


CHORES_OF_THE_API = (
    Chore("sweep", 10, sweep),
    Chore("reconcile", 30, reconcile_all),
    Chore("queue-polls", 60, record_polls),
    Chore("webhooks", 5, _deliver),
    Chore("totals", 15, count_what_stands),
    Chore("old-answers", 3600, _forget_answers),
)


@asynccontextmanager
async def running(services: Services, chores: tuple[Chore, ...] = CHORES_OF_THE_API) -> AsyncIterator[None]:
    """The chores run while the context is open, and are stopped before it closes."""
    tasks = [asyncio.create_task(_repeat(services, chore), name=f"chore {chore.name}") for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(services: Services, chore: Chore) -> None:
    while True:
        try:
            await chore.work(services)
            CHORES.labels(chore.name, "done").inc()
        # A chore that fails once must run again: what it serves is often what is broken at the moment.
        except Exception:
            CHORES.labels(chore.name, "failed").inc()
            log.warning("the chore %s failed and runs again in %g s", chore.name, chore.every_s, exc_info=True)
        await asyncio.sleep(chore.every_s)
