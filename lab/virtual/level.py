"""What stands behind the BMCs and switches of a site: the level of fidelity. The endpoints are the same at every level."""

from pathlib import Path
from typing import Any, Protocol

from lab.virtual.drives import KeptMedia, MediaOf
from lab.virtual.options import LevelName
from lab.virtual.sitefile import Site
from lab.virtual.world import World


class Level(Protocol):
    """Called in this order by the lab process: `open`, `start`, `stop`."""

    @property
    def media_of(self) -> MediaOf:
        """What is on the drives of a server."""
        ...

    def open(self) -> None:
        """Before any device listens: makes what they listen in. Raises what keeps the level from standing."""
        ...

    async def start(self, world: World) -> None:
        """When every device listens: from now on machines follow the world's power and boot settings."""
        ...

    async def stop(self) -> None:
        """Takes down all that the level made, also after `open` or `start` failed half-way; a second time it does nothing."""
        ...

    def told(self) -> dict[str, Any]:
        """What whoever started the site has to know beside its ports."""
        ...


class Sim:
    """Nothing stands behind the endpoints: power and boots are states and delays."""

    @property
    def media_of(self) -> MediaOf:
        return KeptMedia

    def open(self) -> None:
        """The host's own loopback has every address."""

    async def start(self, world: World) -> None:
        """The world moves by itself."""

    async def stop(self) -> None:
        """There is nothing to take down."""

    def told(self) -> dict[str, Any]:
        return {"level": "sim"}


def level_of(name: LevelName, site: Site, state: Path) -> Level:
    """The level by its name. `state`: the site's folder."""
    if name is LevelName.MACHINES:
        from lab.machines.level import Machines

        return Machines(site, state)
    return Sim()
