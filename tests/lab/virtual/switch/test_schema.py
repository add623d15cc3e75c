"""The published schema made strict: what the plain models let pass is caught, what is right is not."""

import importlib
from typing import Any

import pytest

from lab.virtual.switch.schema import schema_for

# From reference 4.1: a tenant on Spectrum with EVPN/VXLAN, in the words of 5.13 and before.
TENANT: dict[str, Any] = {
    "router": {"bgp": {"enable": "on", "autonomous-system": 65101, "router-id": "10.10.10.1"}, "vrr": {"enable": "on"}},
    "interface": {
        "lo": {"ip": {"address": {"10.10.10.1/32": {}}}, "type": "loopback"},
        "swp51": {"type": "swp"},
        "vlan110": {
            "type": "svi", "vlan": 110, "base-interface": "br_default",
            "ip": {"vrf": "tenant-a", "address": {"10.1.110.2/24": {}},
                   "vrr": {"state": {"up": {}}, "address": {"10.1.110.1/24": {}}, "mac-address": "00:00:5e:00:01:01"}},
        },
        "swp5": {"type": "swp", "bridge": {"domain": {"br_default": {"access": 110}}}, "acl": {"tenant-a-in": {"inbound": {}}}},
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
        "tenant-a": {"evpn": {"enable": "on", "vni": {"50001": {}}}},
    },
    "acl": {"tenant-a-in": {"type": "ipv4", "rule": {"1000": {"match": {"ip": {"dest-ip": "10.0.0.0/8"}}, "action": {"deny": {}}}}}},
    "qos": {"egress-scheduler": {"fronthaul": {"traffic-class": {"7": {"mode": "strict"}, "0": {"mode": "dwrr", "bw-percent": 40}}}}},
}  # fmt: skip


def test_the_documented_tenant_has_no_problem_in_5_11() -> None:
    assert schema_for("5.11.1").problems(TENANT) == []


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"nonsense": {}}, "nonsense"),
        ({"interface": {"swp1": {"link": {"mtuu": 1}}}}, "interface.swp1.link.mtuu"),
        ({"vrf": {"t": {"router": {"bgp": {"neighbour": {}}}}}}, "vrf.t.router.bgp.neighbour"),
        ({"acl": {"a": {"rule": {"1": {"action": {"allow": {}}}}}}}, "acl.a.rule.1.action.allow"),
        ({"interface": {"swp1": {"link": {"state": {"up": {"why": 1}}}}}}, "interface.swp1.link.state.up.why"),
        ({"nonsense": None}, "nonsense"),
    ],
)
def test_an_unknown_key_is_found_at_any_depth(tree: dict[str, Any], path: str) -> None:
    schema = schema_for("5.11.1")
    if path != "interface.swp1.link.state.up.why":
        schema.root.model_validate({k: v for k, v in tree.items() if v is not None})  # the plain models see nothing
    assert [problem.location for problem in schema.unknown_keys(tree)] == [path]


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"interface": {"swp1": {"link": {"mtu": -1}}}}, "interface.swp1.link.mtu"),
        ({"router": {"bgp": {"autonomous-system": "many"}}}, "router.bgp.autonomous-system"),
        ({"acl": {"a": {"type": "ipv9"}}}, "acl.a.type"),
        ({"vrf": {"t": {"router": {"bgp": {"rd": "x"}}}}}, "vrf.t.router.bgp.rd"),
        ({"evpn": {"enable": "maybe"}}, "evpn.enable"),
        ({"interface": "swp1"}, "interface"),
    ],
)
def test_a_wrong_value_is_found_and_named_once_by_its_keys(tree: dict[str, Any], path: str) -> None:
    assert [problem.location for problem in schema_for("5.11.1").wrong_values(tree)] == [path]


def test_null_deletes_and_is_fine_wherever_its_key_is() -> None:
    assert schema_for("5.11.1").problems({"interface": {"swp1": None, "swp2": {"link": {"mtu": None}}}}) == []


def test_a_release_brings_its_own_words() -> None:
    old, new = {"evpn": {"enable": "on"}}, {"evpn": {"state": "enabled"}}
    assert schema_for("5.11.1").unknown_keys(old) == []
    assert schema_for("5.16.0").unknown_keys(old) != []
    assert schema_for("5.16.0").unknown_keys(new) == []


@pytest.mark.parametrize(("release", "used"), [("5.11.1", "5.11"), ("5.99.0", "5.18"), ("unknown", "5.18")])
def test_the_nearest_published_release_is_used(release: str, used: str) -> None:
    assert schema_for(release).release == used


def test_the_published_models_are_left_as_they_are() -> None:
    schema_for("5.11.1").problems(TENANT)
    module = importlib.import_module("nvueschema.models.v5_11")
    assert module.NvueConfig.model_config.get("extra") is None
