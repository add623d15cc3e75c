"""What a switch's kernel should hold for its configuration, and the commands that lead there from what it holds: pure.

The kernel of this level may know no VRF and no VLAN. So a VRF is a namespace of its own, and a VLAN is a bridge of its own, in the
namespace of its SVI. Ports stay where their cables and their lldpd are: what arrives on one that belongs to a VRF's namespace is led
there over a pair of links, LLDP excepted, and whether there is light is shown at the other end too.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from lab.virtual.switch.forwarding import BRIDGE, DEFAULT, MANAGEMENT, NATIVE_VLAN, PORT_MTU, Forwarding, Port, Svi

VXLAN_BYTES = 50
LEAD = "in-"
_CENTISECONDS = 100
LOOP_SAFE = f"stp_state 1 forward_delay {2 * _CENTISECONDS} ageing_time {1800 * _CENTISECONDS} mcast_snooping 0"
"""Cumulus runs RSTP on every bridge, and so long remembers addresses. The kernel has only STP, here with its shortest delay."""


class Kind(StrEnum):
    PORT = "port"
    LOOPBACK = "loopback"
    BRIDGE = "bridge"
    VXLAN = "vxlan"
    LEAD = "lead"
    """The end of a pair that is in the switch's own namespace."""
    INNER = "inner"
    """Its other end: the port as its VRF has it."""
    GATEWAY = "gateway"
    """A second MAC address on a bridge, shared with other switches."""


MADE = (Kind.GATEWAY, Kind.VXLAN, Kind.LEAD, Kind.BRIDGE)
"""What is made and removed, in the order of removal. An inner end comes and goes with its pair."""


@dataclass(frozen=True)
class Link:
    """`over`: the port that a pair leads away, or the bridge below a gateway's address. `into`: the VRF that a pair leads to."""

    name: str
    vrf: str
    kind: Kind
    up: bool = True
    mtu: int = 0
    mac: str = ""
    master: str = ""
    addresses: frozenset[str] = frozenset()
    link_local: bool = True
    vni: int = 0
    local: str = ""
    suppress: bool = False
    """Whether a VXLAN answers for hosts at the other end instead of asking them (ARP, ND)."""
    over: str = ""
    into: str = ""

    @property
    def made_of(self) -> tuple[object, ...]:
        """What cannot be changed while it is there."""
        mac = self.mac if self.kind is Kind.GATEWAY else ""
        return (self.kind, self.vni, self.local, self.into, mac)


type Where = tuple[str, str]
"""VRF and name."""


@dataclass(frozen=True)
class State:
    """`carriers`: ports with light."""

    links: Mapping[Where, Link] = field(default_factory=dict[Where, Link])
    carriers: frozenset[str] = frozenset()

    def addresses(self) -> dict[str, list[str]]:
        """By the name that NVUE has for the interface: a port is where its frames are, an SVI is a bridge."""
        native = {BRIDGE: f"vlan{NATIVE_VLAN}"}
        found: dict[str, list[str]] = {}
        for link in self.links.values():
            if (
                link.addresses
                and not (link.kind is Kind.LOOPBACK and link.vrf != DEFAULT)
                and link.kind is not Kind.GATEWAY
            ):
                found[native.get(link.name, link.name)] = sorted(link.addresses)
        return found


@dataclass(frozen=True)
class Hardware:
    """What the switch has whatever is configured: its MAC address and its ports'. `fixed`: ports of the level's own, always in VLAN 1."""

    mac: str
    ports: Mapping[str, str]
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One command of `ip` or `tc` in the namespace of a VRF. `{NAME}` stands for that of another VRF."""

    vrf: str
    command: str
    tool: str = "ip"
    to: str = ""


def vrfs(forwarding: Forwarding) -> frozenset[str]:
    """Every VRF that needs a namespace of its own."""
    named = {*forwarding.vrfs, *(svi.vrf for svi in forwarding.svis.values())}
    named |= {port.vrf for port in forwarding.ports.values()}
    return frozenset(named) - {DEFAULT, MANAGEMENT}


def bridge_name(vlan: int) -> str:
    return BRIDGE if vlan == NATIVE_VLAN else f"vlan{vlan}"


def wanted(forwarding: Forwarding, hardware: Hardware, carriers: Collection[str], *, running: bool) -> State:
    """What the configuration asks for. `running`: whether the switch is; while it is not, its ports are dark."""
    links: list[Link] = []
    for name in (*hardware.ports, *hardware.fixed):
        fixed = Port(name, vlan=NATIVE_VLAN) if name in hardware.fixed else None
        port = fixed or forwarding.ports.get(name) or Port(name, up=False)
        links += _port(replace(port, up=port.up and running), forwarding, hardware, name in carriers)
    links += _vlans(forwarding, hardware)
    for vrf in forwarding.vrfs.values():
        if vrf.l3vni is not None and forwarding.vtep and vrf.name != DEFAULT:
            links += _l3vni(vrf.name, vrf.l3vni, forwarding, hardware)
    links += _loopbacks(forwarding)
    return State({(link.vrf, link.name): link for link in links}, frozenset(carriers))


def _port(port: Port, forwarding: Forwarding, hardware: Hardware, lit: bool) -> Iterator[Link]:
    routed = port.vlan is None and port.vrf != MANAGEMENT
    vrf = port.vrf if routed else DEFAULT if port.vlan is None else forwarding.vrf_of_vlan(port.vlan)
    master = bridge_name(port.vlan) if port.vlan is not None else ""
    own = Link(
        port.name,
        vrf,
        Kind.PORT,
        port.up,
        port.mtu,
        master=master,
        addresses=frozenset(port.addresses) if routed else frozenset(),
    )
    if vrf == DEFAULT:
        yield own
        return
    yield Link(port.name, DEFAULT, Kind.PORT, port.up, port.mtu, link_local=False)
    lit = lit and port.up
    yield Link(LEAD + port.name, DEFAULT, Kind.LEAD, lit, port.mtu, link_local=False, over=port.name, into=vrf)
    yield replace(own, kind=Kind.INNER, up=True, mac=hardware.ports[port.name].lower())


def _vlans(forwarding: Forwarding, hardware: Hardware) -> Iterator[Link]:
    members = {port.vlan for port in forwarding.ports.values() if port.vlan is not None}
    native = {NATIVE_VLAN} if hardware.fixed else set[int]()
    for vlan in sorted(members | native | set(forwarding.vnis) | set(forwarding.svis)):
        svi = forwarding.svis.get(vlan, Svi(vlan))
        name = bridge_name(vlan)
        addresses = frozenset(svi.addresses) if svi.up else frozenset[str]()
        yield Link(name, svi.vrf, Kind.BRIDGE, mac=hardware.mac.lower(), addresses=addresses)
        if vlan in forwarding.vnis and forwarding.vtep:
            yield _vxlan(forwarding.vnis[vlan], svi.vrf, name, forwarding)
        if svi.gateways and svi.up:
            yield Link(
                f"vlan{vlan}-v0",
                svi.vrf,
                Kind.GATEWAY,
                mac=svi.gateway_mac,
                addresses=frozenset(svi.gateways),
                link_local=False,
                over=name,
            )


def _vxlan(vni: int, vrf: str, bridge: str, forwarding: Forwarding) -> Link:
    return Link(
        f"vni{vni}",
        vrf,
        Kind.VXLAN,
        mtu=PORT_MTU - VXLAN_BYTES,
        master=bridge,
        link_local=False,
        vni=vni,
        local=forwarding.vtep,
        suppress=forwarding.arp_suppress,
    )


def _l3vni(vrf: str, vni: int, forwarding: Forwarding, hardware: Hardware) -> Iterator[Link]:
    """A bridge without an address, whose MAC address is the router's for the other end of the tunnel."""
    name = f"l3vni{vni}"
    yield Link(name, vrf, Kind.BRIDGE, mac=hardware.mac.lower(), link_local=False)
    yield _vxlan(vni, vrf, name, forwarding)


def _loopbacks(forwarding: Forwarding) -> Iterator[Link]:
    own = forwarding.ports.get("lo")
    for vrf in (DEFAULT, *sorted(vrfs(forwarding))):
        addresses = forwarding.vrfs[vrf].loopback if vrf in forwarding.vrfs else ()
        addresses = (*addresses, *(own.addresses if own and vrf == DEFAULT else ()))
        yield Link("lo", vrf, Kind.LOOPBACK, addresses=frozenset(addresses))


# -- what is there ---------------------------------------------------------------------------------------------------


def there(shown: Mapping[str, list[dict[str, Any]]], hardware: Hardware) -> State:
    """By VRF what `ip -d -j link show` prints in its namespace, with `addr_info` of `ip addr`; what is none of ours is left out."""
    links: dict[Where, Link] = {}
    carriers: set[str] = set()
    for vrf, entries in shown.items():
        for entry in entries:
            name = entry["ifname"]
            kind = _kind(vrf, entry, hardware)
            if kind is None:
                continue
            if kind is Kind.PORT and {"UP", "LOWER_UP"} <= set(entry["flags"]):
                carriers.add(name)
            links[vrf, name] = _link(vrf, kind, entry)
    for vrf, name in [where for where, link in links.items() if link.kind is Kind.INNER]:
        if lead := links.get((DEFAULT, LEAD + name)):
            links[DEFAULT, lead.name] = replace(lead, into=vrf)
    return State(links, frozenset(carriers))


def _kind(vrf: str, entry: dict[str, Any], hardware: Hardware) -> Kind | None:
    name, kind = entry["ifname"], entry.get("linkinfo", {}).get("info_kind", "")
    if "LOOPBACK" in entry["flags"]:
        return Kind.LOOPBACK
    if kind == "veth" and vrf == DEFAULT:
        if name in hardware.ports or name in hardware.fixed:
            return Kind.PORT
        return Kind.LEAD if name.startswith(LEAD) else None
    known = {"veth": Kind.INNER, "bridge": Kind.BRIDGE, "vxlan": Kind.VXLAN, "macvlan": Kind.GATEWAY}
    return known.get(kind)


def _link(vrf: str, kind: Kind, entry: dict[str, Any]) -> Link:
    told, slave = (entry.get("linkinfo", {}).get(part, {}) for part in ("info_data", "info_slave_data"))
    name = entry["ifname"]
    # The kernel's own addresses on a loopback are nobody's configuration.
    own = ("127.0.0.1", "::1") if kind is Kind.LOOPBACK else ()
    addresses = {
        f"{address['local']}/{address['prefixlen']}"
        for address in entry.get("addr_info", [])
        if address["scope"] != "link" and address["local"] not in own
    }
    return Link(
        name,
        vrf,
        kind,
        up="UP" in entry["flags"],
        mtu=entry["mtu"],
        mac=entry.get("address", ""),
        master=entry.get("master", ""),
        addresses=frozenset(addresses),
        link_local=entry.get("inet6_addr_gen_mode") != "none",
        vni=told.get("id", 0),
        local=told.get("local", ""),
        suppress=kind is Kind.VXLAN and bool(slave.get("neigh_suppress")),
        over=name.removeprefix(LEAD) if kind is Kind.LEAD else entry.get("link", ""),
    )
