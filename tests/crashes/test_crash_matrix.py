"""Worker, API and a BMC killed at every point of every step of onboarding: afterwards everything is as without the kill."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import matrix
from tests.crashes import scenarios
from tests.crashes.cells import CELLS, STEPS, TABLE, Cell
from tests.crashes.killing import Killer
from tests.crashes.results import Result, activities_of, differences, result
from tests.crashes.scenarios import prepared
from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.matrix, pytest.mark.timeout(300)]

SAMPLE = 4
TIME_FACTOR = 0.1
"""A dead worker is known to be dead after three seconds."""
LOCKOUT_WINDOW_S = scenarios.LOCKOUT_WINDOW_S
DEVICE_ANSWER_S = scenarios.DEVICE_ANSWER_S


@pytest.fixture(scope="module")
def killer(matrix_product: Product) -> Killer:
    return Killer(matrix_product)


@pytest.fixture(scope="module")
def undisturbed(matrix_product: Product, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Result]:
    """The result of a scenario in which nobody is killed; it runs those steps that the matrix says it does, and no others."""
    known: dict[str, Result] = {}

    def of(name: str) -> Result:
        if name not in known:
            with prepared(matrix_product, name, tmp_path_factory.mktemp(name)) as scenario:
                done = scenario.finish(scenario.start())
                assert done["state"] == "succeeded", (done["outcome"], matrix_product.findings(scenario.site))
                known[name] = result(matrix_product, scenario.site, done)
                ran = asyncio.run(activities_of(matrix_product, scenario.site))
                assert ran <= set(STEPS), "a step that is in no cell"
                assert {step for step, where in STEPS.items() if where == name} <= ran
        return known[name]

    return of


@pytest.mark.parametrize("cell", matrix.sample(CELLS, SAMPLE), ids=lambda cell: cell.name)
def test_after_a_kill_everything_is_as_without_it(
    matrix_product: Product, killer: Killer, undisturbed: Callable[[str], Result], tmp_path: Path, cell: Cell
) -> None:
    print(f"EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}")
    expected = undisturbed(cell.scenario)
    began = time.monotonic()
    with TABLE.proving(cell.name) as seen, prepared(matrix_product, cell.scenario, tmp_path) as scenario:
        done = killer.carry_out(scenario, cell)
        assert done["state"] == "succeeded", (
            done["outcome"],
            done["waiting"],
            matrix_product.findings(scenario.site),
        )
        assert differences(result(matrix_product, scenario.site, done), expected) == []
        seen += ["the same", f"{time.monotonic() - began:.1f}"]
