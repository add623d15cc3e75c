"""A virtual rack whose servers are declared by serial or BMC MAC alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.discovery import Discovery, Survey
from domain.onboarding import Discovered
from domain.secret import CredentialSlot
from domain.targets import unnamed_device
from tests.activities.reading_world import ReadingWorld
from tests.lab.virtual.site_fixtures import TestSite, running_site

SITE = "lab-one-rack"


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("rack")) as site:
        yield site


@pytest.fixture
def world(rack: TestSite, tmp_path: Path) -> ReadingWorld:
    world = ReadingWorld(rack, tmp_path / "worker")
    servers = tuple(s.model_copy(update={"bmc_address": None}) for s in world.declaration.servers)
    assert all(server.serial for server in servers)
    world.declaration = world.declaration.model_copy(update={"servers": servers})
    return world


def places(world: ReadingWorld, found: Discovered) -> dict[str, str]:
    return {at.name: at.address for at in world.shelf.get(Discovery, found.discovery).servers}


def declared_places(world: ReadingWorld) -> dict[str, str]:
    return {s.name: str(world.site.server(s.name).bmc.address) for s in world.declaration.servers}


def logins(world: ReadingWorld, server: str) -> int:
    return sum(1 for request in world.site.requests(server) if request["method"] == "POST")


def failed_logins(world: ReadingWorld, server: str) -> int:
    return len(world.site.changes(server, "login-failed"))


def test_servers_declared_by_serial_or_mac_are_found_by_asking_before_and_after_their_take_over(
    world: ReadingWorld,
) -> None:
    found = world.discover()
    assert (found.servers, found.nameable, found.unexpected) == (0, True, 6)
    named = world.name(found)
    assert places(world, named) == declared_places(world)
    assert (named.missing, named.unexpected, named.sightings, named.nameable) == ((), 0, (), False)
    assert world.name(found) == named

    assert named.survey is not None
    macs = {bmc.serial: bmc.mac for bmc in world.shelf.get(Survey, named.survey).bmcs}
    by_serial = world.declaration
    by_mac = tuple(s.model_copy(update={"serial": None, "bmc_mac": macs[s.serial or ""]}) for s in by_serial.servers)
    world.declaration = by_serial.model_copy(update={"servers": by_mac})
    assert places(world, world.name(world.discover())) == declared_places(world)
    world.declaration = by_serial

    for server in declared_places(world):
        assert world.reading.take_over_credentials(world.task(server, named.discovery)).changed
    before = {server: logins(world, server) for server in declared_places(world)}
    again = world.name(world.discover())
    assert places(world, again) == declared_places(world)
    # Known by the certificate that was remembered at the first login: nobody is logged in to.
    assert {server: logins(world, server) for server in declared_places(world)} == before
    assert all(failed_logins(world, server) == 0 for server in declared_places(world))


def test_a_bmc_that_is_not_at_its_factory_login_costs_one_counted_try_and_stays_unexpected(
    rack: TestSite, tmp_path: Path
) -> None:
    world = ReadingWorld(rack, tmp_path / "stranger")
    world.factory("bmc", world.site.login("r1-s01"), password="EWSECRET-wrong-one")
    only = world.declaration.servers[0].model_copy(update={"bmc_address": None})
    world.declaration = world.declaration.model_copy(update={"servers": (only, *world.declaration.servers[1:])})
    address = str(world.site.server(only.name).bmc.address)
    before = failed_logins(world, only.name)
    found = world.discover()
    assert (found.missing, found.nameable) == ((only.name,), True)
    named = [world.name(found) for _ in range(3)]
    assert failed_logins(world, only.name) - before == 1
    assert named[0] == named[1] == named[2]
    assert [s.kind for s in named[0].sightings] == ["server-not-found", "unexpected-device"]
    assert "does not take the site's factory login" in named[0].sightings[1].message
    tries = world.secrets.credential_state(SITE, unnamed_device(address)).tries
    assert [entry.slot for entry in tries] == [CredentialSlot.FACTORY]
    assert world.secrets.credential_state(SITE, only.name).tries == ()
