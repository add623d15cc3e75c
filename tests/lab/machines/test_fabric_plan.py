"""What the fabric should be, planned without any kernel."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.machines.plan_fabric import inserted, lasting, speakers, wiring
from lab.machines.seen import learned
from lab.machines.speakers import frames
from lab.machines.wires import Wiring
from lab.virtual.sitefile import PortRef, load
from lab.virtual.switch.device import open_switches
from lab.virtual.world import World
from tests.lab.machines.machine_fixtures import SITES

NEIGHBORS = Path(__file__).parent / "lldp_neighbors.json"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(load(SITES / "one-rack.yaml"), tmp_path)
    open_switches(world)
    yield world
    world.close()


def at(place: str) -> str:
    return f"ns-{place}"


def test_a_dpu_and_a_bmc_have_ports_of_their_own_and_the_host_has_its_nics(world: World) -> None:
    places = {ports.place: ports.sockets for ports in lasting(world.site, at)}
    assert [socket.interface for socket in places["r1-s01.dpu0"].values()] == ["p0", "p1"]
    assert [socket.mac for socket in places["r1-s01.bmc"].values()] == ["02:E3:40:01:01:00"]
    assert len(places["r1-leaf-a"]) == 66
    server = world.site.server_by_name["r1-s01"]
    assert [str(port) for port in inserted(world, server, at).sockets] == ["r1-s01:nic0-p0", "r1-s01:nic1-p0"]


def test_a_nic_that_was_taken_out_has_no_port(world: World) -> None:
    world.faults.seed("adapter-missing", "r1-s01", {"part": "nic0"})
    server = world.site.server_by_name["r1-s01"]
    assert [str(port) for port in inserted(world, server, at).sockets] == ["r1-s01:nic1-p0"]


def test_who_sends_lldp_follows_the_class_and_the_power(world: World) -> None:
    on = set(speakers(world, at))
    assert {"r1-s01.dpu0", "r1-s01.nic0", "r1-leaf-a", "r1-oob", "gw-1"} <= on
    assert not {"r1-s05.nic0", "gm-1", "r1-s01.bmc"} & on
    world.machines["r1-s01"].press("ForceOff", "test")
    world.clock.anchor = (world.clock.anchor[0] - 60, world.clock.anchor[1])
    off = set(speakers(world, at))
    assert "r1-s01.dpu0" in off
    assert "r1-s01.nic0" not in off
    world.machines["r1-s01"].set_mains(False)
    assert "r1-s01.dpu0" not in speakers(world, at)


def test_a_port_gets_light_from_the_other_end(world: World) -> None:
    leaf, card = PortRef("r1-leaf-a", "swp17"), PortRef("r1-s01", "nic0-p0")
    assert wiring(world).lit >= {leaf, card}
    world.switches["r1-leaf-a"].ports_down.add("swp17")
    assert leaf in wiring(world).lit
    assert card not in wiring(world).lit
    world.faults.seed("cable-unplugged", "r1-leaf-a:swp17", {})
    assert not wiring(world).lit & {leaf, card}


def test_a_cable_and_its_light_need_both_its_ports(world: World) -> None:
    a, b, c = PortRef("x", "1"), PortRef("y", "1"), PortRef("z", "1")
    whole = Wiring({(a, b): 10}, frozenset({a, b}))
    assert whole.among([a, c]) == Wiring({}, frozenset())
    assert whole.among([a, b, c]) == Wiring({(a, b): 10}, frozenset({a, b}))


def test_neighbours_are_read_as_lldpd_prints_them() -> None:
    heard = frames(json.loads(NEIGHBORS.read_text()))
    assert heard["swp64"].system_name == "r1-leaf-b"
    assert (heard["swp64"].chassis_id, heard["swp64"].port_id) == ("02:e3:40:01:a2:00", "swp64")
    assert heard["swp64"].management_address == "127.64.1.2"
    assert heard["swp64"].capabilities == ("bridge", "router")
    assert heard["swp17"].system_name == ""
    assert heard["swp17"].port_id == "02:e3:40:01:01:03"
    assert heard["swp17"].ttl_s == 120


def test_of_two_neighbours_on_a_port_the_newer_one_is_read() -> None:
    def entry(name: str, age: str) -> dict[str, Any]:
        port = {"id": [{"type": "ifname", "value": "p0"}]}
        return {"name": "swp1", "age": age, "chassis": [{"name": [{"value": name}]}], "port": [port]}

    old, new = entry("old", "0 day, 00:01:00"), entry("new", "0 day, 00:00:59")
    for order in ([old, new], [new, old]):
        assert frames({"lldp": [{"interface": order}]})["swp1"].system_name == "new"


def test_addresses_that_bridges_learned_are_read_as_iproute2_prints_them() -> None:
    table = [
        {"mac": "02:e3:40:01:01:01", "ifname": "swp1", "flags": [], "master": "br_default", "state": ""},
        {"mac": "02:e3:40:01:a1:01", "ifname": "swp1", "flags": [], "master": "br_default", "state": "permanent"},
        {"mac": "33:33:00:00:00:01", "ifname": "swp1", "flags": ["self"], "state": "permanent"},
        {"mac": "02:e3:40:01:02:01", "ifname": "vni10120", "flags": ["extern_learn"], "master": "vlan120", "state": ""},
    ]
    assert learned(table) == {"swp1": ["02:e3:40:01:01:01"]}
