"""Routing as NVUE shows it: `/vrf/{vrf}/router/bgp/neighbor`, `/vrf/{vrf}/router/rib/ipv4/route`, `/evpn/vni`.

The places are those of the command reference; the leaves are named after its columns, and no published schema or captured answer has
judged them. A neighbour's configured leaves stand beside what is seen of it.
"""

from datetime import UTC, datetime
from typing import Any

from lab.virtual.routing import Peer, Route, Vni
from lab.virtual.switch.forwarding import BRIDGE, DEFAULT, MANAGEMENT
from lab.virtual.switch.running import Running
from lab.virtual.switch.trees import Tree, merged

FAMILIES = {"ipv4": False, "ipv6": True}


def vrfs(device: Running) -> Tree:
    """Every VRF with its configuration, its neighbours and its routes. `default` and `mgmt` are always there."""
    configured: Tree = {DEFAULT: {}, MANAGEMENT: {}, **device.applied.get("vrf", {})}
    return {name: merged(entry, {"router": _router(device, name)}) for name, entry in configured.items()}


def _router(device: Running, vrf: str) -> Tree:
    routing = device.body.routing
    routes = routing.routes(vrf)
    ribs = {
        name: {"route": _routes(device, [r for r in routes if (":" in r.prefix) == v6])}
        for name, v6 in FAMILIES.items()
    }
    router: Tree = {"rib": ribs}
    if peers := routing.peers(vrf):
        router["bgp"] = {"neighbor": {name: _peer(device, peer) for name, peer in peers.items()}}
    return router


def _peer(device: Running, peer: Peer) -> Tree:
    """`uptime` in ms, as the summary of the command reference has it."""
    shown: Tree = {"state": peer.state, "msg-rcvd": peer.messages_received, "msg-sent": peer.messages_sent}
    if peer.remote_as is not None:
        shown["remote-as"] = peer.remote_as
    if peer.since is not None:
        shown["peer-established-time"] = _stamp(peer.since)
        shown["uptime"] = int((device.world.clock.time() - peer.since) * 1000)
    if peer.reason:
        shown["last-reset-reason"] = peer.reason
    families = {
        name: {"rx-prefix": told.received, "tx-prefix": told.sent} for name, told in sorted(peer.families.items())
    }
    return {**shown, "address-family": families} if families else shown


def _routes(device: Running, routes: list[Route]) -> Tree:
    """By prefix its entries, counted from 1."""
    shown: Tree = {}
    for route in routes:
        entries = shown.setdefault(route.prefix, {"route-entry": {}})["route-entry"]
        entries[str(len(entries) + 1)] = _route(device, route)
    return shown


def _route(device: Running, route: Route) -> Tree:
    flags = {"selected": route.selected, "fib-selected": route.installed, "installed": route.installed}
    entry: Tree = {
        "protocol": route.protocol,
        "distance": route.distance,
        "metric": route.metric,
        "flags": {flag: {} for flag, is_set in flags.items() if is_set},
        "via-entry": {
            hop.address or hop.interface: {
                "type": "ip-address" if hop.address else "interface",
                "interface": hop.interface,
            }
            for hop in route.via
        },
    }
    if route.since is not None:
        entry["uptime"] = _stamp(route.since)
    return entry


def evpn(device: Running) -> Tree:
    """The configured object with what is known of each VNI; what is only configured is shown as it is."""
    known = device.body.routing.vnis()
    configured: Tree = device.applied.get("evpn", {})
    shown: Tree = {"vni": {str(vni.number): _vni(device, vni) for vni in known if vni.layer == 2}}
    counts = {f"l{layer}vni-count": sum(vni.layer == layer for vni in known) for layer in (2, 3)}
    return {**merged(configured, shown), **counts}


def _vni(device: Running, vni: Vni) -> Tree:
    return {
        "bridge-domain": BRIDGE,
        "vlan": vni.vlan,
        "tenant-vrf": vni.vrf,
        "vxlan-interface": "vxlan48",
        "local-vtep": device.body.forwarding.vtep,
        "mac-count": vni.macs,
        "host-count": vni.hosts,
        "remote-vtep": {address: {} for address in vni.remotes},
        "remote-vtep-count": len(vni.remotes),
    }


def _stamp(at: float) -> Any:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
