"""The configuration of FRR that an applied NVUE configuration comes to: pure. The defaults are those of Cumulus (`datacenter`)."""

from collections.abc import Collection, Iterable, Iterator

from lab.virtual.switch.forwarding import DEFAULT, Bgp, Forwarding, Neighbor, StaticRoute, Vrf

_FAMILIES = {"ipv4-unicast": "ipv4 unicast", "ipv6-unicast": "ipv6 unicast", "l2vpn-evpn": "l2vpn evpn"}
_TIMERS = {"connection-retry": "timers connect {}", "route-advertisement": "advertisement-interval {}"}


def configuration(hostname: str, forwarding: Forwarding, found: Collection[str] = ()) -> str:
    """One integrated configuration (`frr.conf`), in the order and words of `vtysh`, so that a reload finds few differences.

    `found`: VRFs that zebra has a namespace of. It then shows the namespace as if it had been configured, so a reload must have the
    line, while at a start it would be refused. A VRF that is only found is kept, with nothing in it.
    """
    names = sorted({*forwarding.vrfs, *found}, key=lambda name: (name != DEFAULT, name))
    vrfs = [forwarding.vrfs.get(name, Vrf(name)) for name in names]
    lines = ["frr defaults datacenter", f"hostname {hostname}", "service integrated-vtysh-config", "!"]
    for vrf in vrfs:
        lines += _vrf(vrf, found)
    for vrf in vrfs:
        if vrf.bgp is not None:
            lines += _bgp(vrf.name, vrf.bgp, forwarding)
    return "\n".join(lines) + "\n"


def _vrf(vrf: Vrf, found: Collection[str]) -> Iterable[str]:
    if vrf.name == DEFAULT:
        return [*map(_route, vrf.static), "!"]
    vni = [f" vni {vrf.l3vni}"] if vrf.l3vni is not None else []
    netns = [f" netns /run/netns/{vrf.name}"] if vrf.name in found else []
    return [f"vrf {vrf.name}", *(f" {_route(route)}" for route in vrf.static), *vni, *netns, "exit-vrf", "!"]


def _route(route: StaticRoute) -> str:
    family = "ipv6" if ":" in route.prefix else "ip"
    distance = f" {route.distance}" if route.distance != 1 else ""
    return f"{family} route {route.prefix} {route.via}{distance}"


def _bgp(vrf: str, bgp: Bgp, forwarding: Forwarding) -> Iterator[str]:
    yield f"router bgp {bgp.asn}" + (f" vrf {vrf}" if vrf != DEFAULT else "")
    yield f" bgp router-id {bgp.router_id}"
    yield " no bgp default ipv4-unicast"
    if bgp.multipath_relax:
        yield " bgp bestpath as-path multipath-relax"
    for neighbor in bgp.neighbors:
        yield from _neighbor(neighbor)
    for family in _FAMILIES:
        if family in bgp.families:
            lines = list(_family(family, vrf, bgp, forwarding))
            yield from [
                " !",
                f" address-family {_FAMILIES[family]}",
                *(f"  {line}" for line in lines),
                " exit-address-family",
            ]
    if vrf != DEFAULT and bgp.to_evpn and "l2vpn-evpn" not in bgp.families:
        lines = list(_tenant_evpn(bgp))
        yield from [" !", " address-family l2vpn evpn", *(f"  {line}" for line in lines), " exit-address-family"]
    yield "exit"
    yield "!"


def _neighbor(neighbor: Neighbor) -> Iterator[str]:
    """Without a remote AS FRR would take the peer and never speak to it, as NVUE's does: there is nothing to write."""
    if not neighbor.remote_as:
        return
    kind = " interface" if neighbor.unnumbered else ""
    yield f" neighbor {neighbor.name}{kind} remote-as {neighbor.remote_as}"
    timers = dict(neighbor.timers)
    if "keepalive" in timers and "hold" in timers:
        yield f" neighbor {neighbor.name} timers {timers['keepalive']} {timers['hold']}"
    for key, words in _TIMERS.items():
        if key in timers:
            yield f" neighbor {neighbor.name} {words.format(timers[key])}"
    if neighbor.update_source:
        yield f" neighbor {neighbor.name} update-source {neighbor.update_source}"
    if neighbor.multihop:
        yield f" neighbor {neighbor.name} ebgp-multihop {neighbor.multihop}"
    if neighbor.shutdown:
        yield f" neighbor {neighbor.name} shutdown"


def _family(family: str, vrf: str, bgp: Bgp, forwarding: Forwarding) -> Iterator[str]:
    yield from (f"network {prefix}" for of, prefix in bgp.networks if of == family)
    yield from (f"redistribute {protocol}" for of, protocol in bgp.redistribute if of == family)
    for neighbor in bgp.neighbors:
        if family in neighbor.families and neighbor.remote_as:
            yield f"neighbor {neighbor.name} activate"
    if family == "l2vpn-evpn":
        if vrf != DEFAULT:
            yield from _tenant_evpn(bgp)
        elif forwarding.evpn:
            yield "advertise-all-vni"


def _tenant_evpn(bgp: Bgp) -> Iterator[str]:
    yield from (f"advertise {_FAMILIES[family]}" for family in sorted(bgp.to_evpn))
    if bgp.rd:
        yield f"rd {bgp.rd}"
    yield from (f"route-target import {target}" for target in bgp.imports)
    yield from (f"route-target export {target}" for target in bgp.exports)
