"""One product for each module of tests, and a NetBox with our schema and nothing else for each test."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest

from lab.embedded import Stack
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e.product import Product
from tests.e2e.running import bootstrapped_netbox, empty_netbox, running_product
from tests.e2e.sites import DeclaredSite, declared_site

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def netbox_template(netbox: RunningNetBox, pristine_netbox_database: str, session_stack: Stack) -> str:
    return bootstrapped_netbox(session_stack, netbox, pristine_netbox_database)


@pytest.fixture(scope="module")
def running(
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    netbox_template: str,
    session_stack: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    empty_netbox(session_stack, netbox_template)
    with running_product(tmp_path_factory.mktemp("product"), postgres, temporal, netbox) as product:
        yield product


@pytest.fixture(scope="module")
def matrix_product(
    request: pytest.FixtureRequest,
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    """Real processes, databases and devices; what is recorded goes to files. A module's TIME_FACTOR scales what gives up, and its
    LOCKOUT_WINDOW_S is how long a failed login is taken to count; DEVICE_ANSWER_S how long a device may take to answer."""
    folder = tmp_path_factory.mktemp("product")
    program = [sys.executable, "-m", "tests.e2e.worker_program"]
    extra = {
        "TEST_INVENTORY": str(folder / "inventory"),
        "TEST_KILLS": str(folder / "kills"),
        "PYTHONPATH": str(REPOSITORY),
        # A killed login is waited out in seconds; still longer than the BMCs count failed tries (300 s of the lab, 20 times as fast).
        "EDGEWRIGHT_WORKER_LOCKOUT_WINDOW_S": getattr(request.module, "LOCKOUT_WINDOW_S", "16"),
        # Policies are scaled, what a device may take to answer is not: without this one try would outlast its policy.
        "EDGEWRIGHT_WORKER_DEVICE_ANSWER_S": getattr(request.module, "DEVICE_ANSWER_S", "4"),
    }
    factor = getattr(request.module, "TIME_FACTOR", 0.2)
    with running_product(
        folder, postgres, temporal, netbox, time_factor=factor, extra=extra, worker_command=program
    ) as product:
        yield product


@pytest.fixture
def product(running: Product, netbox_template: str, session_stack: Stack) -> Product:
    empty_netbox(session_stack, netbox_template)
    return running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., DeclaredSite]]:
    """Serves sites until the test ends: `serve("one-rack")`."""
    with ExitStack() as sites:

        def one(kind: str, **how: object) -> DeclaredSite:
            make: Callable[[], AbstractContextManager[DeclaredSite]] = partial(declared_site, kind, tmp_path, **how)  # pyright: ignore
            return sites.enter_context(make())

        yield one
