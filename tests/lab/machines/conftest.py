"""Tests marked `machines` start real machines; where this machine does not allow it they are skipped with the doctor's reason."""

from collections.abc import Iterator

import pytest

from lab.machines import doctor, images
from lab.machines.doctor import Fidelity
from lab.virtual.options import Image
from tests.lab.machines.machine_fixtures import MachinesSite, machines_site


@pytest.fixture(scope="session")
def machines_level() -> None:
    """The level with its images built, or the test is skipped."""
    if reason := doctor.look().reason(Fidelity.MACHINES):
        pytest.skip(f"the level `machines` is not to be had here: {reason}")
    images.ensure(print)


@pytest.fixture(autouse=True)
def _needs_the_level(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("machines"):
        request.getfixturevalue("machines_level")


@pytest.fixture(scope="module")
def server(machines_level: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachinesSite]:
    """A site of one server that is on, with the agent on a stick and empty drives; each test leaves it as it likes."""
    with machines_site("one-ru", tmp_path_factory.mktemp("one-ru"), stick=Image.AGENT) as site:
        yield site


@pytest.fixture(scope="session")
def standing_rack(machines_level: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachinesSite]:
    """A rack for the whole session, beside the sites that tests make for themselves."""
    with machines_site("one-rack", tmp_path_factory.mktemp("rack"), stick=Image.AGENT) as site:
        yield site


@pytest.fixture
def rack(standing_rack: MachinesSite) -> Iterator[MachinesSite]:
    """The rack with every server on and every cable where it belongs."""
    for server in standing_rack.process.spec.servers:
        if standing_rack.power_state(server.name) != "On":
            standing_rack.power(server.name, "on")
    yield standing_rack
    standing_rack.process.call("DELETE", "/faults")


@pytest.fixture(scope="session")
def one(machines_level: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachinesSite]:
    """A site of one server with empty drives and nothing in its USB ports; each test leaves it as it likes, on or off."""
    with machines_site("one-ru", tmp_path_factory.mktemp("one")) as site:
        site.wait_for_boot("r1-s01", 1)  # it is on from the beginning, and finds nothing
        yield site
