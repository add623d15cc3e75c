"""Real services killed, stopped and started again under an onboarding: our Postgres, and NetBox on its own Postgres."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.errors import CommandError
from lab.embedded import Stack, processes
from lab.embedded.progress import Silent
from lab.embedded.runner import Runner
from lab.embedded.secret_files import SecretFiles
from tests import matrix
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e.product import Product
from tests.e2e.running import running_product
from tests.e2e.sites import DeclaredSite
from tests.faults.table import POSTGRES_AWAY, REAL_NETBOX_KILLED, REAL_NETBOX_STOPPED, TABLE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not matrix.PROOF, reason="services of its own, away for minutes: that is for a proof"),
]

HERE = Path(__file__).parent
TIME_FACTOR = 0.05
LONGER_THAN_DEVICES_S = 45.0
"""Longer than the policies for devices (30 s here): only what is bound to our own Postgres lives on."""
PATIENCE_S = 600.0


class Away:
    """The services of a stack of the test's own, as somebody at the machine treats them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def send(self, service: str, number: signal.Signals) -> None:
        for pid in Runner(self.stack.home, self.stack.services()[service], Silent()).members():
            os.kill(pid, number)

    def kill(self, service: str) -> None:
        processes.kill(Runner(self.stack.home, self.stack.services()[service], Silent()).members())


@pytest.fixture
def away(own_stack: Callable[[], Stack]) -> Away:
    return Away(own_stack())


@pytest.fixture
def product_on_its_own(away: Away, temporal: RunningTemporal, tmp_path: Path) -> Iterator[Product]:
    """NetBox and the product on one Postgres, as `edgewright up` has them."""
    away.stack.up(["netbox"])
    files = SecretFiles(away.stack.home.secrets)
    url = f"http://127.0.0.1:{away.stack.ports.netbox}"
    netbox = RunningNetBox(url, files.netbox_token(), files.netbox_token_file)
    postgres = RunningPostgres(away.stack.home)
    extra = {"EDGEWRIGHT_WORKER_DEVICE_ANSWER_S": "4"}
    with running_product(
        tmp_path / "product", postgres, temporal, netbox, time_factor=TIME_FACTOR, extra=extra
    ) as product:
        yield product


def test_a_postgres_that_is_away_for_longer_than_every_device_may_be_is_waited_for(
    product_on_its_own: Product, away: Away, serve: Callable[..., DeclaredSite]
) -> None:
    product, site = product_on_its_own, serve("two-servers", of=HERE)
    with TABLE.proving(POSTGRES_AWAY) as seen:
        product.declare(site)
        operation = product.start_apply(site)
        product.reaches(operation, frozenset({"running"}))
        away.kill("postgres")
        with pytest.raises(CommandError) as told:
            product.api.get(f"/v1/operations/{operation['id']}")
        assert "Postgres does not answer" in str(told.value)
        # Nothing says when a policy has given up: no row can be written to. What is asserted is only what comes afterwards.
        time.sleep(LONGER_THAN_DEVICES_S)
        assert {name: process.poll() for name, process in product.processes.items()} == {"worker": None, "serve": None}
        away.stack.up(["postgres"])
        done = product.reaches(operation, frozenset({"succeeded", "partial", "failed"}), PATIENCE_S)
        seen += [f"waited for: {done['state']}", *in_order(product, site, done, touches=0)]


def test_a_netbox_that_stands_still_blocks_and_one_that_is_killed_is_waited_for_and_nothing_is_doubled(
    product_on_its_own: Product, away: Away, serve: Callable[..., DeclaredSite]
) -> None:
    product = product_on_its_own
    with TABLE.proving(REAL_NETBOX_STOPPED) as seen:
        site = serve("two-servers", of=HERE)
        operation = half_recorded(product, site)
        away.send("netbox", signal.SIGSTOP)
        try:
            waiting = product.ended(operation, PATIENCE_S)
        finally:
            away.send("netbox", signal.SIGCONT)
        assert waiting["state"] == "blocked", waiting
        (wait,) = waiting["waiting"]
        assert wait["key"] in ("frame", "servers")
        assert "NetBox at http" in wait["reason"]
        assert "does not answer: ReadTimeout" in wait["reason"]
        assert "Check that NetBox runs and can be reached" in wait["reason"]
        assert product.findings(site) == []
        done = product.retry(waiting)
        seen += [f"blocked at {wait['key']}, retry: {done['state']}", *in_order(product, site, done, touches=1)]
    with TABLE.proving(REAL_NETBOX_KILLED) as seen:
        # Other machines: a serial number that NetBox has at another site is a finding.
        site = serve("one-ru")
        operation = half_recorded(product, site)
        away.kill("netbox")
        with pytest.raises(httpx.TransportError):
            httpx.get(product.netbox.url, trust_env=False)
        away.stack.up(["netbox"])
        done = product.ended(operation, PATIENCE_S)
        seen += [f"waited for: {done['state']}", *in_order(product, site, done, touches=0)]


def half_recorded(product: Product, site: DeclaredSite) -> dict[str, object]:
    """An onboarding whose first objects are in NetBox."""
    product.declare(site)
    before = product.last_change()
    operation = product.start_apply(site)
    deadline = time.monotonic() + PATIENCE_S
    while product.last_change() == before:
        assert time.monotonic() < deadline, product.log("worker")[-2000:]
        time.sleep(0.05)
    return operation


def in_order(product: Product, site: DeclaredSite, done: dict[str, object], touches: int) -> list[str]:
    assert done["state"] == "succeeded", (done["outcome"], product.findings(site))
    # The lights-out site has cables that nobody can look at, and says so.
    assert {finding["kind"] for finding in product.findings(site)} <= {"cable-unverified"}
    assert product.touches(site) == touches
    assert product.lifecycles(site) == dict.fromkeys(site.servers, "available")
    before = product.last_change()
    assert product.apply(site)["state"] == "succeeded"
    assert product.changes_since(before) == [], "all is there, once"
    return ["", "", ", ".join(sorted(site.servers)), str(touches)]
