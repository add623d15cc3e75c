"""What routing would come to if there were packets: from the cables, and from what is configured at both ends of each.

Unnumbered eBGP and iBGP between switches only: a session stands if there is light, both ends configure it on a routed port and each is
the AS that the other expects. What is told spreads over sessions as BGP spreads it: the shortest way, never to an AS it has been
through. A session with an address has no state here and stays `active`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import TYPE_CHECKING, NamedTuple

from lab.virtual.routing import NextHop, Peer, Prefixes, Route, Vni
from lab.virtual.switch.forwarding import DEFAULT, Bgp, Neighbor

if TYPE_CHECKING:
    from lab.virtual.world import World

IPV4, EVPN = "ipv4-unicast", "l2vpn-evpn"


class Speaker(NamedTuple):
    """BGP of one switch in one VRF."""

    switch: str
    vrf: str


@dataclass(frozen=True)
class Session:
    """As one end has it: over `port` to `far`. `families`: those that both ends speak."""

    port: str
    far: Speaker
    families: frozenset[str]


@dataclass(frozen=True)
class Way:
    """To one origin: through these ports, over these ASes."""

    ports: tuple[str, ...]
    path: tuple[int, ...]


class Learned(NamedTuple):
    """What one origin tells, and the way there."""

    prefixes: Sequence[str]
    way: Way


class Sessions:
    """Every session of a world, worked out once until something changes."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._sessions: dict[Speaker, dict[str, Session]] | None = None
        self._ways: dict[tuple[Speaker, str], dict[Speaker, Way]] = {}
        world.observe_port(lambda _: self._forget())
        world.observe_switch(lambda _: self._forget())

    def _forget(self) -> None:
        self._sessions = None
        self._ways.clear()

    def of(self, speaker: Speaker) -> Mapping[str, Session]:
        """Those that stand, by port."""
        return self._all().get(speaker, {})

    def speakers(self) -> list[Speaker]:
        return list(self._all())

    def bgp(self, speaker: Speaker) -> Bgp | None:
        body = self._world.switches.get(speaker.switch)
        vrf = body.forwarding.vrfs.get(speaker.vrf) if body and body.running else None
        return vrf.bgp if vrf else None

    def far_end(self, speaker: Speaker, port: str) -> Speaker | None:
        """The switch and VRF that the cable in a port leads to; None for anything else."""
        peer = self._world.peer(speaker.switch, port)
        body = self._world.switches.get(peer.device) if peer else None
        if peer is None or body is None or peer.port not in body.forwarding.ports:
            return None
        return Speaker(peer.device, body.forwarding.ports[peer.port].vrf)

    def ways(self, origin: Speaker, family: str) -> Mapping[Speaker, Way]:
        """How everybody who hears of the origin gets there: breadth first, all ports of the shortest way."""
        key = (origin, family)
        if key not in self._ways:
            self._ways[key] = self._spread(origin, family)
        return self._ways[key]

    def _spread(self, origin: Speaker, family: str) -> dict[Speaker, Way]:
        found: dict[Speaker, Way] = {origin: Way((), ())}
        edge = [origin]
        while edge:
            heard: dict[Speaker, list[tuple[str, tuple[int, ...]]]] = {}
            for teller in edge:
                own = self.bgp(teller)
                assert own is not None
                for session in self.of(teller).values():
                    bgp = self.bgp(session.far)
                    if session.far in found or family not in session.families or bgp is None:
                        continue
                    inside = bgp.asn == own.asn
                    path = found[teller].path if inside else (own.asn, *found[teller].path)
                    if bgp.asn not in path:
                        back = self._world.peer(teller.switch, session.port)
                        assert back is not None
                        heard.setdefault(session.far, []).append((back.port, path))
            for speaker, ways in heard.items():
                found[speaker] = self._chosen(speaker, ways)
            edge = list(heard)
        del found[origin]
        return found

    def _chosen(self, speaker: Speaker, ways: list[tuple[str, tuple[int, ...]]]) -> Way:
        """Several ways are used together only if they are over the same ASes, or the switch is told not to mind."""
        bgp = self.bgp(speaker)
        shortest = min(len(path) for _, path in ways)
        (_, best), *_ = kept = sorted(way for way in ways if len(way[1]) == shortest)
        relaxed = bgp is not None and bgp.multipath_relax
        return Way(tuple(port for port, path in kept if relaxed or path == best), best)

    def _all(self) -> dict[Speaker, dict[str, Session]]:
        if self._sessions is None:
            self._sessions = {}
            for name, body in self._world.switches.items():
                for vrf in body.forwarding.vrfs:
                    speaker = Speaker(name, vrf)
                    if self.bgp(speaker) is not None:
                        self._sessions[speaker] = dict(self._standing(speaker))
        return self._sessions

    def _standing(self, speaker: Speaker) -> "list[tuple[str, Session]]":
        bgp = self.bgp(speaker)
        assert bgp is not None
        found: list[tuple[str, Session]] = []
        for neighbor in bgp.neighbors:
            far = self.far_end(speaker, neighbor.name)
            theirs = self.bgp(far) if far else None
            back = self._neighbor_back(speaker, neighbor.name, theirs)
            if (
                far is None
                or theirs is None
                or back is None
                or not self._routed(speaker, neighbor)
                or not self._routed(far, back)
                or not _fits(neighbor, bgp, theirs)
                or not _fits(back, theirs, bgp)
            ):
                continue
            families = neighbor.families & back.families & bgp.families & theirs.families
            found.append((neighbor.name, Session(neighbor.name, far, families)))
        return found

    def _neighbor_back(self, speaker: Speaker, port: str, theirs: Bgp | None) -> Neighbor | None:
        peer = self._world.peer(speaker.switch, port)
        if peer is None or theirs is None:
            return None
        return next((neighbor for neighbor in theirs.neighbors if neighbor.name == peer.port), None)

    def _routed(self, speaker: Speaker, neighbor: Neighbor) -> bool:
        port = self._world.switches[speaker.switch].forwarding.ports.get(neighbor.name)
        return (
            neighbor.unnumbered
            and not neighbor.shutdown
            and port is not None
            and port.vlan is None
            and port.vrf == speaker.vrf
            and self._world.link_up(speaker.switch, neighbor.name)
        )


def _fits(neighbor: Neighbor, own: Bgp, far: Bgp) -> bool:
    """Whether the other end is the AS that is expected."""
    if neighbor.remote_as in ("external", "internal"):
        return (own.asn != far.asn) == (neighbor.remote_as == "external")
    return neighbor.remote_as == str(far.asn)


class DerivedRouting:
    """Fulfils `lab.virtual.routing.Routing` for one switch."""

    def __init__(self, world: "World", sessions: Sessions, switch: str) -> None:
        self._world, self._sessions, self._switch = world, sessions, switch
        self._since: dict[tuple[str, str], float] = {}

    async def look(self) -> None:
        """Notes since when a session has been seen to stand; the rest is always up to date."""
        standing = {
            (vrf, port)
            for vrf in self._world.switches[self._switch].forwarding.vrfs
            for port in self._sessions.of(Speaker(self._switch, vrf))
        }
        now = self._world.clock.time()
        self._since = {key: self._since.get(key, now) for key in standing}

    def peers(self, vrf: str) -> Mapping[str, Peer]:
        speaker = Speaker(self._switch, vrf)
        bgp = self._sessions.bgp(speaker)
        if bgp is None:
            return {}
        learned = {family: self._learned(speaker, family) for family in bgp.families}
        return {neighbor.name: self._peer(speaker, bgp, neighbor, learned) for neighbor in bgp.neighbors}

    def _peer(self, speaker: Speaker, bgp: Bgp, neighbor: Neighbor, learned: Mapping[str, Sequence[Learned]]) -> Peer:
        session = self._sessions.of(speaker).get(neighbor.name)
        if session is None:
            return Peer("idle" if neighbor.shutdown else "active", reason=self._objection(speaker, bgp, neighbor))
        theirs = self._sessions.bgp(session.far)
        assert theirs is not None
        told = {
            family: Prefixes(
                received=sum(len(prefixes) for prefixes, way in learned[family] if neighbor.name in way.ports),
                sent=sum(len(prefixes) for prefixes, _ in learned[family]) + len(self._origin(speaker, family)),
            )
            for family in session.families
        }
        return Peer("established", theirs.asn, self._since.get((speaker.vrf, neighbor.name)), told)

    def _objection(self, speaker: Speaker, bgp: Bgp, neighbor: Neighbor) -> str:
        far = self._sessions.far_end(speaker, neighbor.name)
        theirs = self._sessions.bgp(far) if far else None
        return "OPEN Message Error/Bad Peer AS" if theirs and not _fits(neighbor, bgp, theirs) else ""

    def _learned(self, speaker: Speaker, family: str) -> list[Learned]:
        found: list[Learned] = []
        for origin in self._sessions.speakers():
            if prefixes := self._origin(origin, family):
                way = self._sessions.ways(origin, family).get(speaker)
                if way is not None:
                    found.append(Learned(prefixes, way))
        return found

    def _origin(self, speaker: Speaker, family: str) -> Sequence[str]:
        """What a speaker tells of its own: connected prefixes and named networks; in EVPN one route for each VNI."""
        bgp = self._sessions.bgp(speaker)
        if bgp is None or family not in bgp.families:
            return ()
        if family == EVPN:
            forwarding = self._world.switches[speaker.switch].forwarding
            return [str(vni) for vni in forwarding.vnis.values()] if forwarding.evpn else ()
        connected = self._connected(speaker) if (family, "connected") in bgp.redistribute else {}
        named = [prefix for of, prefix in bgp.networks if of == family]
        return [prefix for prefix in {**connected, **dict.fromkeys(named)} if (":" in prefix) == (family != IPV4)]

    def _connected(self, speaker: Speaker) -> dict[str, str]:
        """Interface by prefix."""
        forwarding = self._world.switches[speaker.switch].forwarding
        found: dict[str, str] = {}
        if speaker.vrf in forwarding.vrfs:
            found |= {_network(address): "lo" for address in forwarding.vrfs[speaker.vrf].loopback}
        for port in forwarding.ports.values():
            if port.vrf == speaker.vrf and port.up and (port.name == "lo" or self._lit(speaker, port.name)):
                found |= {_network(address): port.name for address in port.addresses}
        for svi in forwarding.svis.values():
            if svi.vrf == speaker.vrf and svi.up:
                found |= {_network(address): f"vlan{svi.vlan}" for address in (*svi.addresses, *svi.gateways)}
        return found

    def _lit(self, speaker: Speaker, port: str) -> bool:
        return self._world.link_up(speaker.switch, port)

    def routes(self, vrf: str) -> Sequence[Route]:
        body = self._world.switches[self._switch]
        if not body.running or vrf not in body.forwarding.vrfs:
            return ()
        speaker = Speaker(self._switch, vrf)
        own = self._connected(speaker)
        routes = [Route(prefix, "connected", 0, via=(NextHop(name),)) for prefix, name in own.items()]
        for prefixes, way in self._learned(speaker, IPV4):
            via = tuple(NextHop(port, self._link_local(port)) for port in way.ports)
            routes += [Route(prefix, "bgp", 20, via=via) for prefix in prefixes if prefix not in own]
        return sorted(routes, key=lambda route: (":" in route.prefix, ip_interface(route.prefix)))

    def _link_local(self, port: str) -> str:
        """The address that the other end's MAC address gives it."""
        peer = self._world.peer(self._switch, port)
        assert peer is not None
        site = self._world.site
        mac = bytes.fromhex(site.switch_port_mac(site.switch_by_name[peer.device], peer.port).replace(":", ""))
        eui = bytes([mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:]])
        return str(ip_interface(b"\xfe\x80" + bytes(6) + eui).ip)

    def vnis(self) -> Sequence[Vni]:
        body = self._world.switches[self._switch]
        forwarding = body.forwarding
        if not body.running or not forwarding.vtep:
            return ()
        by_vlan = sorted(forwarding.vnis.items())
        found = [Vni(vni, 2, forwarding.vrf_of_vlan(vlan), vlan, self._remotes(vni)) for vlan, vni in by_vlan]
        return found + [
            Vni(vrf.l3vni, 3, vrf.name) for vrf in forwarding.vrfs.values() if vrf.l3vni and vrf.name != DEFAULT
        ]

    def _remotes(self, vni: int) -> tuple[str, ...]:
        """Other ends of the VNI that EVPN tells of."""
        here = Speaker(self._switch, DEFAULT)
        found: list[str] = []
        for name, body in self._world.switches.items():
            origin = Speaker(name, DEFAULT)
            if str(vni) in self._origin(origin, EVPN) and here in self._sessions.ways(origin, EVPN):
                found.append(body.forwarding.vtep)
        return tuple(found)


def _network(address: str) -> str:
    return str(ip_interface(address).network)
