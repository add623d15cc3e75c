"""Who hears whom on which wire, and what cable and part faults do to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.virtual.faults import FaultUnknown
from lab.virtual.sitefile import PortRef, load
from lab.virtual.world import World
from tests.lab.virtual.site_fixtures import SITES


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(load(SITES / "one-rack.yaml"), tmp_path)
    yield opened
    opened.close()


def switch_off(world: World, server: str) -> None:
    """Off at once, as when the cord is pulled and put back."""
    world.machines[server].set_mains(False)
    world.machines[server].set_mains(True)


def test_a_dpu_speaks_lldp_with_the_host_off_and_a_supernic_does_not(world: World) -> None:
    assert world.lldp_heard("r1-leaf-a", "swp1") is not None
    assert world.lldp_heard("r1-leaf-a", "swp17") is not None
    switch_off(world, "r1-s01")
    heard = world.lldp_heard("r1-leaf-a", "swp1")
    assert heard is not None
    assert heard.system_name == "r1-s01-dpu0"
    assert world.lldp_heard("r1-leaf-a", "swp17") is None


def test_a_connectx_never_speaks_lldp_and_is_known_by_its_mac_address(world: World) -> None:
    assert world.lldp_heard("r1-leaf-a", "swp21") is None
    expected = world.server_port("r1-s05", "nic0-p0")
    assert expected is not None
    assert world.macs_heard("r1-leaf-a", "swp21") == [expected.mac]
    switch_off(world, "r1-s05")
    assert world.macs_heard("r1-leaf-a", "swp21") == []
    assert not world.link_up("r1-leaf-a", "swp21")


def test_without_mains_a_server_is_dark_on_every_port(world: World) -> None:
    world.machines["r1-s01"].set_mains(False)
    for switch, port in (("r1-leaf-a", "swp1"), ("r1-leaf-a", "swp17"), ("r1-oob", "swp1")):
        assert not world.link_up(switch, port)
        assert world.lldp_heard(switch, port) is None
        assert world.macs_heard(switch, port) == []


def test_a_bmc_is_known_by_its_mac_address_only(world: World) -> None:
    assert world.lldp_heard("r1-oob", "swp1") is None
    assert world.macs_heard("r1-oob", "swp1") == [world.machines["r1-s01"].spec.mac_base]


def test_two_switches_hear_each_other_unless_one_port_is_down(world: World) -> None:
    heard = world.lldp_heard("r1-leaf-a", "swp64")
    assert heard is not None
    assert (heard.system_name, heard.port_id) == ("r1-leaf-b", "swp64")
    world.switches["r1-leaf-b"].ports_down.add("swp64")
    assert world.lldp_heard("r1-leaf-a", "swp64") is None
    world.switches["r1-leaf-b"].ports_down.clear()
    world.switches["r1-leaf-b"].lldp_off = True
    assert world.lldp_heard("r1-leaf-a", "swp64") is None
    assert world.link_up("r1-leaf-a", "swp64")


def test_a_swapped_pair_is_heard_crosswise_and_mended(world: World) -> None:
    fault = world.faults.seed("cable-swapped", "r1-leaf-a:swp1", {"with": "r1-leaf-a:swp2"})
    assert world.peer("r1-leaf-a", "swp1") == PortRef("r1-s02", "dpu0-p0")
    assert world.peer("r1-s01", "dpu0-p0") == PortRef("r1-leaf-a", "swp2")
    world.faults.mend(fault.id)
    assert world.peer("r1-leaf-a", "swp1") == PortRef("r1-s01", "dpu0-p0")


def test_a_cable_in_the_wrong_port_leaves_its_own_empty(world: World) -> None:
    world.faults.seed("cable-wrong-port", "r1-leaf-a:swp1", {"to": "r1-leaf-a:swp40"})
    assert world.peer("r1-leaf-a", "swp1") is None
    assert world.peer("r1-leaf-a", "swp40") == PortRef("r1-s01", "dpu0-p0")


def test_mending_one_cable_fault_leaves_the_others(world: World) -> None:
    first = world.faults.seed("cable-unplugged", "r1-s01:dpu0-p0")
    world.faults.seed("cable-swapped", "r1-leaf-a:swp3", {"with": "r1-leaf-a:swp4"})
    world.faults.mend(first.id)
    assert world.peer("r1-leaf-a", "swp1") == PortRef("r1-s01", "dpu0-p0")
    assert world.peer("r1-leaf-a", "swp3") == PortRef("r1-s04", "dpu0-p0")


def test_observers_are_told_of_exactly_the_ports_whose_cable_changed(world: World) -> None:
    told: list[str] = []
    world.observe_port(lambda end: told.append(str(end)))
    world.faults.seed("cable-swapped", "r1-leaf-a:swp1", {"with": "r1-leaf-a:swp2"})
    assert set(told) == {"r1-leaf-a:swp1", "r1-leaf-a:swp2", "r1-s01:dpu0-p0", "r1-s02:dpu0-p0"}


def test_an_adapter_that_is_missing_has_no_light(world: World) -> None:
    world.faults.seed("adapter-missing", "r1-s01", {"part": "dpu0"})
    assert not world.link_up("r1-leaf-a", "swp1")


def test_a_world_opened_again_has_its_faults_and_its_time(world: World, tmp_path: Path) -> None:
    world.faults.seed("cable-unplugged", "r1-s01:dpu0-p0")
    before = world.clock.time()
    again = World(world.site, tmp_path, time_factor=50)
    again.faults.restore()
    assert again.peer("r1-leaf-a", "swp1") is None
    assert before <= again.clock.time() < before + 3600
    again.close()


def test_arguments_of_a_fault_are_checked(world: World) -> None:
    with pytest.raises(FaultUnknown, match="unknown or missing: with"):
        world.faults.seed("cable-swapped", "r1-leaf-a:swp1")
    with pytest.raises(FaultUnknown, match="it has GPU0"):
        world.faults.seed("gpu-missing", "r1-s05", {"part": "GPU9"})
