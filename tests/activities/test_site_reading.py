"""Reading a virtual rack's switches and servers, each step twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.logins import Logins
from activities.site_reading import SiteReading
from activities.switch_login import SwitchDoors
from activities.trust import pin_ref
from domain.account import LoginBudgetSpent, LoginRefused
from domain.artifact import ArtifactRef
from domain.bmc import BmcCertificateChanged
from domain.discovery import Discovery
from domain.judgement import ServerReading
from domain.onboarding import (
    KnownRead,
    ReadKnownOrder,
    ReadSwitchesOrder,
    ServerReadings,
    SwitchReadings,
    TakeSwitchesOrder,
)
from domain.secret import CredentialSlot, SecretRef, SecretsAway
from domain.targets import NotFoundOnNetwork
from store.artifacts import ArtifactFolder
from store.vault import VaultAddress, VaultSecrets
from tests.activities.reading_world import WINDOW_S, ReadingWorld
from tests.lab.virtual.site_fixtures import TestSite, free_port, running_site

SITE = "lab-one-rack"


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("rack")) as site:
        yield site


@pytest.fixture
def world(rack: TestSite, tmp_path: Path) -> Iterator[ReadingWorld]:
    """A worker that nobody told anything yet but the installer's logins."""
    yield ReadingWorld(rack, tmp_path / "worker")
    rack.mend()


def read_known(world: ReadingWorld, discovery: ArtifactRef) -> tuple[KnownRead, tuple[ServerReading, ...]]:
    known = world.reading.read_known_servers(ReadKnownOrder(site=world.ref, discovery=discovery))
    return known, world.shelf.get(ServerReadings, known.readings).readings


def test_every_switch_is_read_and_again_with_the_same_result(world: ReadingWorld) -> None:
    discovery = world.discovery()
    read = world.read_switches(discovery)
    assert (read.read, read.total, read.sightings) == (3, 3, ())
    first, again = world.readings(read), world.readings(world.read_switches(discovery))
    assert {sight.switch for sight in first.sights} == {facts.name for facts in first.facts}
    assert (again.facts, again.not_ours) == (first.facts, first.not_ours)


def test_reading_changes_nothing_on_a_switch(world: ReadingWorld) -> None:
    discovery = world.discovery()
    before = {name: world.site.changes(name) for name in ("r1-leaf-a", "r1-leaf-b", "r1-oob")}
    world.read_switches(discovery)
    assert {name: world.site.changes(name) for name in before} == before
    assert not world.secrets.credential_state(SITE, "r1-leaf-a").has_pending


def test_a_switch_that_fell_silent_is_a_sighting_and_the_others_are_read(world: ReadingWorld) -> None:
    discovery = world.discovery()
    world.site.seed("refuse", "r1-leaf-b")
    read = world.read_switches(discovery)
    assert (read.read, read.total) == (2, 3)
    assert [(s.object, s.kind) for s in read.sightings] == [(f"site/{SITE}/switch/r1-leaf-b", "switch-unreachable")]
    assert world.secrets.credential_state(SITE, "r1-leaf-b").tries == (), "a silent switch refused no password"
    world.site.mend()
    assert world.read_switches(discovery).read == 3


def test_another_switch_than_the_declared_one_is_told_and_not_taken_over(world: ReadingWorld) -> None:
    switches = tuple(
        s.model_copy(update={"serial": "EWL1RSW999"}) if s.name == "r1-oob" else s for s in world.declaration.switches
    )
    world.declaration = world.declaration.model_copy(update={"switches": switches})
    read = world.read_switches(world.discovery())
    assert read.read == 3
    assert [(s.object, s.kind) for s in read.sightings] == [(f"site/{SITE}/switch/r1-oob", "serial-mismatch")]
    assert "has serial EWL1RSW003, the declaration says EWL1RSW999" in read.sightings[0].message
    assert world.readings(read).not_ours == ("r1-leaf-a", "r1-leaf-b")


def test_a_wrong_switch_login_is_tried_once_in_a_window_and_counted(world: ReadingWorld) -> None:
    world.factory("switch", world.site.login("r1-leaf-a"), password="EWSECRET-wrong-one")
    discovery = world.discovery()
    world.switch_logins.connect(world.switch("r1-leaf-a")).close()
    before = world.refused_logins("r1-leaf-a")
    read = world.read_switches(discovery)
    assert (read.read, {s.kind for s in read.sightings}) == (0, {"switch-login-refused"})
    tries = world.secrets.credential_state(SITE, "r1-leaf-a").tries
    assert [entry.slot for entry in tries] == [CredentialSlot.FACTORY]

    held = [world.read_switches(discovery) for _ in range(2)]
    assert world.refused_logins("r1-leaf-a") - before == 1, "the switch saw one wrong password, not one for each reader"
    assert {s.kind for s in held[0].sightings} == {"login-budget-spent"}
    world.wait(60)
    assert world.read_switches(discovery).sightings == held[1].sightings, (
        "the same words, however long the wait still is"
    )

    world.factory("switch", world.site.login("r1-leaf-a"))
    world.wait(WINDOW_S)
    assert world.read_switches(discovery).read == 3
    assert world.secrets.credential_state(SITE, "r1-leaf-a").tries == ()


def test_a_retry_waits_out_the_try_that_a_killed_attempt_left_and_asks_nobody_meanwhile(world: ReadingWorld) -> None:
    discovery = world.discovery()
    world.secrets.record_try(SITE, "r1-leaf-a", CredentialSlot.FACTORY, world.clock(), WINDOW_S)
    world.wait(60)
    asked = len(world.site.requests("r1-leaf-b"))
    second = ActivityEnvironment()
    second.info = replace(second.info, attempt=2)
    with pytest.raises(LoginBudgetSpent) as spent:
        second.run(world.read_switches, discovery)
    assert spent.value.retry_after_s == pytest.approx(WINDOW_S - 60, abs=5)
    assert len(world.site.requests("r1-leaf-b")) == asked
    world.wait(WINDOW_S)
    read = second.run(world.read_switches, discovery)
    assert (read.read, read.sightings) == (3, ())

    world.secrets.record_try(SITE, "r1-leaf-a", CredentialSlot.FACTORY, world.clock(), WINDOW_S)
    with pytest.raises(LoginBudgetSpent):
        second.run(world.take_over_switches, discovery, read)
    world.wait(WINDOW_S)
    assert second.run(world.take_over_switches, discovery, read).taken_over == ("r1-leaf-a", "r1-leaf-b", "r1-oob")


def test_a_site_without_a_switch_login_says_what_to_do(world: ReadingWorld) -> None:
    credentials = world.declaration.credentials.model_copy(update={"switch": None})
    world.declaration = world.declaration.model_copy(update={"credentials": credentials})
    read = world.read_switches(world.discovery())
    assert (read.read, len(read.sightings)) == (0, 3)
    assert "credentials.switch" in read.sightings[0].do


def test_only_servers_that_know_us_are_read_and_taking_over_twice_changes_once(world: ReadingWorld) -> None:
    discovery = world.discovery()
    known, readings = read_known(world, discovery)
    assert (known.known, known.read, readings) == (0, 0, ())

    task = world.task("r1-s01", discovery)
    assert world.reading.take_over_credentials(task).changed
    assert not world.reading.take_over_credentials(task).changed
    asked = {server.name: len(world.site.requests(server.name)) for server in world.declaration.servers}
    known, readings = read_known(world, discovery)
    assert (known.known, known.read, [r.name for r in readings]) == (1, 1, ["r1-s01"])
    assert readings[0].hardware is not None
    now_asked = {server.name: len(world.site.requests(server.name)) for server in world.declaration.servers}
    assert {name for name in asked if now_asked[name] > asked[name]} == {"r1-s01"}

    one, two = world.reading.read_server(task), world.reading.read_server(task)
    assert (one.server, one.serial) == (two.server, two.serial) == ("r1-s01", "EWL1R0001")

    world.site.seed("refuse", "r1-s01")
    known, readings = read_known(world, discovery)
    assert (known.known, known.read) == (1, 0)
    assert readings[0].trouble is not None
    assert readings[0].trouble.kind == "bmc-unreachable"


def test_a_server_whose_take_over_would_have_no_login_is_told_and_not_asked(world: ReadingWorld) -> None:
    discovery = world.discovery()
    world.reading.take_over_credentials(world.task("r1-s05", discovery))
    world.secrets.forget(SecretRef(path="site/lab-one-rack/factory-bmc"))
    asked = {server.name: len(world.site.requests(server.name)) for server in world.declaration.servers}
    known, readings = read_known(world, discovery)
    assert (known.known, known.read) == (1, 1)
    told = {reading.name: reading.trouble for reading in readings if reading.trouble is not None}
    assert set(told) == {server.name for server in world.declaration.servers} - {"r1-s05"}
    assert all(trouble.kind == "secret-missing" and "secret put" in trouble.do for trouble in told.values())
    now_asked = {server.name: len(world.site.requests(server.name)) for server in world.declaration.servers}
    assert {name for name in asked if now_asked[name] > asked[name]} == {"r1-s05"}


def test_another_certificate_gets_no_password_until_a_person_forgets_the_old_one(world: ReadingWorld) -> None:
    task = world.task("r1-s04", world.discovery())
    world.reading.take_over_credentials(task)
    world.site.seed("other-certificate", "r1-s04")
    with pytest.raises(BmcCertificateChanged, match=r"secret delete site/SITE/pins/r1-s04"):
        world.reading.read_server(task)
    world.secrets.forget(pin_ref(SITE, "r1-s04"))
    assert world.reading.read_server(task).serial == "EWL1R0004"


def test_a_wrong_bmc_login_is_tried_once_in_a_window(world: ReadingWorld) -> None:
    world.factory("bmc", world.site.login("r1-s02"), password="EWSECRET-wrong-one")
    task = world.task("r1-s02", world.discovery())
    before = len(world.site.changes("r1-s02", "login-failed"))
    with pytest.raises(LoginRefused):
        world.reading.read_server(task)
    for _ in range(2):
        with pytest.raises(LoginBudgetSpent):
            world.reading.read_server(task)
    assert len(world.site.changes("r1-s02", "login-failed")) - before == 1


def test_a_server_that_was_not_found_is_asked_nothing(world: ReadingWorld) -> None:
    discovery = world.shelf.get(Discovery, world.discovery())
    others = tuple(at for at in discovery.servers if at.name != "r1-s03")
    without = world.shelf.put(discovery.model_copy(update={"servers": others}))
    with pytest.raises(NotFoundOnNetwork, match="No BMC answers for r1-s03"):
        world.reading.read_server(world.task("r1-s03", without))


def test_a_secret_store_that_is_away_is_no_switchs_trouble(world: ReadingWorld, tmp_path: Path) -> None:
    """Vault on a port where nobody listens: read and taken over is nobody, and nobody is told of."""
    discovery = world.discovery()
    token = tmp_path / "token"
    token.write_text("t")
    away = VaultSecrets(VaultAddress(url=f"http://127.0.0.1:{free_port()}", token_file=token))
    logins = Logins(SwitchDoors(world.switches, away), away, world.clock)
    reading = SiteReading(world.bmc_logins, logins, ArtifactFolder(tmp_path / "worker" / "artifacts"))
    with pytest.raises(SecretsAway):
        ActivityEnvironment().run(reading.read_switches, ReadSwitchesOrder(site=world.ref, discovery=discovery))
    not_ours = world.shelf.put(SwitchReadings(not_ours=("r1-leaf-a",)))
    order = TakeSwitchesOrder(site=world.ref, discovery=discovery, switches=not_ours)
    with pytest.raises(SecretsAway):
        ActivityEnvironment().run(reading.take_over_switches, order)
