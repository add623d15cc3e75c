"""The level `machines` as the lab process runs it: a run of its own, the management namespace, the fabric, a keeper for each server."""

import asyncio
from pathlib import Path
from typing import Any

from domain.errors import Rejected
from lab.machines import images, network, runs
from lab.machines.fabric import Fabric
from lab.machines.keeper import Keeper, Place, attach_drives
from lab.machines.login import login_key
from lab.machines.media import DiskMedia
from lab.machines.runs import Run
from lab.virtual.drives import MediaOf
from lab.virtual.options import Image
from lab.virtual.sitefile import Site
from lab.virtual.world import World


class Machines:
    """Fulfils `lab.virtual.level.Level`. `state`: the site's folder; drives and the key for logging in outlive runs there."""

    def __init__(self, site: Site, state: Path) -> None:
        self._site, self._state = site, state
        self._run: Run | None = None
        self._fabric: Fabric | None = None
        self._keepers: list[Keeper] = []
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def media_of(self) -> MediaOf:
        media = DiskMedia(self._drives)
        return lambda _server, _kept: media

    def open(self) -> None:
        """Ends what killed runs left, makes the management namespace and moves this process into it."""
        runs.clean_up()
        self._run = runs.begin(self._site.site, self._drives)
        network.make_management(self._run.management)
        network.enter(self._run.management)

    async def start(self, world: World) -> None:
        """Every server that is on boots, all at once."""
        assert self._run is not None
        # Before any boot: a machine is kept from every device that is there when it starts.
        for machine in world.machines.values():
            await asyncio.to_thread(attach_drives, machine, self._drives)
        found = {image: root for image in Image if (root := images.made(image))}
        if not {Image.AGENT, Image.SWITCH} <= found.keys():
            raise Rejected("The root file systems of machines are not built.", do="Run: edgewright lab images")
        self._fabric = fabric = Fabric(self._run, world, found)
        await fabric.start()
        self._keeping.append(asyncio.create_task(fabric.keep()))
        public_key = login_key(self._state).with_suffix(".pub").read_text()
        for number, spec in enumerate(self._site.servers, start=1):
            place = Place(self._run, fabric, number, self._drives, found, public_key)
            keeper = Keeper(world.machines[spec.name], place)
            keeper.follow()
            self._keepers.append(keeper)
            self._keeping.append(asyncio.create_task(keeper.keep()))

    async def stop(self) -> None:
        for keeper in self._keepers:
            keeper.leave()
        self._keepers.clear()
        if self._fabric is not None:
            self._fabric.leave()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        run, self._run = self._run, None
        if run is not None:
            await asyncio.to_thread(runs.end, run)

    def told(self) -> dict[str, Any]:
        """`run`: in the name of everything that was made; `namespace`: where the site can be reached."""
        assert self._run is not None
        return {"level": "machines", "run": self._run.id, "namespace": self._run.management}

    @property
    def _drives(self) -> Path:
        return self._state.resolve() / "drives"
