"""Worker, API and a BMC killed at every point of onboarding: afterwards everything is as without the kill."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from domain.secret import CredentialSlot
from store.secret_files import SecretFiles
from tests import matrix
from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite

pytestmark = [pytest.mark.e2e, pytest.mark.matrix, pytest.mark.timeout(600)]

FAULTS = Path(__file__).parents[1] / "faults"
SAMPLE = 2

STEPS = (
    "take_operation", "load_site", "reach_out_of_band", "discover_devices", "read_switches", "take_over_switches",
    "record_site",
    "take_over_credentials", "read_server", "judge_rack", "record_rack", "report_findings", "record_progress",
    "end_operation",
)  # fmt: skip
POINTS = ("before", "unreported", "after")
_ADDRESS = re.compile(r"\b127\.\d+\.\d+\.\d+\b")
VOLATILE = frozenset({"cf.ew_operation", "cf.ew_attestation"})
"""Names the operation and the site, which are others in each cell."""


@dataclass(frozen=True)
class Cell:
    """Who is killed, in which step, at which point."""

    who: str
    step: str
    point: str

    @property
    def name(self) -> str:
        return f"{self.who} {self.step} {self.point}"


CELLS = (
    *(Cell("worker", step, point) for step in STEPS for point in POINTS),
    *(Cell("bmc", step, "before") for step in ("reach_out_of_band", "take_over_credentials", "read_server")),
    *(Cell("bmc", step, "unreported") for step in ("discover_devices", "take_over_credentials")),
    Cell("api", "accepted", "after"),
)

TABLE = matrix.Table(
    "crash-proof.md", "Kills × onboarding", "sim", ("killed", "afterwards"), tuple(cell.name for cell in CELLS)
)
CONFIRMED = [cell for cell in CELLS if cell.name in TABLE.passed]
"""The others wait for a proof that sees them pass."""


@dataclass(frozen=True)
class Result:
    """What is left of an onboarding, without what differs from one to the next."""

    state: str
    records: dict[str, Any]
    findings: frozenset[tuple[str, str]]
    credentials: dict[str, tuple[bool, bool, bool]]
    """For each server: has a current secret, has none pending, and the BMC takes the current one."""


def result(product: Product, site: DeclaredSite, done: dict[str, Any]) -> Result:
    kept = InventoryInFile(Path(product.environment["TEST_INVENTORY"])).kept(site.name)["records"]
    records = {
        _common(name, site): {
            field: _common(value, site) for field, value in row["fields"].items() if field not in VOLATILE
        }
        for name, row in kept.items()
    }
    findings = frozenset((f["kind"], _common(f["object"], site)) for f in product.findings(site))
    secrets = SecretFiles(Path(product.environment["EDGEWRIGHT_SECRETS_DIR"]))
    return Result(done["state"], records, findings, {name: _credential(secrets, site, name) for name in site.servers})


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """Field by field, so that a failure can be read."""
    fields = {(name, field) for side in (left, right) for name, row in side.items() for field in ("", *row)}
    return [
        f"{name} {field}: {left.get(name, {}).get(field)} / {right.get(name, {}).get(field)}"
        for name, field in sorted(fields)
        if (left.get(name, {}).get(field) != right.get(name, {}).get(field) or (name in left) != (name in right))
    ]


def _credential(secrets: SecretFiles, site: DeclaredSite, name: str) -> tuple[bool, bool, bool]:
    state = secrets.credential_state(site.name, name)
    if not state.has_current:
        return False, not state.has_pending, False
    login = secrets.credential(site.name, name, CredentialSlot.CURRENT)
    bmc = site.lab.redfish(name, user=login.username, password=login.password.get_secret_value())
    return True, not state.has_pending, bmc.get("/redfish/v1/Systems").status_code == 200


def _common(value: Any, site: DeclaredSite) -> Any:
    """The same text whatever the site is called and wherever it is served."""
    if isinstance(value, str):
        value = _ADDRESS.sub(lambda found: str(IPv4Address(found[0]) - site.lab.options.address_offset), value)
        return value.replace(site.name, "<site>")
    if isinstance(value, dict):
        return {_common(key, site): _common(item, site) for key, item in value.items() if key not in ("since", "at")}
    if isinstance(value, list):
        return [_common(item, site) for item in value]
    return value


@pytest.fixture(scope="module")
def undisturbed(matrix_product: Product, tmp_path_factory: pytest.TempPathFactory) -> Result:
    from tests.e2e.sites import declared_site

    with declared_site("two-servers", tmp_path_factory.mktemp("undisturbed"), of=FAULTS) as site:
        matrix_product.declare(site)
        done = matrix_product.apply(site)
        assert done["state"] == "succeeded", done
        return result(matrix_product, site, done)


@pytest.mark.parametrize("cell", matrix.sample(CELLS, SAMPLE, CONFIRMED), ids=lambda cell: cell.name)
def test_after_a_kill_everything_is_as_without_it(
    matrix_product: Product,
    serve: Callable[..., DeclaredSite],
    undisturbed: Result,
    tmp_path: Path,
    cell: Cell,
) -> None:
    print(f"EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}")
    with TABLE.proving(cell.name) as seen:
        site = serve("two-servers", of=FAULTS)
        matrix_product.declare(site)
        kill = {"worker": _worker_killed, "bmc": _bmc_killed, "api": _api_killed}[cell.who]
        done = kill(matrix_product, site, cell, tmp_path)
        assert done["state"] == "succeeded", (done["outcome"], done["waiting"], matrix_product.findings(site))
        found = result(matrix_product, site, done)
        assert differences(found.records, undisturbed.records) == []
        assert found == undisturbed
        seen.append("the same")


def _worker_killed(product: Product, site: DeclaredSite, cell: Cell, folder: Path) -> dict[str, Any]:
    """The worker kills itself at the point; another one is started, as a supervisor would."""
    killed = folder / "killed"
    product.kill("worker")
    worker = product.start("worker", {"TEST_KILL": f"{cell.step}:{cell.point}", "TEST_KILL_DONE": str(killed)})
    operation = product.start_apply(site)
    worker.wait(timeout=120)
    assert killed.exists(), "it died of something else: " + product.log("worker")[-2000:]
    product.start("worker")
    return product.ended(operation)


def _bmc_killed(product: Product, site: DeclaredSite, cell: Cell, folder: Path) -> dict[str, Any]:
    """The whole site loses power at the point, for as long as it takes to come back; the worker stops there meanwhile."""
    killed = folder / "killed"
    product.kill("worker")
    told = {"TEST_KILL": f"{cell.step}:{cell.point}", "TEST_KILL_DONE": str(killed), "TEST_KILL_WAITS": "1"}
    product.start("worker", told)
    operation = product.start_apply(site)
    deadline = time.monotonic() + 120
    while not killed.exists():
        assert time.monotonic() < deadline, product.log("worker")[-2000:]
        time.sleep(0.05)
    site.lab.kill()
    site.lab.start_again()
    killed.with_suffix(".over").touch()
    try:
        return product.ended(operation)
    finally:
        product.kill("worker")
        product.start("worker")


def _api_killed(product: Product, site: DeclaredSite, cell: Cell, folder: Path) -> dict[str, Any]:
    """Killed as soon as the request was taken, perhaps before the workflow was started; the sweep of the next one starts it."""
    key = folder.name
    operation = product.api.post(f"/v1/sites/{site.name}/apply", {"plan_hash": ""}, key=key)
    product.kill("serve")
    product.start("serve")
    product.wait_for_api()
    again = product.api.post(f"/v1/sites/{site.name}/apply", {"plan_hash": ""}, key=key)
    assert again["id"] == operation["id"], "the same key is the same operation"
    return product.ended(operation)
