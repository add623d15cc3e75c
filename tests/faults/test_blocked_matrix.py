"""What onboarding stands on is broken: it waits with the right reason, blames nobody, and a person's answer brings it to its end."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import matrix
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e.product import Product
from tests.e2e.running import running_product
from tests.e2e.sites import DeclaredSite
from tests.faults.blocked import BLOCKED, Blocked
from tests.faults.table import TABLE
from tests.faults.test_fault_matrix import lifecycles

pytestmark = [pytest.mark.e2e, pytest.mark.matrix, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SAMPLE = 2
QUICK = [cell for cell in BLOCKED if not cell.slow]
TIME_FACTOR = 0.02
PATIENCE_S = 600.0


@pytest.fixture(scope="module")
def breakable(
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    """As `matrix_product`, with a NetBox before its inventory that can be broken."""
    folder = tmp_path_factory.mktemp("breakable")
    extra = {
        "TEST_INVENTORY": str(folder / "inventory"),
        "TEST_NETBOX": str(folder / "netbox"),
        "PYTHONPATH": str(REPOSITORY),
        "EDGEWRIGHT_WORKER_LOCKOUT_WINDOW_S": "16",
        # No device stalls in these cells, and on a busy machine one may be slow.
        "EDGEWRIGHT_WORKER_DEVICE_ANSWER_S": "10",
    }
    program = [sys.executable, "-m", "tests.faults.worker_program"]
    with running_product(
        folder, postgres, temporal, netbox, time_factor=TIME_FACTOR, extra=extra, worker_command=program
    ) as product:
        yield product


@pytest.mark.parametrize("cell", matrix.sample(BLOCKED if matrix.PROOF else QUICK, SAMPLE), ids=lambda cell: cell.name)
def test_it_waits_with_the_reason_and_goes_on_by_a_persons_answer(
    breakable: Product, serve: Callable[..., DeclaredSite], cell: Blocked
) -> None:
    print(f"EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}")
    with TABLE.proving(cell.name) as seen:
        seen += proved(breakable, serve("two-servers", of=HERE), cell)


def proved(product: Product, site: DeclaredSite, cell: Blocked) -> list[str]:
    product.declare(site)
    with cell.breaks(product, site):
        waiting = product.ended(product.start_apply(site), PATIENCE_S)
        assert_waits(product, site, waiting, cell)
        if cell.answer in ("skip", "abandon"):
            left = waiting
            for step in (cell.step, *cell.then):
                assert [wait["key"] for wait in left["waiting"]] == [step], left
                left = answered(product, left, cell.answer)
            assert (left["outcome"]["kind"], left["waiting"]) == (cell.left, []), left
    if cell.answer == "release":
        done = product.reaches(waiting, frozenset({"succeeded", "partial", "failed"}))
    elif cell.answer == "abandon":
        done = product.apply(site)
    else:
        done = product.retry(waiting)
    return [
        f"blocked at {cell.step}, {cell.answer}: {done['state']}",
        *assert_in_order(product, site, done, cell.touches),
    ]


def answered(product: Product, waiting: dict[str, Any], choice: str) -> dict[str, Any]:
    """What came of the person's answer: its end, or the next wait."""
    product.api.post(f"/v1/operations/{waiting['id']}/{choice}", {"why": "as the test says"})
    deadline = time.monotonic() + PATIENCE_S
    while (now := product.ended(waiting, PATIENCE_S))["waiting"] == waiting["waiting"]:
        assert time.monotonic() < deadline, now
        time.sleep(0.3)
    return now


def assert_waits(product: Product, site: DeclaredSite, operation: dict[str, Any], cell: Blocked) -> None:
    findings = product.findings(site)
    assert operation["state"] == "blocked", (operation["outcome"], findings)
    (wait,) = operation["waiting"]
    assert (wait["key"], wait["kind"], set(wait["choices"])) == (cell.step, cell.kind, cell.choices), wait
    for part in cell.says:
        assert part in wait["reason"]
    why = product.api.get(f"/v1/operations/{operation['id']}/why")
    assert cell.says[0] in " ".join(why["sentences"]), "a person who asks is told the same"
    assert set(why["choices"]) == cell.choices
    assert findings == [], "what is broken is ours: no device is blamed for it"
    assert "quarantined" not in lifecycles(product, site).values()


def assert_in_order(product: Product, site: DeclaredSite, done: dict[str, Any], touches: int) -> list[str]:
    assert done["state"] == "succeeded", (done["outcome"], product.findings(site))
    assert lifecycles(product, site) == dict.fromkeys(site.servers, "available")
    assert product.findings(site) == []
    assert product.touches(site) == touches
    return ["", "", ", ".join(sorted(site.servers)), str(touches)]
