"""What an applied configuration says about forwarding, in the words of NVUE; the defaults are those of the vendor's documents."""

from typing import Any

import pytest

from lab.virtual.switch.forwarding import Bgp, Forwarding, StaticRoute, read
from lab.virtual.switch.schema import schema_for

# Reference 4.1, as printed there but for the ports, in the words of 5.13.
DOCUMENTED: dict[str, Any] = {
    "router": {"bgp": {"enable": "on", "autonomous-system": 65101, "router-id": "10.10.10.1"}},
    "interface": {
        "lo": {"ip": {"address": {"10.10.10.1/32": {}}}, "type": "loopback"},
        "swp51": {"type": "swp"},
        "swp5": {"type": "swp", "bridge": {"domain": {"br_default": {"access": 110}}}},
        "swp6": {"type": "swp", "bridge": {"domain": {"br_default": {"vlan": {"564": {}}, "untagged": "none"}}}},
        "swp7": {"type": "swp", "bridge": {"domain": {"br_default": {}}}, "link": {"state": {"down": {}}, "mtu": 1500}},
        "vlan110": {
            "type": "svi", "vlan": 110, "base-interface": "br_default",
            "ip": {"vrf": "tenant-a", "address": {"10.1.110.2/24": {}},
                   "vrr": {"state": {"up": {}}, "address": {"10.1.110.1/24": {}}, "mac-address": "00:00:5e:00:01:01"}},
        },
        "eth0": {"type": "eth", "ip": {"vrf": "mgmt", "address": {"192.0.2.1/24": {}}}},
    },
    "nve": {"vxlan": {"enable": "on", "source": {"address": "10.10.10.1"}, "arp-nd-suppress": "on"}},
    "evpn": {"enable": "on"},
    "bridge": {"domain": {"br_default": {"type": "vlan-aware", "vlan": {"110": {"vni": {"10110": {}}}}}}},
    "vrf": {
        "default": {"router": {"bgp": {
            "enable": "on",
            "neighbor": {"swp51": {"type": "unnumbered", "peer-group": "underlay"}},
            "peer-group": {"underlay": {"remote-as": "external", "address-family": {"l2vpn-evpn": {"enable": "on"}}}},
            "path-selection": {"multipath": {"aspath-ignore": "on"}},
            "address-family": {"ipv4-unicast": {"enable": "on", "redistribute": {"connected": {"enable": "on"}}},
                               "l2vpn-evpn": {"enable": "on"}},
        }}},
        "tenant-a": {
            "evpn": {"enable": "on", "vni": {"50001": {}}},
            "router": {"bgp": {
                "enable": "on", "autonomous-system": 65101, "router-id": "10.10.10.1", "rd": "10.10.10.1:5",
                "route-import": {"from-evpn": {"route-target": {"65101:50001": {}}}},
                "route-export": {"to-evpn": {"route-target": {"65101:50001": {}}}},
                "address-family": {"ipv4-unicast": {"enable": "on", "redistribute": {"connected": {"enable": "on"}},
                                                    "route-export": {"to-evpn": {"enable": "on"}}}},
            }},
        },
    },
}  # fmt: skip


@pytest.fixture
def documented() -> Forwarding:
    assert schema_for("5.13").problems(DOCUMENTED) == []
    return read(DOCUMENTED)


def test_the_documented_example_is_read_whole(documented: Forwarding) -> None:
    bgp = documented.vrfs["default"].bgp
    assert bgp is not None
    (neighbor,) = bgp.neighbors
    assert (bgp.asn, bgp.router_id, bgp.multipath_relax) == (65101, "10.10.10.1", True)
    assert (neighbor.name, neighbor.unnumbered, neighbor.remote_as) == ("swp51", True, "external")
    assert neighbor.families == {"ipv4-unicast", "l2vpn-evpn"}
    assert bgp.redistribute == (("ipv4-unicast", "connected"),)
    assert (documented.vtep, documented.evpn, documented.vnis) == ("10.10.10.1", True, {110: 10110})
    tenant = documented.vrfs["tenant-a"]
    assert tenant.l3vni == 50001
    assert tenant.bgp is not None
    assert (tenant.bgp.rd, tenant.bgp.imports, tenant.bgp.to_evpn) == (
        "10.10.10.1:5",
        ("65101:50001",),
        {"ipv4-unicast"},
    )


def test_the_newer_words_mean_the_same(documented: Forwarding) -> None:
    assert read(_newer(DOCUMENTED)) == documented


def _newer(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return {"on": "enabled"}.get(tree, tree) if isinstance(tree, str) else tree
    return {("state" if key == "enable" else key): _newer(value) for key, value in tree.items()}


def test_ports_are_in_the_vlan_of_their_untagged_frames(documented: Forwarding) -> None:
    ports = documented.ports
    assert (ports["swp5"].vlan, ports["swp6"].vlan, ports["swp7"].vlan, ports["swp51"].vlan) == (110, None, 1, None)
    assert ports["swp6"].tagged == ("564",)
    assert (ports["swp7"].up, ports["swp7"].mtu, ports["swp51"].mtu) == (False, 1500, 9216)
    assert documented.vrf_of_vlan(110) == "tenant-a"
    assert "mgmt" not in documented.vrfs


def test_a_gateway_is_shared_only_while_it_is_up(documented: Forwarding) -> None:
    assert documented.svis[110].gateways == ("10.1.110.1/24",)
    svi = {**DOCUMENTED["interface"]["vlan110"]}
    svi["ip"] = {**svi["ip"], "vrr": {"address": {"10.1.110.1/24": {}}, "state": {"down": {}}, "mac-id": 10}}
    down = read({"interface": {"vlan110": svi}}).svis[110]
    assert (down.gateways, down.gateway_mac) == ((), "00:00:5e:00:01:0a")


def test_without_nve_there_is_no_tunnel_and_no_vni() -> None:
    off = read({**DOCUMENTED, "nve": {"vxlan": {"enable": "off", "source": {"address": "10.10.10.1"}}}})
    assert (off.vtep, off.vnis, off.vrfs["tenant-a"].l3vni) == ("", {}, None)


def test_bgp_is_off_where_any_of_its_objects_says_so_and_inherits_what_a_vrf_leaves_out() -> None:
    def bgp(above: dict[str, Any], own: dict[str, Any]) -> Bgp | None:
        return read({"router": {"bgp": above}, "vrf": {"v": {"router": {"bgp": own}}}}).vrfs["v"].bgp

    told = {"autonomous-system": 65101, "router-id": "10.0.0.1"}
    found = bgp({"enable": "on", **told}, {"enable": "on"})
    assert found is not None
    assert (found.asn, found.router_id) == (65101, "10.0.0.1")
    assert bgp({"enable": "off", **told}, {"enable": "on"}) is None
    assert bgp({"enable": "on", **told}, {"enable": "off"}) is None
    assert bgp({"enable": "on", **told}, {}) is None


def test_a_neighbour_overrules_its_group() -> None:
    bgp = {
        "enable": "on",
        "peer-group": {"g": {"remote-as": "external", "timers": {"hold": 9, "keepalive": 3}, "shutdown": "on"}},
        "neighbor": {
            "10.0.0.2": {
                "peer-group": "g",
                "remote-as": 65002,
                "shutdown": "off",
                "timers": {"hold": 30},
                "multihop-ttl": 4,
            },
            "swp1": {"remote-as": "external", "enable": "off"},
        },
    }
    tree = {
        "router": {"bgp": {"autonomous-system": 1, "router-id": "1.1.1.1"}},
        "vrf": {"default": {"router": {"bgp": bgp}}},
    }
    found = read(tree).vrfs["default"].bgp
    assert found is not None
    (neighbor,) = found.neighbors
    assert (neighbor.remote_as, neighbor.shutdown, neighbor.unnumbered, neighbor.multihop) == ("65002", False, False, 4)
    assert dict(neighbor.timers) == {"hold": 30, "keepalive": 3}


def test_static_routes_of_both_forms_are_read() -> None:
    routes = {"10.0.0.0/8": {"via": {"blackhole": {"type": "blackhole"}}, "distance": {"5": {"via": {"10.1.1.1": {}}}}}}
    found = read({"vrf": {"default": {"router": {"static": routes}}}})
    assert found.vrfs["default"].static == (
        StaticRoute("10.0.0.0/8", "blackhole"),
        StaticRoute("10.0.0.0/8", "10.1.1.1", 5),
    )
    assert found.routed
    assert not read({}).routed


def test_a_vni_may_follow_from_the_vlan() -> None:
    bridge = {"br_default": {"vlan-vni-offset": 10000, "vlan": {"10": {"vni": {"auto": {}}}, "20": {}}}}
    tree = {"bridge": {"domain": bridge}, "nve": {"vxlan": {"enable": "on", "source": {"address": "10.0.0.1"}}}}
    assert read(tree).vnis == {10: 10010}
