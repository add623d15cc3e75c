"""What a switch's routing has come to: peers, routes, VNIs. At level `sim` derived (`derived_routing.py`); a level with packets asks its
routing daemons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Prefixes:
    """How many prefixes of one family a peer has told us, and we the peer."""

    received: int = 0
    sent: int = 0


@dataclass(frozen=True)
class Peer:
    """One BGP session. `state`: `established`, `active`, `idle` ...; `since`: seconds of lab time at which it was established."""

    state: str
    remote_as: int | None = None
    since: float | None = None
    families: Mapping[str, Prefixes] = field(default_factory=dict[str, Prefixes])
    messages_received: int = 0
    messages_sent: int = 0
    reason: str = ""
    """Why it ended or does not come up, in the words of the daemon."""


@dataclass(frozen=True)
class NextHop:
    """`address`: empty where the prefix is on the interface itself."""

    interface: str
    address: str = ""


@dataclass(frozen=True)
class Route:
    prefix: str
    protocol: str
    distance: int
    metric: int = 0
    via: tuple[NextHop, ...] = ()
    selected: bool = True
    installed: bool = True
    since: float | None = None


@dataclass(frozen=True)
class Vni:
    """One that the switch knows of. `layer`: 2 or 3. `remotes`: other ends of its tunnels, of a layer 3 one those that told routes."""

    number: int
    layer: int
    vrf: str
    vlan: int | None = None
    remotes: tuple[str, ...] = ()
    macs: int = 0
    hosts: int = 0


class Routing(Protocol):
    """One switch's. The answers are those of the last `look`."""

    async def look(self) -> None:
        """Brings the answers up to date; called before a request is answered."""
        ...

    def peers(self, vrf: str) -> Mapping[str, Peer]:
        """By port or address, every neighbour that is configured; none without BGP."""
        ...

    def routes(self, vrf: str) -> Sequence[Route]: ...

    def vnis(self) -> Sequence[Vni]: ...
