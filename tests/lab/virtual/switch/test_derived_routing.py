"""Routing at level `sim`: what two ends of each cable configure decides what stands, and what is told spreads as BGP spreads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.virtual.sitefile import load
from lab.virtual.switch import operational
from lab.virtual.switch.device import SwitchDevice, open_switches
from lab.virtual.world import World
from tests.lab.virtual.site_fixtures import SITES

LEAVES = {"r1-leaf-a": 65101, "r1-leaf-b": 65102, "r3-leaf-a": 65103, "r3-leaf-b": 65104}
SPINES = {"spine-1": 65199, "spine-2": 65199}
LOOPBACK = {name: f"10.10.10.{number}" for number, name in enumerate((*LEAVES, *SPINES), start=1)}


class Fabric:
    def __init__(self, world: World) -> None:
        self.world, self.devices = world, open_switches(world)

    def apply(self, switch: str, patch: dict[str, Any]) -> None:
        self.devices[switch].apply_foreign(patch)

    async def shown(self, switch: str, section: str) -> Any:
        device: SwitchDevice = self.devices[switch]
        await device.body.routing.look()
        return operational.section(device, section)

    async def peer(self, switch: str, port: str) -> dict[str, Any]:
        return (await self.shown(switch, "vrf"))["default"]["router"]["bgp"]["neighbor"][port]

    async def routes(self, switch: str) -> dict[str, Any]:
        return (await self.shown(switch, "vrf"))["default"]["router"]["rib"]["ipv4"]["route"]


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[Fabric]:
    """Four leaves under two spines, all configured."""
    world = World(load(SITES / "four-racks.yaml"), tmp_path)
    fabric = Fabric(world)
    for name, asn in {**LEAVES, **SPINES}.items():
        fabric.apply(name, underlay(name, asn))
    yield fabric
    world.close()


def ports(name: str) -> list[str]:
    return ["swp57", "swp58"] if name in LEAVES else ["swp1", "swp2", "swp3", "swp4"]


def underlay(name: str, asn: int) -> dict[str, Any]:
    families = {"l2vpn-evpn": {"enable": "on"}}
    bgp = {
        "enable": "on",
        "neighbor": {port: {"type": "unnumbered", "peer-group": "fabric"} for port in ports(name)},
        "peer-group": {"fabric": {"remote-as": "external", "address-family": families}},
        "address-family": {**families, "ipv4-unicast": {"redistribute": {"connected": {"enable": "on"}}}},
    }
    return {
        "interface": {
            "lo": {"ip": {"address": {f"{LOOPBACK[name]}/32": {}}}},
            **{port: {"bridge": None} for port in ports(name) if name in LEAVES},
        },
        "router": {"bgp": {"enable": "on", "autonomous-system": asn, "router-id": LOOPBACK[name]}},
        "vrf": {"default": {"router": {"bgp": bgp}}},
        "evpn": {"enable": "on"},
    }


def way(route: dict[str, Any]) -> set[str]:
    return {hop["interface"] for hop in route["route-entry"]["1"]["via-entry"].values()}


async def test_every_session_stands_and_every_loopback_is_known_everywhere(fabric: Fabric) -> None:
    shown = await fabric.peer("spine-1", "swp3")
    assert (shown["state"], shown["remote-as"]) == ("established", 65103)
    assert shown["address-family"]["ipv4-unicast"] == {"rx-prefix": 1, "tx-prefix": 5}
    for name in LEAVES:
        assert (await fabric.routes(name)).keys() == {f"{address}/32" for address in LOOPBACK.values()}
    routes = await fabric.routes("r1-leaf-a")
    assert way(routes[f"{LOOPBACK['r3-leaf-b']}/32"]) == {"swp57", "swp58"}
    assert way(routes[f"{LOOPBACK['spine-2']}/32"]) == {"swp58"}
    via = routes[f"{LOOPBACK['spine-1']}/32"]["route-entry"]["1"]["via-entry"]
    assert list(via) == ["fe80::e3:40ff:fe05:b101"]  # spine-1:swp1 has 02:E3:40:05:B1:01


async def test_spines_of_one_as_do_not_take_what_has_been_through_it(fabric: Fabric) -> None:
    assert f"{LOOPBACK['spine-2']}/32" not in await fabric.routes("spine-1")


async def test_a_cable_pulled_ends_the_session_and_the_other_way_is_left(fabric: Fabric) -> None:
    fabric.world.faults.seed("cable-unplugged", "r1-leaf-a:swp57", {})
    shown = await fabric.peer("r1-leaf-a", "swp57")
    assert shown["state"] == "active"
    assert "uptime" not in shown
    assert way((await fabric.routes("r1-leaf-a"))[f"{LOOPBACK['r3-leaf-a']}/32"]) == {"swp58"}


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"router": {"bgp": {"autonomous-system": 65199}}}, "OPEN Message Error/Bad Peer AS"),
        ({"vrf": {"default": {"router": {"bgp": {"peer-group": {"fabric": {"remote-as": 64999}}}}}}}, "OPEN Message Error/Bad Peer AS"),
        ({"interface": {"swp57": {"link": {"state": {"down": {}, "up": None}}}}}, None),
        ({"interface": {"swp57": {"bridge": {"domain": {"br_default": {}}}}}}, None),
        ({"vrf": {"default": {"router": {"bgp": {"neighbor": {"swp57": {"shutdown": "on"}}}}}}}, None),
        ({"vrf": {"default": {"router": {"bgp": {"neighbor": {"swp57": None}}}}}}, None),
    ],
)  # fmt: skip
async def test_what_only_one_end_means_does_not_establish(
    fabric: Fabric, patch: dict[str, Any], told: str | None
) -> None:
    fabric.apply("r1-leaf-a", patch)
    there = await fabric.peer("spine-1", "swp1")
    assert there["state"] != "established"
    if told is not None:
        assert (await fabric.peer("r1-leaf-a", "swp57"))["last-reset-reason"] == told
    assert (await fabric.peer("spine-1", "swp2"))["state"] == "established"


async def test_two_leaves_of_one_as_do_not_hear_of_each_other(fabric: Fabric) -> None:
    fabric.apply("r1-leaf-b", {"router": {"bgp": {"autonomous-system": 65101}}})
    assert (await fabric.peer("spine-1", "swp2"))["state"] == "established"
    assert f"{LOOPBACK['r1-leaf-b']}/32" not in await fabric.routes("r1-leaf-a")
    assert f"{LOOPBACK['r1-leaf-b']}/32" in await fabric.routes("r3-leaf-a")


async def test_a_switch_that_restarts_has_no_sessions_until_it_is_back(fabric: Fabric) -> None:
    fabric.devices["spine-1"].restart(away_s=600)
    assert (await fabric.peer("r1-leaf-a", "swp57"))["state"] == "active"
    assert (await fabric.peer("r1-leaf-a", "swp58"))["state"] == "established"


async def test_a_vni_names_the_other_ends_that_evpn_tells_of(fabric: Fabric) -> None:
    for leaf in ("r1-leaf-a", "r3-leaf-a"):
        fabric.apply(
            leaf,
            {
                "nve": {"vxlan": {"enable": "on", "source": {"address": LOOPBACK[leaf]}}},
                "bridge": {"domain": {"br_default": {"vlan": {"110": {"vni": {"10110": {}}}}}}},
            },
        )
    shown = (await fabric.shown("r1-leaf-a", "evpn"))["vni"]["10110"]
    assert (shown["vlan"], shown["tenant-vrf"], shown["local-vtep"]) == (110, "default", LOOPBACK["r1-leaf-a"])
    assert shown["remote-vtep"] == {LOOPBACK["r3-leaf-a"]: {}}
    fabric.apply("r3-leaf-a", {"evpn": {"enable": "off"}})
    assert (await fabric.shown("r1-leaf-a", "evpn"))["vni"]["10110"]["remote-vtep"] == {}


async def test_a_switch_without_bgp_shows_what_is_connected_and_no_neighbours(fabric: Fabric) -> None:
    vrfs = await fabric.shown("r1-oob", "vrf")
    assert vrfs.keys() == {"default", "mgmt"}
    assert "bgp" not in vrfs["default"]["router"]
    assert vrfs["default"]["router"]["rib"]["ipv4"] == {"route": {}}
