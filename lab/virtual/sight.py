"""What a switch sees at its ports: links, neighbours, addresses. At level `sim` derived from the world; a level with packets looks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lab.virtual.world import World


@dataclass(frozen=True)
class LldpFrame:
    """What one end of a cable says about itself, as IEEE 802.1AB carries it."""

    system_name: str
    system_description: str
    chassis_id: str
    port_id: str
    port_description: str
    management_address: str
    capabilities: tuple[str, ...]
    ttl_s: int = 120


class Sight(Protocol):
    """One switch's. The answers are those of the last `look`."""

    async def look(self) -> None:
        """Brings the answers up to date; called before a request is answered."""
        ...

    def link_up(self, port: str) -> bool: ...

    def neighbor(self, port: str) -> LldpFrame | None:
        """Who is heard on the port."""
        ...

    def macs(self, port: str) -> list[str]:
        """Source addresses of frames that arrived on the port."""
        ...

    def addresses(self, interface: str) -> list[str]:
        """IP addresses with their prefix lengths that a port, the loopback or an SVI has; those of gateways (VRR) are not among them."""
        ...


class Derived:
    """Fulfils `Sight` from the world: what packets would show if there were any."""

    def __init__(self, world: "World", switch: str) -> None:
        self._world, self._switch = world, switch

    async def look(self) -> None:
        """The world is always up to date."""

    def link_up(self, port: str) -> bool:
        return self._world.link_up(self._switch, port)

    def neighbor(self, port: str) -> LldpFrame | None:
        return self._world.lldp_heard(self._switch, port)

    def macs(self, port: str) -> list[str]:
        return self._world.macs_heard(self._switch, port)

    def addresses(self, interface: str) -> list[str]:
        return self._world.switches[self._switch].forwarding.addresses(interface)
