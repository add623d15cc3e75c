"""Observing the systems of virtual sites by their drivers, as the worker wires them. The devices' own logs are the judges."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.artifacts import ModelShelf
from activities.system_observing import SystemObserving
from clients.nvue import NvueFactory
from clients.redfish import RedfishBmcs
from domain.account import LoginBudgetSpent
from domain.documents import read_documents
from domain.finding import Severity
from domain.onboarding import SiteBundle, SiteRef
from domain.secret import Login, SecretRef
from domain.site import SiteDeclaration, SystemDeclaration, Trust
from domain.system_drivers import DRIVERS
from domain.system_observation import ObserveSystemsOrder, SystemObservations, SystemsObserved
from store.artifacts import ArtifactFolder
from store.secret_files import SecretFiles
from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site
from worker.wiring import DevicesParts


@dataclass
class Observing:
    """One worker at a site. `systems`: what is declared beside its servers and switches."""

    site: TestSite
    folder: Path
    declared_in: str
    systems: tuple[SystemDeclaration, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.secrets = SecretFiles(self.folder / "secrets")
        artifacts = ArtifactFolder(self.folder / "artifacts")
        bmcs = RedfishBmcs()
        parts = DevicesParts(bmcs, bmcs, NvueFactory(), self.secrets, artifacts, secret_marker="EWSECRET")
        self.drivers = parts.system_drivers
        self.shelf = ModelShelf(artifacts)
        self.activity = SystemObserving(self.drivers, artifacts)
        documents = read_documents((SITES / f"{self.declared_in}.declaration.yaml").read_text())
        self.declaration = SiteDeclaration.model_validate(documents[-1])
        self.trust = self.declaration.out_of_band.trust
        moved = (
            s.model_copy(update={"address": str(IPv4Address(s.address) + self.site.options.address_offset)})
            for s in self.declaration.systems
            if s.address is not None
        )
        self.systems = tuple(moved)

    def order(self) -> ObserveSystemsOrder:
        out_of_band = self.declaration.out_of_band.model_copy(
            update={"bmc_ports": (self.site.redfish_port,), "switch_ports": (self.site.nvue_port,), "trust": self.trust}
        )
        # Which cables there are says nothing here, and a box that is a system of the site is no server or switch of it.
        taken = {system.serial for system in self.systems if system.serial}
        servers = tuple(server for server in self.declaration.servers if server.serial not in taken)
        switches = tuple(switch for switch in self.declaration.switches if switch.serial not in taken)
        changes = {
            "systems": self.systems, "out_of_band": out_of_band, "cables": (), "servers": servers, "switches": switches,
        }  # fmt: skip
        declared = self.declaration.model_copy(update=changes)
        bundle = self.shelf.put(SiteBundle(site=declared, classes={}))
        return ObserveSystemsOrder(site=SiteRef(name=declared.name, region="nordics", bundle=bundle, racks=()))

    def look(self) -> tuple[SystemsObserved, SystemObservations]:
        seen = self.activity.observe_systems(self.order())
        assert seen.observations is not None
        return seen, self.shelf.get(SystemObservations, seen.observations)

    def kinds(self) -> dict[str, str]:
        """System to the kind of what is said about it."""
        return {sighting.object.rpartition("/")[2]: sighting.kind for sighting in self.look()[0].sightings}


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path_factory.mktemp("cabinet")) as site:
        yield site


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("rack")) as site:
        yield site


@pytest.fixture
def observing(cabinet: TestSite, tmp_path: Path) -> Iterator[Observing]:
    """The lights-out cabinet: an NTP and a DNS server of the local IT, and a gateway without a driver."""
    yield Observing(cabinet, tmp_path, "one-ru")
    cabinet.mend()


@pytest.fixture
def boxes(rack: TestSite, tmp_path: Path) -> Iterator[Observing]:
    """A storage head, which is a box with a BMC, and a gateway that runs Cumulus Linux. Both are the local IT's."""
    observing = Observing(rack, tmp_path, "one-rack")
    head, router = rack.server("r1-s01"), rack.switch("r1-leaf-a")
    common = {"owner": "local-it", "rack": "r1"}
    storage = {
        "name": "storage-9", "kind": "storage", "driver": "redfish", "address": str(head.bmc.address), "serial": head.serial,
        "credential": "site/lab-one-rack/storage-9",
    }  # fmt: skip
    gateway = {
        "name": "gw-9", "kind": "gateway", "driver": "nvue", "address": str(router.address), "serial": router.serial,
        "credential": "site/lab-one-rack/gw-9",
    }  # fmt: skip
    observing.systems = tuple(SystemDeclaration.model_validate({**common, **each}) for each in (storage, gateway))
    for device, path in (("r1-s01", storage["credential"]), ("r1-leaf-a", gateway["credential"])):
        login = rack.login(device)
        kept = Login.model_validate({"username": login.user, "password": login.password})
        observing.secrets.put(SecretRef(path=path), kept)
    yield observing
    rack.mend()


def test_the_worker_has_a_driver_for_every_name_and_kind_that_may_be_declared(observing: Observing) -> None:
    assert set(observing.drivers) == {(kind, str(name)) for name, needs in DRIVERS.items() for kind in needs.kinds}


def test_systems_with_a_driver_are_observed_and_the_others_are_not(observing: Observing) -> None:
    seen, whole = observing.look()
    assert (seen.observed, seen.total, seen.left, seen.sightings) == (2, 2, (), ())
    facts = {facts.name: facts for facts in whole.facts}
    assert set(facts) == {"ntp-1", "dns-1"}
    assert facts["dns-1"].firmware == {"named": "9.20.15"}
    assert facts["dns-1"].summary == {"zones": {"harbour.edge.example": "dns-1.harbour.edge.example"}}


def test_observing_twice_says_the_same(observing: Observing) -> None:
    assert observing.look() == observing.look()


@pytest.mark.parametrize(
    ("fault", "system", "arguments", "kind"),
    [
        ("refuse", "ntp-1", {}, "system-unreachable"),
        ("stall", "dns-1", {}, "system-unreachable"),
        ("clock-unsynchronised", "ntp-1", {}, "clock-unsynchronised"),
        ("ntp-kiss", "ntp-1", {"code": "RATE"}, "ntp-refused"),
        ("zone-missing", "dns-1", {"zone": "harbour.edge.example"}, "zone-not-served"),
    ],
)
def test_what_is_wrong_with_one_is_told_and_stops_nobody(
    observing: Observing, fault: str, system: str, arguments: dict[str, Any], kind: str
) -> None:
    observing.site.seed(fault, system, **arguments)
    seen, _ = observing.look()
    assert [(s.object, s.kind, s.severity) for s in seen.sightings] == [
        (f"site/lab-one-ru/system/{system}", kind, Severity.CRITICAL)
    ]
    assert seen.left == (system,)
    assert (seen.unseen != ()) == (kind == "system-unreachable")
    observing.site.mend()
    assert observing.kinds() == {}


def test_a_wrong_clock_is_a_warning(observing: Observing) -> None:
    observing.site.seed("clock-offset", "ntp-1", seconds=30)
    seen, _ = observing.look()
    assert [(s.kind, s.severity) for s in seen.sightings] == [("clock-offset", Severity.WARNING)]
    assert (seen.left, seen.observed) == ((), 2)


def test_what_belongs_to_the_local_it_is_only_read_by_its_own_word(observing: Observing) -> None:
    before = {name: observing.site.device(name)["requests"] for name in ("ntp-1", "dns-1")}
    observing.look()
    for name, count in before.items():
        asked = [request for request in observing.site.requests(name) if request["n"] > count]
        assert {request["method"] for request in asked} <= {"CLIENT", "QUERY"}
        assert asked
        assert observing.site.changes(name) == []


def test_a_driver_that_an_older_build_let_pass_is_told(observing: Observing) -> None:
    observing.systems = (observing.systems[1].model_copy(update={"driver": "chrony"}),)
    seen, whole = observing.look()
    assert [s.kind for s in seen.sightings] == ["driver-unusable"]
    assert (seen.observed, seen.total, seen.left, whole.facts) == (0, 1, (), ())


# Boxes that are read with a login.


def test_a_storage_head_and_a_gateway_are_read_with_the_login_that_is_declared_for_each(boxes: Observing) -> None:
    seen, whole = boxes.look()
    assert (seen.observed, seen.sightings) == (2, ())
    facts = {facts.name: facts for facts in whole.facts}
    assert facts["storage-9"].serial == boxes.site.server("r1-s01").serial
    assert "BMC" in facts["storage-9"].firmware
    assert facts["gw-9"].serial == boxes.site.switch("r1-leaf-a").serial
    assert "swp1" in {port.name for port in facts["gw-9"].ports}


def test_boxes_of_the_local_it_are_not_changed_by_their_own_word(boxes: Observing) -> None:
    devices = ("r1-s01", "r1-leaf-a")
    before = {name: (len(boxes.site.changes(name)), boxes.site.device(name)["requests"]) for name in devices}
    boxes.look()
    for name, (changes, requests) in before.items():
        # A Redfish login is a session, opened and closed again: nothing else may be in a BMC's log.
        told = {change["what"] for change in boxes.site.changes(name)[changes:]}
        assert told <= {"session-opened", "session-closed"}
        wrote = [r for r in boxes.site.requests(name) if r["n"] > requests and r["method"] not in ("GET", "HEAD")]
        assert all("/SessionService/Sessions" in request["path"] for request in wrote)
    for name in ("storage-9", "gw-9"):
        assert not boxes.secrets.credential_state("lab-one-rack", name).has_current, "never taken over"


def test_another_box_than_the_declared_one_is_told_and_not_recorded(boxes: Observing) -> None:
    boxes.systems = (boxes.systems[0].model_copy(update={"serial": "SOMEBODY-ELSES"}), boxes.systems[1])
    seen, whole = boxes.look()
    assert [(s.kind, s.object.rpartition("/")[2]) for s in seen.sightings] == [("serial-mismatch", "storage-9")]
    assert {facts.name for facts in whole.facts} == {"gw-9"}


@pytest.mark.parametrize(("system", "device"), [(0, "r1-s01"), (1, "r1-leaf-a")])
def test_a_wrong_password_is_tried_once_and_then_left_alone(boxes: Observing, system: int, device: str) -> None:
    """A box of somebody else's is locked as easily as one of ours."""
    declared = boxes.systems[system]
    boxes.systems = (declared,)

    def refused(look: Callable[[], Any]) -> int:
        """How often the device itself says 401 meanwhile. It also says so to whoever only asks whether it is there."""
        before = sum(1 for request in boxes.site.requests(device) if request["status"] == 401)
        look()
        return sum(1 for request in boxes.site.requests(device) if request["status"] == 401) - before

    assert boxes.kinds() == {}, "with the right one; now its certificate is known"
    anonymous = refused(boxes.look)
    said: list[str] = []
    wrong = Login.model_validate({"username": boxes.site.login(device).user, "password": "EWSECRET-wrong"})
    assert declared.credential is not None
    boxes.secrets.put(SecretRef(path=declared.credential), wrong)
    assert refused(lambda: said.append(boxes.kinds()[declared.name])) == anonymous + 1
    assert refused(lambda: said.append(boxes.kinds()[declared.name])) == anonymous
    assert said[0].endswith("login-refused")
    assert said[1] == "login-budget-spent"


def test_a_retry_waits_out_a_login_that_was_cut_off(boxes: Observing) -> None:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=2)
    assert environment.run(boxes.activity.observe_systems, boxes.order()).observed == 2
    wrong = Login.model_validate({"username": "root", "password": "EWSECRET-wrong"})
    assert boxes.systems[0].credential is not None
    boxes.secrets.put(SecretRef(path=boxes.systems[0].credential), wrong)
    boxes.look()
    with pytest.raises(LoginBudgetSpent):
        environment.run(boxes.activity.observe_systems, boxes.order())


def test_a_login_that_is_not_stored_or_a_certificate_that_nobody_pinned_stops_nobody_else(boxes: Observing) -> None:
    boxes.systems = (
        boxes.systems[0].model_copy(update={"credential": "site/lab-one-rack/forgotten"}),
        boxes.systems[1],
    )
    assert boxes.kinds() == {"storage-9": "secret-missing"}
    boxes.trust = Trust(pins={"gw-9": "0" * 64})
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=2)
    told = {
        s.object.rpartition("/")[2]: s.kind
        for s in environment.run(boxes.activity.observe_systems, boxes.order()).sightings
    }
    assert told == {"storage-9": "bmc-certificate-untrusted", "gw-9": "switch-certificate-changed"}


@pytest.mark.parametrize(("system", "device"), [(0, "r1-s01"), (1, "r1-leaf-a")])
def test_a_box_that_does_not_answer_is_unreachable(boxes: Observing, system: int, device: str) -> None:
    boxes.site.seed("refuse", device)
    name = boxes.systems[system].name
    assert boxes.kinds() == {name: "system-unreachable"}


@pytest.mark.parametrize(
    ("fault", "device", "arguments", "kind"),
    [
        ("other-certificate", "r1-s01", {}, "bmc-certificate-changed"),
        ("other-certificate", "r1-leaf-a", {}, "switch-certificate-changed"),
        ("switch-lie", "r1-leaf-a", {"what": "serial"}, "serial-mismatch"),
        ("password-unknown", "r1-s01", {}, "bmc-login-refused"),
    ],
)
def test_a_box_that_is_not_the_one_it_was_is_told(
    boxes: Observing, fault: str, device: str, arguments: dict[str, Any], kind: str
) -> None:
    boxes.look()
    boxes.site.seed(fault, device, **arguments)
    assert list(boxes.kinds().values()) == [kind]
