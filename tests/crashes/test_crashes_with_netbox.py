"""The worker killed while it records in a real NetBox, also in the middle: afterwards NetBox holds what it holds without the kill."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.embedded import Stack
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.crashes.cells import NETBOX_CELLS, TABLE, Cell
from tests.crashes.killing import Killer
from tests.crashes.netbox import creations, objects
from tests.crashes.scenarios import DEVICE_ANSWER_S, LOCKOUT_WINDOW_S, prepared
from tests.e2e.conftest import REPOSITORY
from tests.e2e.product import Product
from tests.e2e.running import empty_netbox, running_product
from tests.matrix import PROOF

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.matrix,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PROOF, reason="minutes on a real NetBox; a file stands for it in the matrix"),
]


PATIENCE_S = 400.0
"""NetBox takes a tenth of a second for each object, and longer on a busy machine."""


@dataclass(frozen=True)
class Left:
    """What an onboarding left in NetBox, and how many objects it made on the way."""

    objects: dict[str, Counter[str]]
    creations: Counter[str]


@pytest.fixture(scope="module")
def on_netbox(
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    extra = {
        "TEST_KILLS": str(folder / "kills"),
        "PYTHONPATH": str(REPOSITORY),
        "EDGEWRIGHT_WORKER_LOCKOUT_WINDOW_S": LOCKOUT_WINDOW_S,
        "EDGEWRIGHT_WORKER_DEVICE_ANSWER_S": DEVICE_ANSWER_S,
    }
    program = [sys.executable, "-m", "tests.e2e.worker_program"]
    with running_product(
        folder, postgres, temporal, netbox, time_factor=0.1, extra=extra, worker_command=program
    ) as product:
        yield product


@pytest.fixture(scope="module")
def onboarded(
    on_netbox: Product, netbox_template: str, session_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Cell | None], Left]:
    killer = Killer(on_netbox, patience_s=PATIENCE_S)

    def onboard(cell: Cell | None) -> Left:
        empty_netbox(session_stack, netbox_template)
        before = on_netbox.last_change()
        with prepared(on_netbox, "new", tmp_path_factory.mktemp("site")) as scenario:
            done = killer.carry_out(scenario, cell) if cell else scenario.finish(scenario.start())
            assert done["state"] == "succeeded", (done["outcome"], on_netbox.findings(scenario.site))
            return Left(objects(on_netbox, scenario.site), creations(on_netbox, before))

    return onboard


@pytest.fixture(scope="module")
def known() -> list[Left]:
    """What is left without a kill, once somebody needed it."""
    return []


@pytest.mark.parametrize("cell", NETBOX_CELLS, ids=lambda cell: cell.name)
def test_netbox_holds_the_same_after_a_kill(
    onboarded: Callable[[Cell | None], Left], known: list[Left], cell: Cell
) -> None:
    if not known:
        known.append(onboarded(None))
    began = time.monotonic()
    with TABLE.proving(cell.name) as seen:
        left = onboarded(cell)
        for endpoint, without in known[0].objects.items():
            assert left.objects[endpoint] == without, endpoint
        assert left.creations == known[0].creations, "nothing was made twice, not even for a while"
        seen += ["the same", f"{time.monotonic() - began:.1f}"]
