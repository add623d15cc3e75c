"""What an applied configuration says about forwarding, typed: ports, VLANs, VRFs, BGP, EVPN. No levels and no kernels here.

Words and defaults are NVUE's: BGP is on where the global object and the VRF's do not say otherwise, a neighbour takes from its peer
group what it does not say itself, a VRF takes ASN and router id from the global object. Sources: `ran.md` 3.5 and 4.1, the published
schemas and the NVUE command reference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.virtual.switch.releases import switched_off, switched_on
from lab.virtual.switch.trees import Tree, below

BRIDGE = "br_default"
DEFAULT = "default"
"""The VRF that everything is in which names no other; FRR's name for it too."""
MANAGEMENT = "mgmt"
NATIVE_VLAN = 1
PORT_MTU = 9216


@dataclass(frozen=True)
class Port:
    """A front port, the management port or the loopback. `vlan`: that of its untagged frames; None if it is in no bridge or has none."""

    name: str
    up: bool = True
    mtu: int = PORT_MTU
    vrf: str = DEFAULT
    addresses: tuple[str, ...] = ()
    vlan: int | None = None
    tagged: tuple[str, ...] = ()
    """VLANs that the port itself names as tagged ones, as written: `10` or `10-20`."""


@dataclass(frozen=True)
class Svi:
    """A VLAN's interface of the router. `gateways`: addresses shared by several switches (VRR), under a MAC address of their own."""

    vlan: int
    up: bool = True
    vrf: str = DEFAULT
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    gateway_mac: str = ""


@dataclass(frozen=True)
class Neighbor:
    """A BGP peer: a port (unnumbered) or an address. `remote_as`: a number, `external` or `internal`."""

    name: str
    remote_as: str
    unnumbered: bool
    families: frozenset[str] = frozenset({"ipv4-unicast"})
    shutdown: bool = False
    timers: tuple[tuple[str, int], ...] = ()
    update_source: str = ""
    multihop: int = 0


@dataclass(frozen=True)
class Bgp:
    """BGP in one VRF. `families`: `ipv4-unicast`, `ipv6-unicast`, `l2vpn-evpn`; `redistribute`: by family."""

    asn: int
    router_id: str
    neighbors: tuple[Neighbor, ...] = ()
    families: frozenset[str] = frozenset()
    redistribute: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    to_evpn: frozenset[str] = frozenset()
    """Families whose routes are told to others by EVPN, as type 5."""
    multipath_relax: bool = False
    rd: str = ""
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()


@dataclass(frozen=True)
class StaticRoute:
    prefix: str
    via: str
    """An address, an interface, `blackhole` or `reject`."""
    distance: int = 1


@dataclass(frozen=True)
class Vrf:
    name: str
    l3vni: int | None = None
    loopback: tuple[str, ...] = ()
    bgp: Bgp | None = None
    static: tuple[StaticRoute, ...] = ()


@dataclass(frozen=True)
class Forwarding:
    """One switch's. `vtep`: the address of its end of VXLAN tunnels, empty without NVE; `evpn`: whether BGP carries its VNIs."""

    ports: Mapping[str, Port] = field(default_factory=dict[str, Port])
    vnis: Mapping[int, int] = field(default_factory=dict[int, int])
    """L2 VNI by VLAN."""
    svis: Mapping[int, Svi] = field(default_factory=dict[int, Svi])
    vrfs: Mapping[str, Vrf] = field(default_factory=dict[str, Vrf])
    vtep: str = ""
    vxlan_port: int = 4789
    arp_suppress: bool = True
    evpn: bool = False

    @property
    def routed(self) -> bool:
        """Whether anything is learned or told by a routing protocol, or routed by hand."""
        return any(vrf.bgp or vrf.static for vrf in self.vrfs.values())

    def addresses(self, interface: str) -> list[str]:
        """Of a port, the loopback or an SVI (`vlan10`)."""
        if interface in self.ports:
            return list(self.ports[interface].addresses)
        return [address for svi in self.svis.values() if f"vlan{svi.vlan}" == interface for address in svi.addresses]

    def vrf_of_vlan(self, vlan: int) -> str:
        return self.svis[vlan].vrf if vlan in self.svis else DEFAULT


def read(tree: Tree) -> Forwarding:
    """Of a whole configuration that the switch itself has accepted."""
    nve, global_bgp = _at(tree, "nve", "vxlan"), _at(tree, "router", "bgp")
    bridge = _at(tree, "bridge", "domain", BRIDGE)
    native = bridge.get("untagged", NATIVE_VLAN)
    interfaces = _at(tree, "interface")
    vxlan = switched_on(nve)
    return Forwarding(
        ports={name: _port(name, entry, native) for name, entry in interfaces.items() if entry.get("type") != "svi"},
        vnis=dict(_vnis(bridge)) if vxlan else {},
        svis={svi.vlan: svi for svi in (_svi(name, entry) for name, entry in interfaces.items()) if svi is not None},
        vrfs={
            name: _vrf(name, entry, global_bgp, vxlan=vxlan)
            for name, entry in {DEFAULT: {}, **_at(tree, "vrf")}.items()
            if name != MANAGEMENT
        },
        vtep=str(_at(nve, "source").get("address") or "") if vxlan else "",
        vxlan_port=int(nve.get("port") or 4789),
        arp_suppress=nve.get("arp-nd-suppress") not in ("off", "disabled"),
        evpn=switched_on(_at(tree, "evpn")),
    )


def _port(name: str, entry: Tree, native: Any) -> Port:
    ip, link, member = _at(entry, "ip"), _at(entry, "link"), _member(entry)
    vlan = None if member is None else member.get("access") or member.get("untagged") or native
    return Port(
        name=name,
        up="down" not in _at(link, "state"),
        mtu=int(link.get("mtu") or PORT_MTU),
        vrf=str(ip.get("vrf") or DEFAULT),
        addresses=tuple(_at(ip, "address")),
        vlan=vlan if isinstance(vlan, int) else None,
        tagged=tuple(_at(member, "vlan")),
    )


def _member(entry: Tree) -> Tree | None:
    try:
        member = below(entry, ("bridge", "domain", BRIDGE))
    except KeyError:
        return None
    return member if isinstance(member, dict) else {}


def _svi(name: str, entry: Tree) -> Svi | None:
    if entry.get("type") != "svi":
        return None
    ip = _at(entry, "ip")
    vrr = _at(ip, "vrr")
    shared = bool(vrr) and "down" not in _at(vrr, "state") and not switched_off(vrr)
    return Svi(
        vlan=int(entry.get("vlan") or name.removeprefix("vlan")),
        up="down" not in _at(entry, "link", "state"),
        vrf=str(ip.get("vrf") or DEFAULT),
        addresses=tuple(_at(ip, "address")),
        gateways=tuple(_at(vrr, "address")) if shared else (),
        gateway_mac=_gateway_mac(vrr),
    )


def _gateway_mac(vrr: Tree) -> str:
    """As configured; by `mac-id` the last byte of VRRP's range, else the fabric-wide default of the vendor's documents."""
    told, number = vrr.get("mac-address"), vrr.get("mac-id")
    if told and told not in ("none", "auto"):
        return str(told).lower()
    return f"00:00:5e:00:01:{number:02x}" if isinstance(number, int) else "00:00:5e:00:01:01"


def _vnis(bridge: Tree) -> Iterator[tuple[int, int]]:
    for vlan, entry in _at(bridge, "vlan").items():
        for vni in _at(entry, "vni"):
            if vlan.isdigit():
                offset = int(bridge.get("vlan-vni-offset") or 0)
                yield int(vlan), int(vlan) + offset if vni == "auto" else int(vni)


def _vrf(name: str, entry: Tree, global_bgp: Tree, *, vxlan: bool) -> Vrf:
    evpn, router = _at(entry, "evpn"), _at(entry, "router")
    vni = next((int(vni) for vni in _at(evpn, "vni")), None)
    return Vrf(
        name=name,
        l3vni=vni if vxlan and not switched_off(evpn) else None,
        loopback=tuple(_at(entry, "loopback", "ip", "address")),
        bgp=_bgp(_at(router, "bgp"), global_bgp),
        static=tuple(_static(_at(router, "static"))),
    )


def _bgp(bgp: Tree, above: Tree) -> Bgp | None:
    """None where it is off. In a VRF it is on as soon as something is configured there."""
    asn = bgp.get("autonomous-system") or above.get("autonomous-system")
    router_id = bgp.get("router-id") or above.get("router-id")
    if not bgp or switched_off(bgp) or switched_off(above) or not isinstance(asn, int) or not router_id:
        return None
    families = _at(bgp, "address-family")
    groups = _at(bgp, "peer-group")
    relax = _at(bgp, "path-selection", "multipath").get("aspath-ignore")
    return Bgp(
        asn=asn,
        router_id=str(router_id),
        neighbors=tuple(
            _neighbor(name, entry, _at(groups, str(entry.get("peer-group"))))
            for name, entry in _at(bgp, "neighbor").items()
            if not switched_off(entry)
        ),
        families=frozenset(name for name in families if switched_on(families[name])) | _implied(families),
        redistribute=tuple(
            (family, protocol)
            for family in ("ipv4-unicast", "ipv6-unicast")
            for protocol, entry in _at(families, family, "redistribute").items()
            if switched_on(entry)
        ),
        networks=tuple(
            (family, prefix)
            for family in ("ipv4-unicast", "ipv6-unicast")
            for prefix in _at(families, family, "network")
        ),
        to_evpn=frozenset(name for name in families if switched_on(_at(families, name, "route-export", "to-evpn"))),
        multipath_relax=relax in ("on", "enabled"),
        rd="" if bgp.get("rd") in (None, "none") else str(bgp["rd"]),
        imports=tuple(_at(bgp, "route-import", "from-evpn", "route-target")),
        exports=tuple(_at(bgp, "route-export", "to-evpn", "route-target")),
    )


def _implied(families: Tree) -> frozenset[str]:
    """IPv4 unicast is on unless it is switched off."""
    return frozenset() if switched_off(_at(families, "ipv4-unicast")) else frozenset({"ipv4-unicast"})


def _neighbor(name: str, entry: Tree, group: Tree) -> Neighbor:
    def said(key: str) -> Any:
        own = entry.get(key)
        return own if own not in (None, "auto", "none") else group.get(key)

    families = {"ipv4-unicast": {"enable": "on"}, **_at(group, "address-family"), **_at(entry, "address-family")}
    timers = {**_at(group, "timers"), **_at(entry, "timers")}
    hops = said("multihop-ttl")
    return Neighbor(
        name=name,
        remote_as=str(said("remote-as") or ""),
        unnumbered=entry.get("type") == "unnumbered" or not name[:1].isdigit(),
        families=frozenset(family for family, told in families.items() if _family_on(family, told)),
        shutdown=said("shutdown") in ("on", "enabled"),
        timers=tuple(sorted((key, value) for key, value in timers.items() if isinstance(value, int))),
        update_source=str(said("update-source") or ""),
        multihop=hops if isinstance(hops, int) else 0,
    )


def _family_on(family: str, told: Tree) -> bool:
    return not switched_off(told) if family == "ipv4-unicast" else switched_on(told)


def _static(routes: Tree) -> Iterator[StaticRoute]:
    for prefix, entry in routes.items():
        for via in _at(entry, "via"):
            yield StaticRoute(prefix, via)
        for distance, path in _at(entry, "distance").items():
            for via in _at(path, "via"):
                yield StaticRoute(prefix, via, int(distance))


def _at(tree: Any, *path: str) -> Tree:
    """The object at a path, empty where there is none."""
    try:
        found = below(tree, path)
    except KeyError:
        return {}
    return found if isinstance(found, dict) else {}
