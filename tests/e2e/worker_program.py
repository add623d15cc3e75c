"""The product's worker, `python -m tests.e2e.worker_program`, with an inventory in files, and killed where a test says.

TEST_KILL: `activity:point`, with the points of design.md: `before` it starts, `unreported` (after its effect, before it reports),
`after` it has reported. It happens once: TEST_KILL_DONE is a file that says so. With TEST_KILL_WAITS the worker does not die but
stands still there, until the test has killed something else and made the file `….over`.
"""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

import worker.running
import worker.wiring
from domain.inventory import Inventory
from tests.e2e.inventory_in_file import InventoryInFile
from worker.interception import ErrorTranslation
from worker.logs import to_stderr
from worker.working import work

REPORTED_WITHIN_S = 1.0
"""Another activity starts, or this time has passed: then the one before has been reported."""


class Killing(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, where: str, done: Path) -> None:
        super().__init__(next)
        self._name, _, self._point = where.partition(":")
        self._done = done
        self._reported = False

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        ours = activity.info().activity_type == self._name
        if self._reported or (ours and self._point == "before"):
            self._kill()
        result = await self.next.execute_activity(input)
        if ours and self._point == "unreported":
            self._kill()
        if ours and self._point == "after":
            self._reported = True
            threading.Timer(REPORTED_WITHIN_S, self._kill).start()
        return result

    def _kill(self) -> None:
        if not self._done.exists():
            self._done.write_text(f"{self._name}:{self._point}")
            if os.environ.get("TEST_KILL_WAITS"):
                while not self._done.with_suffix(".over").exists():
                    time.sleep(0.05)
                return
            os.kill(os.getpid(), signal.SIGKILL)


class KillingSomewhere(ErrorTranslation):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        translating = super().intercept_activity(next)
        where = os.environ.get("TEST_KILL")
        return Killing(translating, where, Path(os.environ["TEST_KILL_DONE"])) if where else translating


def inventory_in_file(*_: object) -> Inventory:
    return InventoryInFile(Path(os.environ["TEST_INVENTORY"]))


if __name__ == "__main__":
    to_stderr()
    worker.wiring.NetBoxInventory = inventory_in_file  # type: ignore[misc, assignment]
    worker.running.ErrorTranslation = KillingSomewhere  # type: ignore[misc]
    asyncio.run(work())
