"""Switches that route: configured through NVUE by our own client, judged by packets from host to host."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.machines import cgroups, tools
from tests.lab.machines.fabric_fixtures import (
    ASN,
    LOOPBACK,
    SITE,
    Fabric,
    namespaces,
    network,
    overlay,
    router,
    small_fabric,
    together,
    underlay,
)
from tests.lab.machines.machine_fixtures import left_of, machines_site, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
CONVERGED_S = 40.0
LEAVES = ("leaf-1", "leaf-2")


def on_each(fabric: Fabric, switches: Any, patch: Callable[[str], dict[str, Any]]) -> None:
    """Applies to several switches at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda switch: fabric.apply(switch, patch(switch)), switches))


@pytest.fixture(scope="module")
def fabric(machines_level: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """Underlay and EVPN stand; every host has no address yet."""
    with small_fabric(tmp_path_factory.mktemp("routes")) as fabric:
        on_each(fabric, ASN, lambda switch: together(underlay(switch), overlay(switch)))
        wait_until(lambda: peer(fabric, "leaf-1", "swp31")["state"] == "established", "leaf-1 peers", CONVERGED_S)
        wait_until(lambda: peer(fabric, "leaf-2", "swp31")["state"] == "established", "leaf-2 peers", CONVERGED_S)
        yield fabric


def peer(fabric: Fabric, switch: str, port: str) -> dict[str, Any]:
    shown = fabric.read(switch, f"/vrf/default/router/bgp/neighbor/{port}")
    return shown if shown and "state" in shown else {"state": ""}


def prefixes(fabric: Fabric, switch: str, port: str) -> int:
    return peer(fabric, switch, port).get("address-family", {}).get("ipv4-unicast", {}).get("rx-prefix", 0)


def routes(fabric: Fabric, switch: str, vrf: str = "default") -> dict[str, Any]:
    return fabric.read(switch, f"/vrf/{vrf}/router/rib/ipv4/route") or {}


def test_neighbours_establish_without_addresses_and_loopbacks_answer_across_the_spine(fabric: Fabric) -> None:
    wait_until(
        lambda: fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1"), "a leaf reaches the other", CONVERGED_S
    )
    # What is established is one thing, what it has told by then another.
    wait_until(lambda: prefixes(fabric, "spine-1", "swp2") == 1, "the leaf has told its loopback", CONVERGED_S)
    shown = peer(fabric, "spine-1", "swp2")
    assert (shown["state"], shown["remote-as"]) == ("established", 65102)
    wait_until(lambda: peer(fabric, "spine-1", "swp2")["uptime"] > 0, "time passes", CONVERGED_S)
    entry = routes(fabric, "leaf-1")["10.10.10.2/32"]["route-entry"]["1"]
    assert (entry["protocol"], entry["distance"]) == ("bgp", 20)
    assert [hop["interface"] for hop in entry["via-entry"].values()] == ["swp31"]
    assert fabric.read("leaf-1", "/interface/lo")["ip"]["address"] == {"10.10.10.1/32": {}}


def test_a_wrong_as_number_does_not_establish_and_says_so_until_it_is_rolled_back(fabric: Fabric) -> None:
    good = next(iter(fabric.read("leaf-2", "/revision").keys() - {"applied", "startup"}))
    wrong = {"peer-group": {"underlay": {"remote-as": 64999}}}
    fabric.apply("leaf-2", {"vrf": {"default": {"router": {"bgp": wrong}}}})
    wait_until(lambda: "Bad Peer AS" in peer(fabric, "leaf-2", "swp31").get("last-reset-reason", ""), "it says why", 30)
    assert peer(fabric, "leaf-2", "swp31")["state"] != "established"
    assert not fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1")
    fabric.apply("leaf-2", {"rollback": good})
    wait_until(lambda: fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1"), "the leaf is back", CONVERGED_S)


def test_a_rolled_back_revision_takes_addresses_and_routes_with_it(fabric: Fabric) -> None:
    before = fabric.apply("leaf-1", {"interface": {"lo": {"ip": {"address": {"10.10.20.1/32": {}}}}}})
    wait_until(lambda: "10.10.20.1/32" in routes(fabric, "leaf-2"), "the new loopback is told", CONVERGED_S)
    second = {"interface": {"lo": {"ip": {"address": {"10.10.20.2/32": {}}}}, "swp9": {"link": {"mtu": 1400}}}}
    fabric.apply("leaf-1", second)
    wait_until(lambda: "10.10.20.2/32" in routes(fabric, "leaf-2"), "the second too", CONVERGED_S)
    fabric.apply("leaf-1", {"rollback": before})
    wait_until(lambda: "10.10.20.2/32" not in routes(fabric, "leaf-2"), "the second is gone", CONVERGED_S)
    assert "10.10.20.1/32" in routes(fabric, "leaf-2")
    fabric.apply("leaf-1", {"interface": {"lo": {"ip": {"address": {"10.10.20.1/32": None}}}}})


def test_a_network_of_a_tenant_reaches_over_evpn_from_leaf_to_leaf(fabric: Fabric) -> None:
    fabric.host("b1", "10.0.0.1/24")
    fabric.host("b2", "10.0.0.2/24")
    on_each(fabric, LEAVES, lambda _: network(120, "swp2"))
    wait_until(lambda: fabric.pings("b1", "10.0.0.2"), "b1 reaches b2 over the spine", CONVERGED_S)
    shown = fabric.read("leaf-1", "/evpn/vni/10120")
    assert (shown["vlan"], shown["local-vtep"], list(shown["remote-vtep"])) == (120, LOOPBACK["leaf-1"], ["10.10.10.2"])
    assert shown["mac-count"] == 2
    table = fabric.read("leaf-1", "/bridge/domain/br_default/mac-table")
    assert {line["mac"] for line in table.values() if line.get("vlan") == 120} == {"02:e3:40:09:02:01"}
    fabric.host("a1", "10.0.0.3/24")
    assert not fabric.pings("a1", "10.0.0.2")  # a1 is in VLAN 1
    drop = {"bridge": {"domain": {"br_default": {"vlan": {"120": None}}}}, "interface": {"swp2": plain_member()}}
    on_each(fabric, LEAVES, lambda _: drop)
    wait_until(lambda: not fabric.pings("b1", "10.0.0.2"), "nothing carries it any more", CONVERGED_S)
    assert fabric.read("leaf-1", "/evpn/vni/10120") is None


def plain_member() -> dict[str, Any]:
    return {"bridge": {"domain": {"br_default": {"access": None}}}}


TENANTS = {
    "leaf-1": (("tenant-a", 50001, 110, "swp1", "10.1.110.1/24"), ("tenant-b", 50002, 210, "swp2", "10.1.110.1/24")),
    "leaf-2": (("tenant-a", 50001, 111, "swp1", "10.1.111.1/24"), ("tenant-b", 50002, 211, "swp2", "10.1.112.1/24")),
}
"""VRF, L3 VNI, VLAN, port, gateway."""


def tenants(switch: str) -> dict[str, Any]:
    return together(
        *(
            together(network(vlan, port), router(switch, tenant, l3vni, vlan, gateway))
            for tenant, l3vni, vlan, port, gateway in TENANTS[switch]
        )
    )


def without_tenants(switch: str) -> dict[str, Any]:
    of = TENANTS[switch]
    return {
        "bridge": {"domain": {"br_default": {"vlan": {str(vlan): None for _, _, vlan, _, _ in of}}}},
        "interface": {f"vlan{vlan}": None for _, _, vlan, _, _ in of} | {port: plain_member() for *_, port, _ in of},
        "vrf": {tenant: None for tenant, *_ in of},
    }


def test_tenants_with_the_same_addresses_route_in_vrfs_of_their_own_and_never_meet(fabric: Fabric) -> None:
    on_each(fabric, LEAVES, tenants)
    for host, address, gateway in (
        ("a1", "10.1.110.11/24", "10.1.110.1"),
        ("b1", "10.1.110.11/24", "10.1.110.1"),
        ("a2", "10.1.111.11/24", "10.1.111.1"),
        ("b2", "10.1.112.11/24", "10.1.112.1"),
    ):
        fabric.host(host, address, gateway=gateway)
    wait_until(lambda: fabric.pings("a1", "10.1.111.11"), "tenant a is routed from leaf to leaf", CONVERGED_S)
    wait_until(lambda: fabric.pings("b1", "10.1.112.11"), "tenant b too", CONVERGED_S)
    assert not fabric.pings("a1", "10.1.112.11")
    assert not fabric.pings("b1", "10.1.111.11")
    assert not fabric.pings("a1", "10.10.10.2")  # nor the underlay
    own, other = routes(fabric, "leaf-1", "tenant-a"), routes(fabric, "leaf-1", "tenant-b")
    assert {"10.1.110.0/24", "10.1.111.0/24"} <= own.keys()
    assert "10.1.112.0/24" not in own
    assert "10.1.111.0/24" not in other
    assert not {prefix for prefix in routes(fabric, "leaf-1") if prefix.startswith("10.1.")}
    neighbor = fabric.read("leaf-1", "/interface/swp31")["lldp"]["neighbor"]
    assert "spine-1" in neighbor

    move = {"interface": {"swp1": {"bridge": {"domain": {"br_default": {"access": 210}}}}}}
    fabric.apply("leaf-1", move)
    fabric.host("a1", "10.1.110.12/24", gateway="10.1.110.1")
    wait_until(lambda: fabric.pings("a1", "10.1.112.11"), "a port that was moved is in the other tenant", CONVERGED_S)
    assert not fabric.pings("a1", "10.1.111.11")

    on_each(fabric, LEAVES, without_tenants)
    wait_until(lambda: not {name for name in namespaces(fabric) if "tenant" in name}, "the VRFs are gone", CONVERGED_S)
    assert fabric.read("leaf-1", "/vrf/tenant-a") is None
    wait_until(lambda: fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1"), "the underlay stands", CONVERGED_S)


def test_a_gateway_that_both_leaves_share_answers_each_leafs_hosts(fabric: Fabric) -> None:
    own = {"leaf-1": "10.1.130.2/24", "leaf-2": "10.1.130.3/24"}
    vrr = {"state": {"up": {}}, "address": {"10.1.130.1/24": {}}, "mac-address": "00:00:5e:00:01:0d"}
    shared = {"interface": {"vlan130": {"ip": {"vrr": vrr}}}, "router": {"vrr": {"enable": "on"}}}
    on_each(
        fabric,
        LEAVES,
        lambda leaf: together(network(130, "swp1"), router(leaf, "tenant-d", 50004, 130, own[leaf]), shared),
    )
    fabric.host("a1", "10.1.130.11/24", gateway="10.1.130.1")
    fabric.host("a2", "10.1.130.12/24", gateway="10.1.130.1")
    for host, leaf in (("a1", "leaf-1"), ("a2", "leaf-2")):
        wait_until(lambda host=host: fabric.pings(host, "10.1.130.1"), f"the gateway answers {host}", CONVERGED_S)
        fabric.apply(leaf, {"interface": {"swp31": {"link": {"state": {"down": {}, "up": None}}}}})
        assert fabric.pings(host, "10.1.130.1")  # it is the host's own leaf that does
        fabric.apply(leaf, {"interface": {"swp31": {"link": {"state": {"up": {}, "down": None}}}}})
    wait_until(lambda: fabric.pings("a1", "10.1.130.12"), "and the hosts each other", CONVERGED_S)
    gone = {"bridge": {"domain": {"br_default": {"vlan": {"130": None}}}}, "vrf": {"tenant-d": None}}
    on_each(fabric, LEAVES, lambda _: gone | {"interface": {"vlan130": None, "swp1": plain_member()}})


def test_a_port_in_a_vrf_keeps_its_lldp_and_shows_the_light_of_its_cable(fabric: Fabric) -> None:
    link = {"ip": {"vrf": "tenant-c", "address": {"10.9.0.1/31": {}}}, "bridge": {"domain": {"br_default": None}}}
    fabric.apply("leaf-1", {"interface": {"swp1": link}, "vrf": {"tenant-c": {}}})
    fabric.host("a1", "10.9.0.0/31")
    wait_until(lambda: fabric.pings("a1", "10.9.0.1"), "the routed port answers", CONVERGED_S)
    assert fabric.read("leaf-1", "/interface/swp1")["ip"]["address"] == {"10.9.0.1/31": {}}
    fault = {"kind": "cable-unplugged", "target": "leaf-1:swp1", "arguments": {}}
    fabric.site.process.call("POST", "/faults", fault)
    wait_until(lambda: not fabric.carrier("leaf-1.tenant-c", "swp1"), "the VRF sees no light", 20)
    fabric.site.process.call("DELETE", "/faults")
    wait_until(lambda: fabric.pings("a1", "10.9.0.1"), "plugged in again", CONVERGED_S)
    back = {"ip": None, "bridge": {"domain": {"br_default": {}}}}
    fabric.apply("leaf-1", {"interface": {"swp1": back}, "vrf": {"tenant-c": None}})
    wait_until(lambda: fabric.place("leaf-1.tenant-c") not in namespaces(fabric), "the VRF is gone", CONVERGED_S)


def test_a_switch_that_restarts_forwards_nothing_and_comes_back_as_it_was_saved(fabric: Fabric) -> None:
    fabric.site.process.call(
        "POST", "/faults", {"kind": "switch-reboot", "target": "leaf-2", "arguments": {"seconds": 4}}
    )
    wait_until(lambda: peer(fabric, "spine-1", "swp2")["state"] != "established", "the spine misses it", 20)
    wait_until(lambda: fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1"), "it is back", CONVERGED_S)


def test_a_routing_daemon_that_dies_is_started_again_with_its_configuration(fabric: Fabric) -> None:
    group = f"ew{fabric.site.run_id}/frr-spine-1"
    (bgpd,) = [pid for pid in cgroups.processes(group) if Path(f"/proc/{pid}/comm").read_text() == "bgpd\n"]
    os.kill(bgpd, signal.SIGKILL)
    wait_until(lambda: peer(fabric, "leaf-1", "swp31")["state"] != "established", "the leaf misses it", 20)
    wait_until(lambda: fabric.pings("leaf-1", "10.10.10.2", "-I", "10.10.10.1"), "it routes again", CONVERGED_S)


def test_no_namespace_of_a_switch_leads_anywhere_but_to_its_cables(fabric: Fabric) -> None:
    for name in ("leaf-1", "spine-1"):
        table = json.loads(tools.run("ip", "-n", fabric.place(name), "-j", "route"))
        assert not [route for route in table if route["dst"] == "default"]
        links = json.loads(tools.run("ip", "-n", fabric.place(name), "-d", "-j", "link"))
        kinds = {link["ifname"]: link.get("linkinfo", {}).get("info_kind") for link in links}
        ports = {name for name, kind in kinds.items() if kind == "veth"}
        assert ports <= fabric.site.process.spec.port_names(name)
        assert set(kinds.values()) <= {"veth", "bridge", "vxlan", None}
    assert not fabric.pings("leaf-1", "10.127.255.254")  # the management namespace


def test_a_trunk_is_refused_as_the_level_cannot_carry_it(fabric: Fabric) -> None:
    member = {"bridge": {"domain": {"br_default": {"vlan": {"564": {}}}}}}
    bridge = {"domain": {"br_default": {"vlan": {"564": {}}}}}
    told = fabric.configure("leaf-1", {"bridge": bridge, "interface": {"swp3": member}})
    assert told["state"] == "invalid"
    assert "docs/lab.md" in told["issues"][0]


def test_a_killed_lab_leaves_no_router_and_no_vrf(
    machines_level: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with machines_site(str(SITE), tmp_path_factory.mktemp("killed")) as site:
        fabric = Fabric(site)
        fabric.apply("leaf-1", together(underlay("leaf-1"), overlay("leaf-1"), tenants("leaf-1")))
        wait_until(lambda: fabric.read("leaf-1", "/vrf/tenant-a/router/rib/ipv4/route") != {}, "the VRF routes", 30)
        drives, killed = site.options.home / "lab/sites/lab-fabric/drives", site.run_id
        assert {"namespaces", "cgroups", "mounts"} <= left_of(killed, drives).keys()
        site.kill()
    assert left_of(killed, drives) == {}
