"""What FRR and the kernel say about a switch's routing: asked in the words of `vtysh`, read into the lab's."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from lab.machines.shared_look import SharedLook
from lab.machines.switching.kernel import State
from lab.machines.switching.plane import DataPlane
from lab.virtual.clock import LabClock
from lab.virtual.routing import NextHop, Peer, Prefixes, Route, Vni
from lab.virtual.switch.forwarding import Forwarding

_FAMILIES = {"ipv4Unicast": "ipv4-unicast", "ipv6Unicast": "ipv6-unicast", "l2VpnEvpn": "l2vpn-evpn"}


class Asked:
    """Fulfils `lab.virtual.routing.Routing`."""

    def __init__(self, plane: DataPlane, clock: LabClock) -> None:
        self._plane, self._clock = plane, clock
        self._peers: dict[str, dict[str, Peer]] = {}
        self._routes: dict[str, list[Route]] = {}
        self._vnis: list[Vni] = []
        self._shared = SharedLook(self._look)

    async def look(self) -> None:
        await self._shared.look()

    async def _look(self) -> None:
        await (self._ask() if self._plane.router.running else self._look_at_kernel())

    async def _look_at_kernel(self) -> None:
        """Where nothing is routed FRR does not run; what is connected the kernel knows."""
        now = await asyncio.to_thread(self._plane.now)
        self._peers, self._vnis = {}, []
        self._routes = {vrf: connected(now, vrf) for vrf in self._plane.forwarding.vrfs}

    async def _ask(self) -> None:
        ask = self._plane.router.ask
        forwarding = self._plane.forwarding
        tables = [(vrf, family) for vrf in forwarding.vrfs for family in ("ip", "ipv6")]
        peers, vnis, *told = await asyncio.gather(
            ask("show bgp vrf all neighbors json"),
            ask("show evpn vni detail json"),
            *(ask(f"show {family} route vrf {vrf} json") for vrf, family in tables),
        )
        now = self._clock.time()
        self._peers = {vrf: peers_of(entries, now) for vrf, entries in peers.items()}
        self._routes = {vrf: [] for vrf in forwarding.vrfs}
        for (vrf, _), table in zip(tables, told, strict=True):
            self._routes[vrf] += routes_of(table, now)
        self._vnis = vnis_of(vnis or [], forwarding)

    def peers(self, vrf: str) -> Mapping[str, Peer]:
        return self._peers.get(vrf, {})

    def routes(self, vrf: str) -> Sequence[Route]:
        return self._routes.get(vrf, [])

    def vnis(self) -> Sequence[Vni]:
        return self._vnis


def connected(state: State, vrf: str) -> list[Route]:
    """The prefixes of interfaces that are up."""
    return [
        Route(str(ip_interface(address).network), "connected", 0, via=(NextHop(link.name),))
        for link in state.links.values()
        if link.vrf == vrf and link.up
        for address in sorted(link.addresses)
    ]


def peers_of(told: Mapping[str, Any], now: float) -> dict[str, Peer]:
    """Of one VRF in `show bgp vrf all neighbors json`, where the VRF's own facts stand between the neighbours."""
    return {name: _peer(entry, now) for name, entry in told.items() if isinstance(entry, dict) and "bgpState" in entry}


def _peer(entry: Mapping[str, Any], now: float) -> Peer:
    up = entry["bgpState"] == "Established"
    families = {
        _FAMILIES[name]: Prefixes(int(of.get("acceptedPrefixCounter", 0)), int(of.get("sentPrefixCounter", 0)))
        for name, of in entry.get("addressFamilyInfo", {}).items()
        if name in _FAMILIES
    }
    messages = entry.get("messageStats", {})
    return Peer(
        state=str(entry["bgpState"]).lower(),
        remote_as=int(entry["remoteAs"]) or None,
        since=now - int(entry["bgpTimerUpMsec"]) / 1000 if up and "bgpTimerUpMsec" in entry else None,
        families=families if up else {},
        messages_received=int(messages.get("totalRecv", 0)),
        messages_sent=int(messages.get("totalSent", 0)),
        reason="" if up else str(entry.get("lastNotificationReason") or entry.get("lastResetDueTo") or ""),
    )


def routes_of(told: Mapping[str, Any], now: float) -> list[Route]:
    """Of `show ip route vrf VRF json`."""
    return [_route(entry, now) for entries in told.values() for entry in entries]


def _route(entry: Mapping[str, Any], now: float) -> Route:
    hops = [hop for hop in entry.get("nexthops", []) if hop.get("active")]
    return Route(
        prefix=entry["prefix"],
        protocol=entry["protocol"],
        distance=entry["distance"],
        metric=entry["metric"],
        via=tuple(NextHop(hop.get("interfaceName", ""), hop.get("ip", "")) for hop in hops),
        selected=bool(entry.get("selected")),
        installed=bool(entry.get("installed")),
        since=now - _seconds(entry["uptime"]),
    )


def _seconds(told: str) -> float:
    """FRR's `00:01:04`, `1d02h03m` or `1w2d03h`."""
    if ":" in told:
        hours, minutes, seconds = map(int, told.split(":"))
        return hours * 3600 + minutes * 60 + seconds
    units = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([wdhm])", told))


def vnis_of(told: Sequence[Mapping[str, Any]], forwarding: Forwarding) -> list[Vni]:
    """Of `show evpn vni detail json`."""
    return [_vni(entry, forwarding) for entry in told]


def _vni(entry: Mapping[str, Any], forwarding: Forwarding) -> Vni:
    layer = 3 if entry["type"] == "L3" else 2
    vlan = next((vlan for vlan, vni in forwarding.vnis.items() if vni == entry["vni"]), None)
    remotes = entry.get("numRemoteVteps", [])
    return Vni(
        number=entry["vni"],
        layer=layer,
        vrf=entry["vrf"],
        vlan=vlan,
        remotes=tuple(remotes) if isinstance(remotes, list) else (),
        macs=entry.get("numMacs", 0),
        hosts=entry.get("numArpNd", 0),
    )
