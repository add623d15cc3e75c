"""Killing the worker, the API, one BMC or the whole site while the worker stands at a point of a step."""

import itertools
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.errors import CommandError
from cli.watching import follow
from tests.crashes.cells import Cell
from tests.crashes.scenarios import GROWN_BY, Scenario
from tests.e2e.product import ENDED, Product
from tests.e2e.sites import DeclaredSite

SEEN_WITHIN_S = 30.0
"""After an operation has ended, who watches it knows."""

DEAD_S = 0.7
"""How long a BMC stays dead while the worker goes on: several tries long."""

UNTIL_FOUND = (
    "take_operation", "load_site", "record_progress", "reach_out_of_band", "discover_devices", "name_bmcs", "read_known_servers",
)  # fmt: skip
"""A BMC that is dead while its network is looked at is missing, and one that cannot be read makes the plan another: at these steps
it is alive again when the worker goes on. At all others the worker goes on while it is dead."""


@dataclass
class Killer:
    """Leaves orders for the worker, and keeps another worker ready."""

    product: Product
    patience_s: float = 120.0
    """How long the worker may take to come to the point."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _called: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.product.environment["TEST_KILLS"])
        self.folder.mkdir(exist_ok=True)
        self._make_ready()

    def carry_out(self, scenario: Scenario, cell: Cell) -> dict[str, Any]:
        """The operation as it ended, whoever was killed in it."""
        kill: dict[str, Callable[[Scenario, Cell], dict[str, Any]]] = {
            "worker": self._kill_worker, "api": self._kill_api, "bmc": self._kill_bmc, "site": self._kill_site,
        }  # fmt: skip
        return kill[cell.who.partition(",")[0]](scenario, cell)

    # --- victims --------------------------------------------------------------------------------------------------

    def _kill_worker(self, scenario: Scenario, cell: Cell) -> dict[str, Any]:
        """It kills itself at the point; another one is there, as a supervisor would see to."""
        self._order(scenario.site, cell, "die")
        operation = scenario.start()
        self.wait_until_worker_is_dead(scenario.site)
        self.replace_worker()
        return scenario.finish(operation)

    def wait_until_worker_is_dead(self, site: DeclaredSite) -> None:
        code = self.product.processes["worker"].wait(timeout=self.patience_s)
        died_of_it = code == -signal.SIGKILL and (self.folder / f"{site.name}.reached").exists()
        assert died_of_it, f"it died of something else ({code}): {self.product.log('worker')[-2000:]}"

    def replace_worker(self) -> None:
        self._called.touch()
        self.product.processes["worker"] = self.product.processes.pop("standby")
        self._make_ready()

    def _make_ready(self) -> None:
        self._called = self.folder / f"called-{next(self._numbers)}"
        self.product.start("standby", {"TEST_STANDBY": str(self._called)})

    def _kill_api(self, scenario: Scenario, cell: Cell) -> dict[str, Any]:
        """While the worker stands there; it goes on without an API. Who watched it sees the end, and the same request is the
        same operation."""
        if cell.step == "accept":
            return self._kill_api_that_accepts(scenario, cell.point)
        self._order(scenario.site, cell, "stand")
        operation = scenario.start()
        with Watcher(self.product, operation["id"]) as watcher:
            self._wait_until_reached(scenario.site)
            self.product.kill("serve")
            self._let_go(scenario.site)
            self._start_api()
            assert scenario.start()["id"] == operation["id"], "the same key is the same operation"
            done = scenario.finish(operation)
        assert watcher.seen[-1]["state"] == done["state"]
        assert scenario.start()["state"] == done["state"], "also when it has ended"
        return done

    def _kill_api_that_accepts(self, scenario: Scenario, point: str) -> dict[str, Any]:
        """Its caller hears nothing, or not of what came of it, and asks again."""
        if point == "after":
            scenario.start()
        else:
            asking = threading.Thread(target=_never_mind(scenario.start), daemon=True)
            asking.start()
            if point == "unreported":
                self._wait_for(lambda: self._rows(scenario.site) == 1)
        self.product.kill("serve")
        self._start_api()
        operation = scenario.start()
        done = scenario.finish(operation)
        assert self._rows(scenario.site) == 1, "however often it is asked for with the same key"
        return done

    def _rows(self, site: DeclaredSite) -> int:
        with self.product.connect() as connection:
            asked = "SELECT count(*) FROM operations WHERE target = %s"
            row = connection.execute(asked, [site.name]).fetchone()
            assert row is not None
            return int(row[0])

    def _start_api(self) -> None:
        self.product.start("serve")
        self.product.wait_for_api()

    def _kill_bmc(self, scenario: Scenario, cell: Cell) -> dict[str, Any]:
        """One of two. What it had acknowledged is there when it comes back; sessions and connections are not."""
        lab, bmc = scenario.site.lab, GROWN_BY if cell.step == "name_bmcs" else "r1-s01"
        self._order(scenario.site, cell, "stand")
        operation = scenario.start()
        self._wait_until_reached(scenario.site)
        lab.power(bmc, "kill-bmc")
        assert _refuses(str(lab.server(bmc).bmc.address), lab.redfish_port)
        if cell.step not in UNTIL_FOUND:
            self._let_go(scenario.site)
            time.sleep(DEAD_S)
        lab.power(bmc, "start-bmc")
        self._wait_for(lambda: lab.device(bmc)["listening"])
        self._let_go(scenario.site)
        return scenario.finish(operation)

    def _kill_site(self, scenario: Scenario, cell: Cell) -> dict[str, Any]:
        """Every device loses power at the point, for as long as it takes to come back."""
        self._order(scenario.site, cell, "stand")
        operation = scenario.start()
        self._wait_until_reached(scenario.site)
        scenario.site.lab.kill()
        scenario.site.lab.start_again()
        self._let_go(scenario.site)
        return scenario.finish(operation)

    # --- orders to the worker -------------------------------------------------------------------------------------

    def _order(self, site: DeclaredSite, cell: Cell, deed: str) -> None:
        (self.folder / f"{site.name}.order").write_text(f"{cell.step} {cell.point} {deed}")

    def _wait_until_reached(self, site: DeclaredSite) -> None:
        self._wait_for((self.folder / f"{site.name}.reached").exists)

    def _let_go(self, site: DeclaredSite) -> None:
        (self.folder / f"{site.name}.over").touch()

    def _wait_for(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.patience_s
        while not true():
            assert time.monotonic() < deadline, self.product.log("worker")[-2000:]
            time.sleep(0.02)


class Watcher(threading.Thread):
    """Watches an operation until it has ended, as `edgewright watch` does; leaving the context waits for that.

    `seen`: the operation's resource each time it changed.
    """

    def __init__(self, product: Product, operation: str) -> None:
        super().__init__(daemon=True)
        self._api, self._operation = product.watching_api, operation
        self.seen: list[dict[str, Any]] = []

    def run(self) -> None:
        for resource in follow(self._api, self._operation):
            self.seen.append(resource)

    def __enter__(self) -> "Watcher":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.join(timeout=SEEN_WITHIN_S)
            assert self.seen, "nothing was seen"
            assert self.seen[-1]["state"] in ENDED, self.seen[-1]["state"]


def _never_mind(ask: Callable[[], object]) -> Callable[[], None]:
    def asking() -> None:
        try:
            ask()
        except CommandError:
            return

    return asking


def _refuses(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0
