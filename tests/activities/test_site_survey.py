"""The survey of a site, against a virtual rack that really answers."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from activities.artifacts import ModelShelf
from activities.site_survey import SiteSurvey
from clients.nvue.transport import SwitchAddress, probe
from clients.redfish import RedfishBmcs
from domain.artifact import ArtifactRef
from domain.discovery import Discovery
from domain.documents import read_documents
from domain.nvue import SwitchPresence
from domain.onboarding import DiscoverOrder, RackSize, ScanOrder, SiteBundle, SiteRef
from domain.site import SiteDeclaration
from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site


class Artifacts:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, content: bytes, media_type: str = "application/json") -> ArtifactRef:
        sha256 = hashlib.sha256(content).hexdigest()
        self.kept[sha256] = content
        return ArtifactRef(sha256=sha256, size=len(content), media_type=media_type)

    def get(self, ref: ArtifactRef) -> bytes:
        return self.kept[ref.sha256]


def probe_switch(host: str, port: int) -> SwitchPresence | None:
    return probe(SwitchAddress(host, port))


@dataclass
class Surveyed:
    survey: SiteSurvey
    shelf: ModelShelf
    declaration: SiteDeclaration

    def look(self) -> Discovery:
        ref = SiteRef(
            name=self.declaration.name,
            region="nordics",
            bundle=self.shelf.put(SiteBundle(site=self.declaration, classes={})),
            racks=(RackSize(rack="r1", servers=()),),
        )
        scanned = self.survey.reach_out_of_band(ScanOrder(site=ref))
        found = self.survey.discover_devices(DiscoverOrder(site=ref, answers=scanned.answers))
        return self.shelf.get(Discovery, found.discovery)


def declared(site: TestSite) -> SiteDeclaration:
    """The shipped declaration, moved to where this test's site is served."""
    documents = read_documents((SITES / "one-rack.declaration.yaml").read_text())
    declaration = SiteDeclaration.model_validate(documents[-1])
    servers = tuple(
        s.model_copy(update={"bmc_address": str(site.server(s.name).bmc.address)}) for s in declaration.servers
    )
    switches = tuple(s.model_copy(update={"address": str(site.switch(s.name).address)}) for s in declaration.switches)
    ranges = tuple(sorted({s.bmc_address or "" for s in servers} | {s.address for s in switches}))
    out_of_band = declaration.out_of_band.model_copy(
        update={"ranges": ranges, "bmc_ports": (site.redfish_port,), "switch_ports": (site.nvue_port,)}
    )
    return declaration.model_copy(update={"servers": servers, "switches": switches, "out_of_band": out_of_band})


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("rack")) as site:
        yield site


@pytest.fixture
def surveyed(rack: TestSite) -> Surveyed:
    artifacts = Artifacts()
    return Surveyed(SiteSurvey(RedfishBmcs(), probe_switch, artifacts), ModelShelf(artifacts), declared(rack))


def test_every_declared_bmc_and_switch_is_found_where_it_is(surveyed: Surveyed):
    discovery = surveyed.look()
    assert {found.name for found in discovery.servers} == {f"r1-s0{n}" for n in range(1, 7)}
    assert {found.name for found in discovery.switches} == {"r1-leaf-a", "r1-leaf-b", "r1-oob"}
    assert (discovery.missing_servers, discovery.missing_switches, discovery.unexpected) == ((), (), ())


def test_looking_twice_finds_the_same(surveyed: Surveyed):
    assert surveyed.look() == surveyed.look()


def test_a_device_nobody_declared_is_reported_and_not_adopted(surveyed: Surveyed, rack: TestSite):
    left_out = surveyed.declaration.servers[0]
    cables = tuple(c for c in surveyed.declaration.cables if left_out.name not in (c.a.device, c.b.device))
    without = {"servers": surveyed.declaration.servers[1:], "cables": cables}
    surveyed.declaration = surveyed.declaration.model_copy(update=without)
    discovery = surveyed.look()
    assert discovery.unexpected == (f"{left_out.bmc_address}:{rack.redfish_port}",)
    assert discovery.server(left_out.name) is None


def test_a_bmc_that_does_not_answer_is_a_missing_server_and_the_others_are_found(surveyed: Surveyed):
    nobody = "127.64.255.1"
    absent = surveyed.declaration.servers[0].model_copy(update={"bmc_address": nobody})
    servers = (absent, *surveyed.declaration.servers[1:])
    there = surveyed.declaration.out_of_band
    out_of_band = there.model_copy(update={"ranges": (*there.ranges, nobody)})
    surveyed.declaration = surveyed.declaration.model_copy(update={"servers": servers, "out_of_band": out_of_band})
    discovery = surveyed.look()
    assert discovery.missing_servers == ("r1-s01",)
    assert len(discovery.servers) == 5
