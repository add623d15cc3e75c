"""From what a switch's kernel holds to what it should hold, in commands: only the differences, and none where there is none. Pure."""

from collections.abc import Iterator

from lab.machines.switching.kernel import LOOP_SAFE, MADE, Kind, Link, State, Step, Where
from lab.virtual.switch.forwarding import DEFAULT, Forwarding

LLDP = "0x88cc"


def steps(now: State, then: State, forwarding: Forwarding) -> list[Step]:
    """To be run in this order, after new VRFs have their namespaces and before old ones lose theirs."""
    gone = {
        where
        for where, link in now.links.items()
        if link.kind in MADE and (where not in then.links or then.links[where].made_of != link.made_of)
    }
    return [
        *(step for kind in MADE for where in sorted(gone) for step in _removed(now, where, kind)),
        *(
            step
            for kind in reversed(MADE)
            for link in _new(now, then, gone, kind)
            for step in _made(link, then, forwarding)
        ),
        *(step for link in then.links.values() for step in _changed(_before(now, then, gone, link), link)),
    ]


def _removed(now: State, where: Where, kind: Kind) -> Iterator[Step]:
    link = now.links[where]
    if link.kind is not kind:
        return
    if kind is Kind.LEAD:
        yield Step(DEFAULT, f"qdisc delete dev {link.over} ingress", "tc")
    yield Step(link.vrf, f"link delete {link.name}")


def _new(now: State, then: State, gone: set[Where], kind: Kind) -> list[Link]:
    return [
        link for where, link in then.links.items() if link.kind is kind and (where not in now.links or where in gone)
    ]


def _made(link: Link, then: State, forwarding: Forwarding) -> Iterator[Step]:
    match link.kind:
        case Kind.BRIDGE:
            yield Step(link.vrf, f"link add {link.name} address {link.mac} type bridge {LOOP_SAFE}")
        case Kind.LEAD:
            inner = then.links[link.into, link.over]
            end = f"name {inner.name} address {inner.mac} netns {{}}"
            yield Step(DEFAULT, f"link add {link.name} type veth peer {end}", to=inner.vrf)
            yield from _led(link.over, link.name)
        case Kind.VXLAN:
            about = f"id {link.vni} local {link.local} dstport {forwarding.vxlan_port} nolearning"
            yield Step(DEFAULT, f"link add {link.name} type vxlan {about}")
            if link.vrf != DEFAULT:
                yield Step(DEFAULT, f"link set {link.name} netns {{}}", to=link.vrf)
        case Kind.GATEWAY:
            yield Step(link.vrf, f"link add {link.name} link {link.over} address {link.mac} type macvlan mode private")
        case _:
            raise AssertionError(link)  # the others are there


def _led(port: str, lead: str) -> Iterator[Step]:
    """Frames of the port to the pair and back. LLDP is spoken in the switch's own namespace; without an action a match lets pass."""
    for end, other in ((port, lead), (lead, port)):
        yield Step(DEFAULT, f"qdisc add dev {end} ingress", "tc")
        if end == port:
            lldp = f"prio 1 protocol {LLDP} u32 match u32 0 0 flowid :1"
            yield Step(DEFAULT, f"filter add dev {end} parent ffff: {lldp}", "tc")
        everything = f"prio 2 protocol all u32 match u32 0 0 action mirred egress redirect dev {other}"
        yield Step(DEFAULT, f"filter add dev {end} parent ffff: {everything}", "tc")


def _before(now: State, then: State, gone: set[Where], link: Link) -> Link:
    """The link as it is when changes begin: as it was, or as it has just been made."""
    where = (link.vrf, link.name)
    lead = next((one for one in then.links.values() if one.kind is Kind.LEAD and one.over == link.name), None)
    renewed = lead is not None and link.kind is Kind.INNER and (lead.vrf, lead.name) in gone
    if where in now.links and where not in gone and not renewed:
        return now.links[where]
    return Link(link.name, link.vrf, link.kind, up=False, mac=link.mac)


def _changed(before: Link, link: Link) -> Iterator[Step]:
    def set_to(what: str) -> Step:
        return Step(link.vrf, f"link set {link.name} {what}")

    if link.mtu and link.mtu != before.mtu:
        yield set_to(f"mtu {link.mtu}")
    if link.link_local != before.link_local and link.kind is not Kind.LOOPBACK:
        yield set_to(f"addrgenmode {'eui64' if link.link_local else 'none'}")
    if link.kind is Kind.BRIDGE and link.mac != before.mac:
        yield set_to(f"address {link.mac}")
    if link.master != before.master:
        yield set_to(f"master {link.master}" if link.master else "nomaster")
    if link.kind is Kind.VXLAN and (link.master, link.suppress) != (before.master, before.suppress):
        yield set_to(f"type bridge_slave neigh_suppress {'on' if link.suppress else 'off'} learning off")
    for address in sorted(before.addresses - link.addresses):
        yield Step(link.vrf, f"addr delete {address} dev {link.name}")
    for address in sorted(link.addresses - before.addresses):
        yield Step(link.vrf, f"addr add {address} dev {link.name}")
    if link.up != before.up:
        yield set_to("up" if link.up else "down")
