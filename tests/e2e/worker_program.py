"""The product's worker, `python -m tests.e2e.worker_program`, with an inventory in files, and killed or stopped where a test says.

TEST_INVENTORY: the folder of that inventory; without it, NetBox. TEST_KILLS: a folder in which a test leaves an order for a site
while the worker runs; see `Order`. TEST_STANDBY: the worker is ready but polls nothing until this file is there, so that a killed
one is replaced at once.
"""

import asyncio
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput, Worker

import worker.running
import worker.wiring
import worker.working
from domain.inventory import Inventory
from tests.e2e.inventory_in_file import InventoryInFile
from worker.interception import ErrorTranslation
from worker.logs import to_stderr

REPORTED_S = 0.05
NOTHING_FOLLOWS_S = 1.0
"""After its result was returned an activity is taken to be reported when the first of these is over. What starts next at its site is
where it is `after`; if nothing does within the second, that is where."""
LOOK_EVERY_S = 0.02
_SITE = re.compile(r"^site/([^/]+)/")


@dataclass(frozen=True)
class Order:
    """The file `{site}.order`: `{activity} {point} {deed}`. What is done leaves `{site}.reached`, so it is done once.

    Points, those of design.md: `before` it starts, `unreported` (after its effect, before it reports), `after` it has reported;
    and `halfway`, when it has told for the first time that a part of its work is done. Deeds: `die`, by SIGKILL; `stand`: nothing
    of the site moves until there is `{site}.over`.
    """

    folder: Path
    site: str
    activity: str
    point: str
    deed: str

    @staticmethod
    def find(folder: Path, site: str) -> "Order | None":
        try:
            told = (folder / f"{site}.order").read_text().split()
        except OSError:
            return None
        return Order(folder, site, *told)

    @property
    def reached(self) -> Path:
        return self.folder / f"{self.site}.reached"

    @property
    def standing(self) -> bool:
        return self.deed == "stand" and self.reached.exists() and not (self.folder / f"{self.site}.over").exists()

    def reach(self) -> None:
        """Does the deed, if nobody did it before. `stand` only says that it stands."""
        try:
            self.reached.touch(exist_ok=False)
        except FileExistsError:
            return
        if self.deed == "die":
            os.kill(os.getpid(), signal.SIGKILL)

    async def stand(self, beat: Callable[[], None]) -> None:
        """What stands is alive, and says so."""
        beats = activity.info().heartbeat_timeout is not None
        while self.standing:
            if beats:
                beat()
            await asyncio.sleep(LOOK_EVERY_S)


class Telling(ActivityOutboundInterceptor):
    """Sees what an activity tells of its progress: numbers done and in all."""

    def __init__(self, next: ActivityOutboundInterceptor, folder: Path) -> None:
        super().__init__(next)
        self._folder = folder

    def heartbeat(self, *details: Any) -> None:
        super().heartbeat(*details)
        order = order_of_running(self._folder)
        if order is not None and (order.activity, order.point) == (activity.info().activity_type, "halfway"):
            done, in_all = details if len(details) == 2 else (0, 0)
            if 0 < done < in_all:
                order.reach()


def order_of_running(folder: Path) -> Order | None:
    found = _SITE.match(activity.info().workflow_id or "")
    return Order.find(folder, found[1]) if found else None


class Killing(ActivityInboundInterceptor):
    returned: dict[str, float] = {}
    """For `after`: when the activity of a site's order returned. An interceptor lives as long as one activity."""

    def __init__(self, next: ActivityInboundInterceptor, folder: Path) -> None:
        super().__init__(next)
        self._folder = folder

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = Telling(outbound, self._folder)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        order = order_of_running(self._folder)
        if order is None:
            return await self.next.execute_activity(input)
        ours = activity.info().activity_type == order.activity
        returned = self.returned.get(order.site)
        if returned is not None:
            await asyncio.sleep(returned + REPORTED_S - time.monotonic())
        if returned is not None or (ours and order.point == "before"):
            order.reach()
        await order.stand(self._outbound.heartbeat)
        result = await self.next.execute_activity(input)
        if ours and order.point == "unreported":
            order.reach()
        await order.stand(self._outbound.heartbeat)
        if ours and order.point == "after" and order.site not in self.returned:
            self.returned[order.site] = time.monotonic()
            threading.Timer(NOTHING_FOLLOWS_S, order.reach).start()
        return result


class KillingSomewhere(ErrorTranslation):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        translating = super().intercept_activity(next)
        folder = os.environ.get("TEST_KILLS")
        return Killing(translating, Path(folder)) if folder else translating


def inventory_in_file(*_: object) -> Inventory:
    return InventoryInFile(Path(os.environ["TEST_INVENTORY"]))


async def run_when_called(workers: Sequence[Worker]) -> None:
    called = os.environ.get("TEST_STANDBY")
    while called and not Path(called).exists():
        await asyncio.sleep(LOOK_EVERY_S)
    await worker.running.run(workers)


if __name__ == "__main__":
    to_stderr()
    if "TEST_INVENTORY" in os.environ:
        worker.wiring.NetBoxInventory = inventory_in_file  # type: ignore[misc, assignment]
    worker.running.ErrorTranslation = KillingSomewhere  # type: ignore[misc]
    # What Temporal holds for a worker that is dead is given to the next one after a second instead of ten; and a living one's
    # beats are sent often, so that a short silence means death also on a busy machine.
    worker.running.Worker = partial(  # type: ignore[misc, assignment]
        Worker,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=0.5),
    )
    worker.working.run = run_when_called
    asyncio.run(worker.working.work())
