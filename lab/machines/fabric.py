"""The fabric of a site: namespaces of switches, systems, BMCs and DPUs, their ports, cables and LLDP, kept as the world has them.

Whatever changes in the world (a hand at a cable, power, an applied configuration) only says that something changed; then what should
be is planned anew and the difference is made.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from lab.machines import network
from lab.machines.plan_fabric import UPLINK, Ports, hardware, inserted, lasting, speakers, wiring
from lab.machines.runs import Run
from lab.machines.seen import Seen
from lab.machines.speakers import Speakers
from lab.machines.switching.asked import Asked
from lab.machines.switching.limits import refusals
from lab.machines.switching.plane import DataPlane
from lab.machines.wires import Wires
from lab.virtual.options import Image
from lab.virtual.sitefile import PortRef, Server, SwitchRole
from lab.virtual.world import World

log = logging.getLogger("lab.machines")
HAND_S = 2.0
"""How long a port is dark while a hand moves its plug; lldpd then mostly forgets the neighbour at once."""
AGAIN_S = 2.0


class Fabric:
    """One run's. `start` it before any server is on, then let `keep` run. `images`: the root file systems that have lldpd and FRR."""

    def __init__(self, run: Run, world: World, images: Mapping[Image, Path]) -> None:
        self._run, self._world = run, world
        self._wires = Wires(run.namespace("wires"))
        self._speakers = Speakers(run, images[Image.AGENT])
        self._planes = {
            name: DataPlane(run, body, hardware(world.site, body.spec), images[Image.SWITCH])
            for name, body in world.switches.items()
        }
        self._places: set[str] = set()
        self._lasting: frozenset[PortRef] = frozenset()
        self._changed = asyncio.Event()
        self._alone = asyncio.Lock()
        self._left = False

    async def start(self) -> None:
        """Makes all that stands for the whole run, still dark, and gives every switch its eyes and ears."""
        await asyncio.to_thread(self._make)
        # Ports are up before anybody speaks on them: lldpd is slow to see many of them come up one by one.
        await asyncio.gather(*(plane.lay() for plane in self._planes.values()))
        for name, body in self._world.switches.items():
            body.sight = Seen(name, self._planes[name], self._speakers)
            body.routing = Asked(self._planes[name], self._world.clock)
            body.refusals = refusals
        self._world.observe_port(lambda _: self._touch())
        self._world.observe_switch(self._touch_switch)
        self._world.faults.observe(lambda _fault, _seeded: self._touch())
        self._touch()

    async def keep(self) -> None:
        """Follows the world for as long as it is not cancelled; each switch goes at its own pace. What fails is tried again."""
        async with asyncio.TaskGroup() as group:
            for plane in self._planes.values():
                plane.touch()
                group.create_task(plane.keep())
            await self._keep_wires()

    async def _keep_wires(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with self._alone:
                    await self._settle()
            except Exception:  # whatever it is, the next change must find somebody
                log.exception("the fabric is not as it should be")
                await asyncio.sleep(AGAIN_S)
                self._touch()

    def leave(self) -> None:
        """The site is no longer served: nothing that happens now is of interest."""
        self._left = True

    async def insert(self, server: Server) -> None:
        """A server's namespace is there: its NICs get their ports."""
        ports = inserted(self._world, server, self._run.namespace)
        async with self._alone:
            await asyncio.to_thread(self._wires.add, ports.sockets)
            self._places.add(self._run.namespace(ports.place))
        self._touch()

    async def take_out(self, server: Server) -> None:
        """The NICs of a server without power. Running it again changes nothing."""
        place = self._run.namespace(server.name)
        ports = {PortRef(server.name, port.name) for port in self._world.site.server_ports(server)}
        async with self._alone:
            self._places.discard(place)
            await self._speakers.stop_in(place)
            await asyncio.to_thread(self._wires.remove, ports - self._lasting)

    def _touch_switch(self, name: str) -> None:
        if not self._left:
            self._planes[name].touch()

    def _touch(self) -> None:
        if not self._left:
            self._changed.set()

    # -- made once -----------------------------------------------------------------------------------------------

    def _make(self) -> None:
        self._wires.make()
        everything: list[Ports] = lasting(self._world.site, self._run.namespace)
        for ports in everything:
            namespace = self._run.namespace(ports.place)
            network.make_namespace(namespace)
            self._places.add(namespace)
        sockets = {port: socket for ports in everything for port, socket in ports.sockets.items()}
        self._lasting = frozenset(sockets)
        self._wires.add(sockets)
        for switch in self._world.site.switches:
            network.let_route(self._run.namespace(switch.name))
            if switch.role is SwitchRole.OUT_OF_BAND:
                number = self._world.site.switches.index(switch) + 1
                network.link_up_to(self._run.management, self._run.namespace(switch.name), UPLINK, number)

    # -- followed ------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Those who speak are there before the light comes on, so that they are heard at once."""
        wanted = {
            name: speaker
            for name, speaker in speakers(self._world, self._run.namespace).items()
            if speaker.namespace in self._places
        }
        quiet = {name: frozenset(body.lldp_off_ports) for name, body in self._world.switches.items()}
        await self._speakers.become(wanted, quiet)
        if await asyncio.to_thread(self._wires.loosen, wiring(self._world)):
            await asyncio.sleep(HAND_S)
        await asyncio.to_thread(self._wires.become, wiring(self._world))
        for plane in self._planes.values():
            plane.light_changed()
