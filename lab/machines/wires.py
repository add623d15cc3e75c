"""Cables: what is plugged into what, on real links.

A port is one end of a veth pair, in its device's namespace. Its other end, the plug, is in a namespace of wires, where a cable is an
order to the kernel to hand each frame that comes out of one plug to the other, at the cable's rate. So a port outlives every move of
its cable, LLDP and BPDUs pass as on copper (a bridge would keep them), and a plug that is down is a port without light.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.machines import tools
from lab.virtual.sitefile import PortRef

MTU = 9216
LONGEST_WAIT_MS = 10
_SHORTEST_BURST = 256 * 1024
_LONGEST_BURST = 32 * 1024 * 1024
"""What tbf may send at once: a millisecond of the rate, never less than some frames."""


@dataclass(frozen=True)
class Socket:
    """Where a port is: the name of its interface in a namespace. `up`: whether it is switched on as soon as it is there."""

    namespace: str
    interface: str
    mac: str
    up: bool = True


@dataclass(frozen=True)
class Wiring:
    """Cables as (end, other end) to Gbit/s, each once, and the ports that get light from the other side."""

    cables: Mapping[tuple[PortRef, PortRef], int]
    lit: frozenset[PortRef]

    def among(self, present: Iterable[PortRef]) -> "Wiring":
        """What is left of it if no other ports are there."""
        here = frozenset(present)
        cables = {ends: rate for ends, rate in self.cables.items() if here.issuperset(ends)}
        return Wiring(cables, self.lit.intersection(end for ends in cables for end in ends))


class Wires:
    """The namespace of wires of one run. Not for two threads at once."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._plugs: dict[PortRef, str] = {}
        self._made = 0
        self._now = Wiring({}, frozenset())

    def make(self) -> None:
        tools.run("ip", "netns", "add", self._namespace)
        # Plugs are no hosts: nothing but what devices send is on a cable.
        quiet = "for kind in all default; do echo 1 > /proc/sys/net/ipv6/conf/$kind/disable_ipv6; done"
        tools.run("ip", "netns", "exec", self._namespace, "sh", "-c", quiet)

    @property
    def present(self) -> frozenset[PortRef]:
        return frozenset(self._plugs)

    def add(self, sockets: Mapping[PortRef, Socket]) -> None:
        """Makes ports, dark and without cables."""
        made: dict[PortRef, str] = {}
        commands: list[str] = []
        for port, socket in sockets.items():
            self._made += 1
            made[port] = plug = f"p{self._made}"
            end = f"name {socket.interface} address {socket.mac} mtu {MTU} netns {socket.namespace}"
            commands += [f"link add {plug} mtu {MTU} type veth peer {end}", f"link set {plug} alias {port}"]
        tools.batch(self._namespace, commands)
        self._plugs |= made
        for namespace in {socket.namespace for socket in sockets.values()}:
            ups = [s.interface for s in sockets.values() if s.namespace == namespace and s.up]
            tools.batch(namespace, [f"link set {interface} up" for interface in ups])

    def remove(self, ports: Iterable[PortRef]) -> None:
        """Takes ports away with their plugs; their cables hang loose."""
        gone = self.present.intersection(ports)
        self.loosen(self._now.among(self.present - gone))
        tools.batch(self._namespace, [f"link delete {self._plugs.pop(port)}" for port in gone])

    def loosen(self, wanted: Wiring) -> bool:
        """Takes away light and cables that are not wanted. Whether a port that had light is to get another cable."""
        wanted, now = wanted.among(self.present), self._now
        moved = {end for ends, _ in wanted.cables.items() ^ now.cables.items() for end in ends}
        dark = (now.lit - wanted.lit) | (now.lit & moved)
        tools.batch(self._namespace, [f"link set {self._plugs[port]} down" for port in sorted(dark)])
        kept = {ends: rate for ends, rate in now.cables.items() if moved.isdisjoint(ends)}
        pulled = {end for ends in now.cables.keys() - kept.keys() for end in ends}
        orders = [
            f"qdisc delete dev {self._plugs[end]} {which}" for end in sorted(pulled) for which in ("ingress", "root")
        ]
        tools.batch(self._namespace, orders, tool="tc")
        self._now = Wiring(kept, now.lit - dark)
        return not wanted.lit.isdisjoint(dark)

    def become(self, wanted: Wiring) -> None:
        """Plugs cables in as they are wanted, then lets light come on. A port that is not there has neither."""
        wanted = wanted.among(self.present)
        self.loosen(wanted)
        orders: list[str] = []
        for (a, b), rate in wanted.cables.items() - self._now.cables.items():
            orders += [*_lead(self._plugs[a], self._plugs[b], rate), *_lead(self._plugs[b], self._plugs[a], rate)]
        tools.batch(self._namespace, orders, tool="tc")
        light = wanted.lit - self._now.lit
        tools.batch(self._namespace, [f"link set {self._plugs[port]} up" for port in sorted(light)])
        self._now = wanted


def _lead(plug: str, to: str, rate_gbps: int) -> list[str]:
    """What comes out of the plug goes into the other one; what goes into it is no faster than the cable."""
    burst = min(_LONGEST_BURST, max(_SHORTEST_BURST, rate_gbps * 10**9 // 8 // 1000))
    return [
        f"qdisc add dev {plug} root tbf rate {rate_gbps}gbit burst {burst} latency {LONGEST_WAIT_MS}ms",
        f"qdisc add dev {plug} ingress",
        f"filter add dev {plug} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev {to}",
    ]
