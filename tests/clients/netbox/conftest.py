"""A real NetBox with our schema in it. Tests share it: each takes a site of its own."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from clients.netbox import NetBoxInventory, NetBoxPools, NetBoxSession
from domain.inventory import Scope
from domain.reconcile import RecordChanges, reconcile
from domain.recording import records
from domain.recording_facts import SiteFacts
from domain.records import Record
from domain.server_class import ServerClass
from domain.site import SiteDeclaration
from tests.conftest import RunningNetBox
from tests.domain.recording_samples import declaration, facts, server_class

CLASSES: dict[str, ServerClass] = {"mgx-h100": server_class()}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class SampleSite:
    """A declared and seen site that no other test has."""

    number: int
    declaration: SiteDeclaration
    facts: SiteFacts

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def wanted(self) -> tuple[Record, ...]:
        return records(self.declaration, CLASSES, self.facts)

    @property
    def scope(self) -> Scope:
        return Scope.of(self.name, self.wanted, whole=True)

    def plan(self, inventory: NetBoxInventory) -> RecordChanges:
        return reconcile(self.wanted, inventory.observe(self.scope))

    def record(self, inventory: NetBoxInventory) -> None:
        applied = inventory.apply(self.scope, self.plan(inventory).changes, "test")
        assert applied.refused == ()


def make_site(servers: int, *, lean: bool = True) -> SampleSite:
    """NetBox takes a tenth of a second for each object, so most tests take a site of few."""
    number = next(_numbers)
    declared = declaration(f"site-{number}", servers, number=number, region=f"region-{number}")
    seen = facts(declared, number=number, gpus=0 if lean else 2, switch_ports=0 if lean else 4)
    if lean:
        declared = declared.model_copy(
            update={
                "switches": declared.switches[:1],
                "systems": (),
                "cables": tuple(cable for cable in declared.cables if cable.b.device == declared.switches[0].name),
                "public_ranges": (),
            }
        )
    return SampleSite(number, declared, seen)


@pytest.fixture(scope="module")
def session(netbox: RunningNetBox) -> NetBoxSession:
    return NetBoxSession(netbox.url, netbox.token)


@pytest.fixture(scope="module")
def inventory(session: NetBoxSession) -> NetBoxInventory:
    made = NetBoxInventory(session)
    made.bootstrap()
    return made


@pytest.fixture
def pools(session: NetBoxSession, inventory: NetBoxInventory) -> NetBoxPools:
    return NetBoxPools(session)


@pytest.fixture
def new_site() -> Callable[[int], SampleSite]:
    return make_site


@pytest.fixture
def site() -> SampleSite:
    """One server and a switch."""
    return make_site(1)


@pytest.fixture
def full_site() -> SampleSite:
    """One server with all parts, two switches, two systems, every kind of pool."""
    return make_site(1, lean=False)
