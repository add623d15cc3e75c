"""The cables as they are plugged now: the site file's, changed by hands (and cable faults) while the lab runs."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.virtual.catalogue import Plane
from lab.virtual.sitefile import Cable, PortRef


@dataclass(frozen=True)
class Plugged:
    """What is at the other end of a cable."""

    peer: PortRef
    plane: Plane
    rate_gbps: int


class Cabling:
    """A symmetric mapping port → other end. Ports without a cable are absent."""

    def __init__(self, cables: tuple[Cable, ...]) -> None:
        self._ends: dict[PortRef, Plugged] = {}
        self._observers: list[Callable[[PortRef], None]] = []
        for cable in cables:
            self.plug(cable.a, cable.b, cable.plane, cable.rate_gbps)

    def observe(self, observer: Callable[[PortRef], None]) -> None:
        """Called with each port whose cable changed."""
        self._observers.append(observer)

    def at(self, end: PortRef) -> Plugged | None:
        return self._ends.get(end)

    def all(self) -> list[tuple[PortRef, Plugged]]:
        """Each cable once."""
        return [(a, plugged) for a, plugged in self._ends.items() if a <= plugged.peer]

    def plug(self, a: PortRef, b: PortRef, plane: Plane, rate_gbps: int) -> None:
        """Plugs a cable; what was in either port is pulled first."""
        self.unplug(a)
        self.unplug(b)
        self._ends[a] = Plugged(b, plane, rate_gbps)
        self._ends[b] = Plugged(a, plane, rate_gbps)
        self._tell(a, b)

    def unplug(self, end: PortRef) -> Plugged | None:
        """Pulls the cable out of both ports; returns what was there."""
        plugged = self._ends.pop(end, None)
        if plugged is not None:
            self._ends.pop(plugged.peer, None)
            self._tell(end, plugged.peer)
        return plugged

    def swap(self, one: PortRef, other: PortRef) -> None:
        """Exchanges the plugs in two ports, whether or not anything is plugged."""
        first, second = self.unplug(one), self.unplug(other)
        if first is not None and first.peer == other:
            self.plug(one, other, first.plane, first.rate_gbps)
            return
        if second is not None:
            self.plug(one, second.peer, second.plane, second.rate_gbps)
        if first is not None:
            self.plug(other, first.peer, first.plane, first.rate_gbps)

    def become(self, wanted: "Cabling") -> None:
        """Moves the plugs so that the cabling is like another one; tells only of ports that changed."""
        before, self._ends = self._ends, dict(wanted._ends)
        self._tell(*sorted(end for end in before.keys() | self._ends.keys() if before.get(end) != self._ends.get(end)))

    def _tell(self, *ends: PortRef) -> None:
        for observer in self._observers:
            for end in ends:
                observer(end)
