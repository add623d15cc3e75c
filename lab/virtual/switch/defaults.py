"""The configuration a switch starts its life with, what `filled=true` adds, and what NVUE fills in by an interface's name."""

import re
from typing import Any

from lab.virtual.sitefile import Login, Site, Switch, SwitchRole
from lab.virtual.switch.accounts import hashed
from lab.virtual.switch.releases import Release
from lab.virtual.switch.trees import Tree, merged

BRIDGE = "br_default"
_TYPES = (
    (re.compile(r"^swp\d+(s\d+)?$"), "swp"),
    (re.compile(r"^eth\d+$"), "eth"),
    (re.compile(r"^lo$"), "loopback"),
    (re.compile(r"^bond\d+$"), "bond"),
    (re.compile(r"^peerlink$"), "peerlink"),
    (re.compile(r"^vlan\d+$"), "svi"),
)
_LINK: Tree = {
    "auto-negotiate": "on",
    "duplex": "full",
    "fec": "auto",
    "mtu": 9216,
    "speed": "auto",
    "state": {"up": {}},
}
_MANAGEMENT_LINK: Tree = {**_LINK, "mtu": 1500}


def day_zero(site: Site, switch: Switch) -> Tree:
    """What zero-touch provisioning left: a name, a management address, one user; every front port in one bridge, except on a
    spine, which only routes. The user's password is the site file's."""
    login: Login = site.logins[switch.login]
    model = site.switch_model(switch)
    interfaces: Tree = {
        model.management_port: {"type": "eth", "ip": {"vrf": "mgmt", "address": {f"{switch.address}/10": {}}}},
        "lo": {"type": "loopback"},
    }
    bridged = switch.role is not SwitchRole.SPINE
    for port in model.port_rates():
        interfaces[port] = {"type": "swp", "link": {"state": {"up": {}}}}
        if bridged:
            interfaces[port]["bridge"] = {"domain": {BRIDGE: {}}}
    tree: Tree = {
        "interface": interfaces,
        "system": {
            "hostname": switch.name,
            "aaa": {"user": {login.user: {"role": "system-admin", "hashed-password": hashed(login.password)}}},
        },
    }
    if bridged:
        tree["bridge"] = {"domain": {BRIDGE: {"type": "vlan-aware", "vlan": {"1": {}}}}}
    return tree


def filled(tree: Tree, release: Release) -> Tree:
    """With the defaults of what is there: links, system settings, LLDP."""
    interfaces = {
        name: {"link": {**(_MANAGEMENT_LINK if entry["type"] == "eth" else _LINK), **entry.get("link", {})}}
        for name, entry in tree.get("interface", {}).items()
        if entry.get("type") in ("swp", "eth", "bond")
    }
    return merged(merged(release.defaults(), tree), {"interface": interfaces} if interfaces else {})


def completed(patch: Any) -> Any:
    """What NVUE adds to an edit: the `type` of an interface with a well-known name, VLAN and bridge of an SVI, and the end of
    the other choice where `link.state` (up or down) is set."""
    interfaces = patch.get("interface") if isinstance(patch, dict) else None
    if not isinstance(interfaces, dict):
        return patch
    return {**patch, "interface": {name: _completed(name, entry) for name, entry in interfaces.items()}}


def _completed(name: str, entry: Any) -> Any:
    kind = next((kind for pattern, kind in _TYPES if pattern.match(name)), None)
    if kind is None or not isinstance(entry, dict):
        return entry
    known: Tree = {"type": kind, **entry}
    if kind == "svi":
        known = {"vlan": int(name[4:]), "base-interface": BRIDGE, **known}
    link = entry.get("link")
    state = link.get("state") if isinstance(link, dict) else None
    if isinstance(link, dict) and isinstance(state, dict) and len(state) == 1:
        other = "down" if "up" in state else "up"
        known["link"] = {**link, "state": {**state, other: None}}
    return known
