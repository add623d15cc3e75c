"""The product's worker, `python -m tests.faults.worker_program`, with an inventory in files that stands behind a NetBox.

TEST_NETBOX: a file. While it is there it holds a URL, and before each reading or writing our own client asks the NetBox there
whether it may; what that client raises is what the activity gets, in the words that a real NetBox's trouble has.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import worker.wiring
from clients.netbox import NetBoxSession
from domain.inventory import Applied, DeviceQuery, DeviceState, Inventory, LifecycleMove, Moved, Progress, Scope
from domain.plan import Change
from domain.records import ObservedRecord
from tests.e2e.inventory_in_file import InventoryInFile
from worker.logs import to_stderr
from worker.working import work


class InventoryBehindNetBox(InventoryInFile):
    def __init__(self, folder: Path, netbox: Path) -> None:
        super().__init__(folder)
        self._netbox = netbox

    def observe(self, scope: Scope) -> tuple[ObservedRecord, ...]:
        self._ask()
        return super().observe(scope)

    def apply(
        self, scope: Scope, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None
    ) -> Applied:
        self._ask()
        return super().apply(scope, changes, label, progress)

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        self._ask()
        return super().devices(query)

    def set_lifecycle(self, move: LifecycleMove) -> Moved:
        self._ask()
        return super().set_lifecycle(move)

    def _ask(self) -> None:
        if self._netbox.exists():
            NetBoxSession(self._netbox.read_text(), "0" * 40).status()


def inventory(*_: Any) -> Inventory:
    return InventoryBehindNetBox(Path(os.environ["TEST_INVENTORY"]), Path(os.environ["TEST_NETBOX"]))


if __name__ == "__main__":
    to_stderr()
    worker.wiring.NetBoxInventory = inventory  # type: ignore[misc, assignment]
    asyncio.run(work())
