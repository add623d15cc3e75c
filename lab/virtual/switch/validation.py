"""What the switch itself checks when a configuration is applied: rules that no type can express. Sources: ran.md 3.3 to 4.1."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lab.virtual.switch.schema import Problem, StrictSchema
from lab.virtual.switch.trees import Tree, below

_ON = ("on", "enabled")
_FRONT_PORT = re.compile(r"^swp\d+(s\d+)?$")
_PTP_GLOBALS = ("domain", "priority1", "priority2")


def problems(tree: Tree, schema: StrictSchema, ports: Sequence[str]) -> list[Problem]:
    """Everything wrong with a whole configuration on a switch with these front ports; empty: it can be applied."""
    found = schema.problems(tree)
    for rule in _RULES:
        found += rule(tree, ports)
    return found


def _at(tree: Any, *path: str) -> Any:
    try:
        return below(tree, path)
    except KeyError:
        return {}


def _vlans(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    """VLAN ids are keys, so no type bounds them: 1 to 4094, single or `10-20`."""
    for domain, bridge in _at(tree, "bridge", "domain").items():
        for vlan in _at(bridge, "vlan"):
            if not _is_vlan(vlan):
                yield Problem(("bridge", "domain", domain, "vlan", vlan), "VLAN id must be 1 to 4094")
    for name, interface in _at(tree, "interface").items():
        for domain, member in _at(interface, "bridge", "domain").items():
            for vlan in _at(member, "vlan"):
                if not _is_vlan(vlan):
                    yield Problem(
                        ("interface", name, "bridge", "domain", domain, "vlan", vlan), "VLAN id must be 1 to 4094"
                    )
            if domain not in _at(tree, "bridge", "domain"):
                yield Problem(("interface", name, "bridge", "domain", domain), f"bridge {domain} does not exist")


def _is_vlan(text: str) -> bool:
    return all(part.isdigit() and 1 <= int(part) <= 4094 for part in text.split("-"))


def _vnis(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    """VNI ids are keys too; an L3 VNI that equals an L2 VNI would silently not be created."""
    l2: dict[str, tuple[str, ...]] = {}
    for domain, bridge in _at(tree, "bridge", "domain").items():
        for vlan, entry in _at(bridge, "vlan").items():
            for vni in _at(entry, "vni"):
                path = ("bridge", "domain", domain, "vlan", vlan, "vni", vni)
                if not (vni == "auto" or (vni.isdigit() and 1 <= int(vni) <= 16777214)):
                    yield Problem(path, "VNI must be 1 to 16777214")
                if vni in l2:
                    yield Problem(path, f"VNI {vni} is already mapped at {'.'.join(l2[vni])}")
                l2[vni] = path
    l3: dict[str, str] = {}
    for vrf, entry in _at(tree, "vrf").items():
        for vni in _at(entry, "evpn", "vni"):
            path = ("vrf", vrf, "evpn", "vni", vni)
            if not (vni.isdigit() and 1 <= int(vni) <= 16777214):
                yield Problem(path, "VNI must be 1 to 16777214")
            if vni in l2:
                yield Problem(path, f"L3 VNI {vni} is an L2 VNI already")
            if vni in l3:
                yield Problem(path, f"L3 VNI {vni} belongs to VRF {l3[vni]} already")
            l3[vni] = vrf
        if len(_at(entry, "evpn", "vni")) > 1:
            yield Problem(("vrf", vrf, "evpn", "vni"), "a VRF has one L3 VNI")
        if len(vrf) > 15:
            yield Problem(("vrf", vrf), "a VRF name has at most 15 characters")


def _bgp(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    for path, bgp in (
        (("router", "bgp"), _at(tree, "router", "bgp")),
        *((("vrf", vrf, "router", "bgp"), _at(entry, "router", "bgp")) for vrf, entry in _at(tree, "vrf").items()),
    ):
        if _is_on(bgp):
            for key in ("router-id", "autonomous-system"):
                inherited = _at(tree, "router", "bgp").get(key)
                if not bgp.get(key) and not inherited:
                    yield Problem((*path, "enable"), f"BGP requires {key} to be set globally or in the VRF.")


def _is_on(entry: Any) -> bool:
    return isinstance(entry, dict) and (entry.get("enable") in _ON or entry.get("state") in _ON)


def _schedulers(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    for name, scheduler in _at(tree, "qos", "egress-scheduler").items():
        shares = [entry.get("bw-percent") or 0 for entry in _at(scheduler, "traffic-class").values()]
        if (total := sum(share for share in shares if isinstance(share, int))) > 100:
            yield Problem(("qos", "egress-scheduler", name), f"bw-percent sums to {total}, more than 100")


def _ptp(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    for instance, ptp in _at(tree, "service", "ptp").items():
        path = ("service", "ptp", instance)
        profile = ptp.get("current-profile")
        built_in = ("default-1588", "default-itu-8275-1", "default-itu-8275-2")
        if profile and profile not in built_in and profile not in _at(ptp, "profile"):
            yield Problem((*path, "current-profile"), f"profile {profile} does not exist")
        if profile:
            for key in _PTP_GLOBALS:
                if key in ptp:
                    yield Problem((*path, key), f"{key} is set by the profile {profile}")


def _interfaces(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    split = {
        f"{name}s{lane}"
        for name, interface in _at(tree, "interface").items()
        for ways in _at(interface, "link", "breakout")
        if ways[:-1].isdigit()
        for lane in range(int(ways[:-1]))
    }
    for name, interface in _at(tree, "interface").items():
        if _FRONT_PORT.match(name) and name not in ports and name not in split:
            yield Problem(("interface", name), "no such port on this platform")
        for acl in _at(interface, "acl"):
            if acl not in _at(tree, "acl"):
                yield Problem(("interface", name, "acl", acl), f"acl {acl} does not exist")
        vrf = _at(interface, "ip").get("vrf")
        if vrf and vrf not in ("default", "mgmt") and vrf not in _at(tree, "vrf"):
            yield Problem(("interface", name, "ip", "vrf"), f"vrf {vrf} does not exist")
        if interface.get("type") == "svi" and not interface.get("vlan") and not re.fullmatch(r"vlan\d+", name):
            yield Problem(("interface", name, "vlan"), "an svi needs its vlan")


def _users(tree: Tree, ports: Sequence[str]) -> Iterator[Problem]:
    users = _at(tree, "system", "aaa", "user")
    if not any(entry.get("role", "system-admin") in ("system-admin", "nvue-admin") for entry in users.values()):
        yield Problem(("system", "aaa", "user"), "at least one user must be able to administer the switch")


_RULES: tuple[Callable[[Tree, Sequence[str]], Iterator[Problem]], ...] = (
    _vlans,
    _vnis,
    _bgp,
    _schedulers,
    _ptp,
    _interfaces,
    _users,
)
