"""What runs over the fleet, on the real stores: a server past its state's limit is a finding until it moves on; sites in windows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

import store
from activities.fleet import FleetActivities
from domain.access import Place
from domain.declaration import Declaration
from domain.finding import Finding, FindingFilter
from domain.fleet import TIME_LIMITS, FleetWindow, StateLimits
from domain.inventory import DeviceQuery, DeviceState
from domain.lifecycle import Lifecycle
from domain.paging import PageRequest
from store.declarations import DeclarationRows
from store.standing import FindingRows
from tests.conftest import Database
from tests.domain.test_declaration_checks import SITE

pytestmark = pytest.mark.services

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
LIMIT = TIME_LIMITS[Lifecycle.PROVISIONING]


class CountedDeclarations(DeclarationRows):
    """Counts how often a site is looked up."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.looked_up: Counter[str] = Counter()

    def head(self, kind: str, name: str) -> Declaration | None:
        self.looked_up[name] += 1
        return super().head(kind, name)


@dataclass
class Servers:
    """NetBox's servers, chosen as the query says: by state, and by when their record last changed."""

    kept: dict[str, DeviceState] = field(default_factory=dict[str, DeviceState])

    def put(self, name: str, lifecycle: Lifecycle, since: datetime, site: str = "oslo-1") -> None:
        self.kept[name] = DeviceState(
            id=len(self.kept) + 1, site=site, name=name, role="server", lifecycle=lifecycle, changed_at=since
        )

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        return tuple(
            device
            for device in self.kept.values()
            if (not query.lifecycles or device.lifecycle in query.lifecycles)
            and (query.unchanged_since is None or device.changed_at <= query.unchanged_since)  # pyright: ignore
        )


@dataclass
class Fleet:
    declarations: CountedDeclarations
    findings: FindingRows
    servers: Servers = field(default_factory=Servers)
    now: datetime = NOW

    def activities(self) -> FleetActivities:
        return FleetActivities(self.declarations, self.servers, self.findings, lambda: self.now)  # pyright: ignore

    def declare(self, name: str, region: str = "nordics", **changes: Any) -> None:
        body = {key: value for key, value in SITE.items() if key != "kind"} | {"name": name} | changes
        body["credentials"] = {"bmc": f"site/{name}/factory"}
        body["region"] = {"name": region}
        self.declarations.put("Site", name, body, Place(region=region, site=name), 0, "ada")

    def open_in(self, reach: Place) -> dict[str, Finding]:
        page = self.findings.list(FindingFilter(kind="state-too-long"), reach, PageRequest())
        return {finding.object: finding for finding in page.items}


@pytest.fixture
def fleet(migrated_database: Database) -> Iterator[Fleet]:
    engine = store.connect(migrated_database.url)
    yield Fleet(CountedDeclarations(engine), FindingRows(engine))
    engine.dispose()


def watch(fleet: Fleet, operation: str, region: str = "") -> tuple[int, int, int]:
    """Late, new, resolved."""
    seen = fleet.activities().watch_states(StateLimits(region=region, operation_id=operation))
    return seen.late, seen.new, seen.resolved


def test_a_server_past_its_states_limit_is_one_finding_until_it_moves_on(fleet: Fleet) -> None:
    fleet.declare("oslo-1")
    fleet.servers.put("r1-s01", Lifecycle.PROVISIONING, NOW)
    fleet.now = NOW + LIMIT - timedelta(seconds=1)
    assert watch(fleet, "op-1") == (0, 0, 0)
    fleet.now = NOW + LIMIT
    assert watch(fleet, "op-2") == (1, 1, 0)
    finding = fleet.open_in(Place(region="nordics"))["site/oslo-1/server/r1-s01"]
    assert finding.message == "r1-s01 is provisioning since 2026-11-26 03:00 UTC, longer than 4 hours."
    assert "edgewright describe server oslo-1/r1-s01" in finding.do
    assert watch(fleet, "op-2") == (1, 1, 0), "the same run asked again counts nothing twice"
    assert watch(fleet, "op-3") == (1, 0, 0), "the same fact is one finding"

    fleet.servers.put("r1-s01", Lifecycle.PROVISIONED, fleet.now)
    assert watch(fleet, "op-4") == (0, 0, 1)
    assert fleet.open_in(Place()) == {}


@pytest.mark.parametrize("lifecycle", list(Lifecycle))
def test_every_state_has_its_own_limit_or_may_last(fleet: Fleet, lifecycle: Lifecycle) -> None:
    fleet.declare("oslo-1")
    fleet.servers.put("r1-s01", lifecycle, NOW)
    fleet.now = NOW + TIME_LIMITS.get(lifecycle, timedelta(days=1000))
    assert watch(fleet, "op-1")[0] == (lifecycle in TIME_LIMITS)


def test_a_region_is_looked_up_once_for_all_servers_of_its_site(fleet: Fleet) -> None:
    fleet.declare("oslo-1")
    for number in range(1, 6):
        fleet.servers.put(f"r1-s0{number}", Lifecycle.PROVISIONING, NOW - LIMIT)
        fleet.servers.put(f"r2-s0{number}", Lifecycle.QUARANTINED, NOW - TIME_LIMITS[Lifecycle.QUARANTINED])
    fleet.servers.put("t1-s01", Lifecycle.PROVISIONING, NOW - LIMIT, site="nobodys-1")
    assert watch(fleet, "op-1") == (11, 11, 0)
    assert fleet.declarations.looked_up == {"oslo-1": 1, "nobodys-1": 1}
    assert len(fleet.open_in(Place(region="nordics"))) == 10, "who may see the region sees what is late in it"
    assert "site/nobodys-1/server/t1-s01" in fleet.open_in(Place()), "a site that nobody declares is told to the fleet"


def test_sites_come_in_windows_without_those_that_were_deleted(fleet: Fleet) -> None:
    for name in ("alta-1", "bergen-1", "oslo-1", "oslo-2"):
        fleet.declare(name)
    fleet.declare("turin-1", region="south", worker="site")
    fleet.declarations.delete("Site", "bergen-1", 1, "bob")
    first = fleet.activities().list_sites(FleetWindow(region="nordics", at_most=2))
    assert [site.name for site in first.sites] == ["alta-1", "oslo-1"]
    second = fleet.activities().list_sites(FleetWindow(region="nordics", after=first.next, at_most=2))
    assert ([site.name for site in second.sites], second.next) == (["oslo-2"], "")
    assert {site.devices_queue for site in (*first.sites, *second.sites)} == {"devices"}
    (turin,) = fleet.activities().list_sites(FleetWindow(region="south")).sites
    assert (turin.region, turin.devices_queue, turin.declaration.version) == ("south", "edge-turin-1", 1)


def test_a_site_that_an_older_build_let_contradict_itself_does_not_hide_the_others(fleet: Fleet) -> None:
    """Its own audit says what is wrong with it."""
    fleet.declare("alta-1", public_ranges=[])
    fleet.declare("bergen-1", underlay={"loopbacks": "10.0.0.0/26", "fabric": "10.0.0.0/24"})
    found = fleet.activities().list_sites(FleetWindow(region="nordics", at_most=5))
    assert [site.name for site in found.sites] == ["alta-1", "bergen-1"]
