"""What a configuration comes to in the kernel and in FRR, worked out without either, and what both say, as recorded from a leaf."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.machines.plan_fabric import hardware
from lab.machines.switching.asked import connected, peers_of, routes_of, vnis_of
from lab.machines.switching.frr import configuration
from lab.machines.switching.kernel import Kind, State, there, vrfs, wanted
from lab.machines.switching.limits import refusals
from lab.machines.switching.steps import steps
from lab.virtual.routing import NextHop, Prefixes
from lab.virtual.sitefile import load
from lab.virtual.switch.defaults import day_zero
from lab.virtual.switch.forwarding import Forwarding, read
from lab.virtual.switch.trees import merged
from tests.lab.machines.fabric_fixtures import SITE, network, overlay, router, together, underlay

RECORDED = Path(__file__).parent / "recorded"
SPEC = load(SITE.with_suffix(".yaml"))
LEAF = SPEC.switch_by_name["leaf-1"]
HARDWARE = hardware(SPEC, LEAF)
LIT = {"swp1", "swp2", "swp31"}


def configured(*patches: dict[str, Any]) -> Forwarding:
    """Of a leaf as it came, after these patches."""
    return read(merged(day_zero(SPEC, LEAF), together(*patches)))


def whole() -> Forwarding:
    """As it was when the kernel was recorded: a network of its own on swp2, one in a VRF on swp1."""
    tenant = router("leaf-1", "tenant-a", 50001, 110, "10.1.110.1/24")
    return configured(underlay("leaf-1"), overlay("leaf-1"), network(120, "swp2"), network(110, "swp1"), tenant)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def kernel() -> State:
    return there({vrf: recorded(f"interfaces-{vrf}") for vrf in ("default", "tenant-a")}, HARDWARE)


def commands(now: State, forwarding: Forwarding, **options: Any) -> list[str]:
    then = wanted(forwarding, HARDWARE, LIT, running=options.get("running", True))
    return [f"{step.vrf}: {step.command}" for step in steps(now, then, forwarding)]


def test_a_kernel_that_holds_the_configuration_is_left_alone() -> None:
    assert commands(kernel(), whole()) == []


def test_from_the_first_to_the_last_command_a_switch_is_made_of_nothing() -> None:
    ports = wanted(Forwarding(), HARDWARE, (), running=False)
    made = commands(ports, whole())
    assert "default: link add vni10110 type vxlan id 10110 local 10.10.10.1 dstport 4789 nolearning" in made
    moved = made.index("default: link set vni10110 netns {}")
    assert moved < made.index("tenant-a: link set vni10110 master vlan110")
    assert made.index("default: link add in-swp1 type veth peer name swp1 address 02:e3:40:09:a1:01 netns {}") < moved
    assert "default: addr add 10.10.10.1/32 dev lo" in made
    assert "tenant-a: addr add 10.1.110.1/24 dev vlan110" in made


def test_a_vrf_that_is_taken_away_leaves_none_of_its_links() -> None:
    left = configured(underlay("leaf-1"), overlay("leaf-1"), network(120, "swp2"))
    gone = commands(kernel(), left)
    assert {line for line in gone if "delete" in line} == {
        "tenant-a: link delete vlan110",
        "tenant-a: link delete l3vni50001",
        "tenant-a: link delete vni10110",
        "tenant-a: link delete vni50001",
        "default: qdisc delete dev swp1 ingress",
        "default: link delete in-swp1",
    }
    assert "default: link set swp1 master br_default" in gone


def test_one_changed_leaf_is_one_command() -> None:
    base = whole()
    port = {"interface": {"swp2": {"link": {"mtu": 1500}}}}
    assert commands(kernel(), changed(port)) == ["default: link set swp2 mtu 1500"]
    svi = {"interface": {"vlan110": {"ip": {"address": {"10.1.110.1/24": None, "10.1.110.2/24": {}}}}}}
    assert commands(kernel(), changed(svi)) == [
        "tenant-a: addr delete 10.1.110.1/24 dev vlan110",
        "tenant-a: addr add 10.1.110.2/24 dev vlan110",
    ]
    assert configuration("leaf-1", changed(port)) == configuration("leaf-1", base)


def changed(patch: dict[str, Any]) -> Forwarding:
    tenant = router("leaf-1", "tenant-a", 50001, 110, "10.1.110.1/24")
    parts = (underlay("leaf-1"), overlay("leaf-1"), network(120, "swp2"), network(110, "swp1"), tenant)
    return read(merged(merged(day_zero(SPEC, LEAF), together(*parts)), patch))


def test_a_port_that_changes_its_vrf_is_led_anew() -> None:
    other = router("leaf-1", "tenant-b", 50002, 210, "10.1.110.1/24")
    forwarding = changed(together(other, network(210, "swp1"), {"interface": {"swp1": {"link": {"mtu": 1500}}}}))
    made = commands(kernel(), forwarding)
    (add,) = [line for line in made if line.startswith("default: link add in-swp1")]
    assert made.index("default: link delete in-swp1") < made.index(add)
    assert "tenant-b: link set swp1 master vlan210" in made
    assert not [line for line in made if line.startswith("tenant-a: link set swp1")]


def test_another_source_of_tunnels_makes_them_anew() -> None:
    moved = commands(kernel(), changed({"nve": {"vxlan": {"source": {"address": "10.10.10.9"}}}}))
    assert moved.index("default: link delete vni10120") < moved.index(
        "default: link add vni10120 type vxlan id 10120 local 10.10.10.9 dstport 4789 nolearning"
    )


def test_a_cable_without_light_is_dark_in_the_vrf_too() -> None:
    now = kernel()
    then = wanted(whole(), HARDWARE, {"swp2", "swp31"}, running=True)
    assert [step.command for step in steps(now, then, whole())] == ["link set in-swp1 down"]


def test_a_switch_that_is_away_has_dark_ports_and_nothing_behind_them() -> None:
    then = wanted(Forwarding(), HARDWARE, LIT, running=False)
    assert not any(link.up for link in then.links.values() if link.kind is Kind.PORT)
    assert {link.kind for link in then.links.values()} == {Kind.PORT, Kind.LOOPBACK}


def test_a_gateway_that_several_switches_share_has_its_own_mac_address() -> None:
    vrr = {"vrr": {"state": {"up": {}}, "address": {"10.1.110.254/24": {}}, "mac-address": "00:00:5E:00:01:0A"}}
    forwarding = changed({"interface": {"vlan110": {"ip": vrr}}})
    link = wanted(forwarding, HARDWARE, LIT, running=True).links["tenant-a", "vlan110-v0"]
    assert (link.kind, link.mac, link.addresses) == (Kind.GATEWAY, "00:00:5e:00:01:0a", {"10.1.110.254/24"})


def test_frr_is_configured_in_the_words_of_vtysh() -> None:
    running = (RECORDED / "running-config.txt").read_text().partition("Current configuration:")[2]
    shown = [
        line for line in running.splitlines() if line and line != "end" and "!" not in line and "version" not in line
    ]
    written = [line for line in configuration("leaf-1", whole(), {"tenant-a"}).splitlines() if "!" not in line]
    assert written == shown
    assert " netns " not in configuration("leaf-1", whole())


def test_a_vrf_that_zebra_still_has_stays_in_the_configuration_with_nothing_in_it() -> None:
    text = configuration("leaf-1", configured(underlay("leaf-1")), {"tenant-a"})
    assert "vrf tenant-a\n netns /run/netns/tenant-a\nexit-vrf\n" in text
    assert "router bgp 65101 vrf tenant-a" not in text


def test_static_routes_and_timers_and_networks_are_written() -> None:
    default = {
        "static": {"10.50.0.0/16": {"via": {"blackhole": {}}, "distance": {"7": {"via": {"10.0.0.9": {}}}}}},
        "bgp": {
            "address-family": {"ipv4-unicast": {"network": {"10.50.0.0/16": {}}}},
            "neighbor": {"swp31": {"timers": {"keepalive": 1, "hold": 3, "connection-retry": 5}, "shutdown": "on"}},
        },
    }
    text = configuration("leaf-1", configured(underlay("leaf-1"), {"vrf": {"default": {"router": default}}}))
    for line in (
        "ip route 10.50.0.0/16 blackhole",
        "ip route 10.50.0.0/16 10.0.0.9 7",
        "  network 10.50.0.0/16",
        " neighbor swp31 timers 1 3",
        " neighbor swp31 timers connect 5",
        " neighbor swp31 shutdown",
    ):
        assert f"{line}\n" in text


@pytest.mark.parametrize("name", ["neighbors", "refused"])
def test_peers_are_read_as_frr_tells_them(name: str) -> None:
    (peer,) = peers_of(recorded(name)["default"], 1000.0).values()
    if name == "neighbors":
        assert (peer.state, peer.remote_as) == ("established", 65199)
        assert peer.families["ipv4-unicast"] == Prefixes(2, 3)
        assert peer.since is not None
        assert peer.since < 1000.0
        assert peer.reason == ""
    else:
        assert (peer.state, peer.since, peer.families) == ("idle", None, {})
        assert peer.reason == "OPEN Message Error/Bad Peer AS"


def test_routes_and_vnis_are_read_as_frr_tells_them() -> None:
    by_prefix = {route.prefix: route for route in routes_of(recorded("routes"), 1000.0)}
    assert by_prefix["10.1.110.0/24"].via == (NextHop("vlan110"),)
    far = by_prefix["10.1.111.11/32"]
    assert (far.protocol, far.via, far.installed) == ("bgp", (NextHop("l3vni50001", "10.10.10.2"),), True)
    shown = {vni.number: vni for vni in vnis_of(recorded("vnis"), whole())}
    assert (shown[10120].layer, shown[10120].vlan, shown[10120].remotes) == (2, 120, ("10.10.10.2",))
    assert (shown[50001].layer, shown[50001].vrf, shown[50001].vlan) == (3, "tenant-a", None)


def test_the_management_port_is_in_no_vrf_that_forwards() -> None:
    assert vrfs(whole()) == {"tenant-a"}
    link = wanted(whole(), HARDWARE, LIT, running=True).links["default", "eth0"]
    assert (link.addresses, link.master) == (frozenset(), "")


def test_what_is_connected_is_known_without_frr() -> None:
    assert [(route.prefix, route.via) for route in connected(kernel(), "tenant-a")] == [
        ("10.1.110.0/24", (NextHop("vlan110"),))
    ]


def test_only_tagged_vlans_are_refused() -> None:
    assert refusals(merged(day_zero(SPEC, LEAF), network(120, "swp2"))) == []
    trunk = {"interface": {"swp3": {"bridge": {"domain": {"br_default": {"vlan": {"564": {}}}}}}}}
    (problem,) = refusals(merged(day_zero(SPEC, LEAF), trunk))
    assert problem.location == "interface.swp3.bridge.domain.br_default.vlan"
