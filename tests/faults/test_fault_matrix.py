"""Every fault of the lab × onboarding: the right finding or the right wait, and never a silent success."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import matrix
from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite
from tests.faults.expected import ALL, CELLS, Cell
from tests.faults.table import TABLE
from tests.faults.walking import WALKS

pytestmark = [pytest.mark.e2e, pytest.mark.matrix, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
SAMPLE = 3
TIME_FACTOR = 0.05
"""What gives up after ten minutes at a site gives up after 30 s here."""


def lifecycles(product: Product, site: DeclaredSite) -> dict[str, str]:
    inventory = InventoryInFile(Path(product.environment["TEST_INVENTORY"]))
    records = inventory.kept(site.name)["records"]
    prefix = f"dcim.devices/{site.name}/"
    return {
        name.removeprefix(prefix): row["fields"].get("cf.ew_lifecycle")
        for name, row in records.items()
        if name.startswith(prefix) and name.removeprefix(prefix) in site.servers
    }


def told(findings: list[dict[str, Any]], severity: str) -> set[str]:
    return {finding["kind"] for finding in findings if finding["severity"] == severity}


@pytest.mark.parametrize("cell", matrix.sample(CELLS, SAMPLE), ids=lambda cell: cell.name)
def test_a_fault_is_ridden_out_or_told_and_mending_it_brings_the_server_in(
    matrix_product: Product, serve: Callable[..., DeclaredSite], cell: Cell
) -> None:
    print(f"EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}")
    with TABLE.proving(cell.name) as seen:
        seen += proved(matrix_product, serve("two-servers", of=HERE), cell)


def proved(product: Product, site: DeclaredSite, cell: Cell) -> list[str]:
    """What was seen: the outcome, critical findings, warnings, servers that are in, touches."""
    if cell.once_onboarded:
        product.declare(site)
        assert product.apply(site)["state"] == "succeeded"
    site.lab.seed(cell.fault, cell.target, times=cell.times, **cell.arguments)
    product.declare(site)
    done = product.apply(site)
    findings = product.findings(site)
    states = lifecycles(product, site)
    available = {name for name, state in states.items() if state == "available"}
    critical, warnings = told(findings, "critical"), told(findings, "warning")
    shown = [(f["kind"], f["severity"], f["object"], f["message"]) for f in findings]

    assert done["state"] == cell.state, (done["outcome"], done["waiting"], shown)
    assert (critical, available) == (set(cell.critical), set(cell.available)), shown
    assert warnings >= cell.warnings, shown
    assert {name for name, state in states.items() if state == "quarantined"} == ALL - available - cell.missing, shown
    assert cell.reason in " ".join(f["message"] for f in findings)
    if cell.state == "succeeded" and not cell.warnings and not cell.critical:
        assert findings == [], "what was ridden out leaves nothing to look at"

    if cell.state == "partial":
        WALKS[cell.walk](product, site, cell)
        retried = product.retry(done)
        assert retried["state"] == "succeeded", (retried["outcome"], product.findings(site))
        assert lifecycles(product, site) == dict.fromkeys(site.servers, "available")
        assert told(product.findings(site), "critical") == set()
    assert touches(product, site) == cell.touches
    told_of = [", ".join(sorted(kinds)) for kinds in (critical, warnings, available)]
    return [done["state"], *told_of, str(touches(product, site))]


def touches(product: Product, site: DeclaredSite) -> int:
    """Answers to an operation, and passwords that were entered."""
    did = [event["action"] for event in product.api.items("/v1/audit", site=site.name)]
    return product.touches(site) + did.count("credential.enter")
