"""The fabric of a site: namespaces of switches, systems, BMCs and DPUs, their ports, cables and LLDP, kept as the world has them.

Whatever changes in the world (a hand at a cable, power, an applied configuration) only says that something changed; then what should
be is planned anew and the difference is made.
"""

import asyncio
import logging
from pathlib import Path

from lab.machines import network, tools
from lab.machines.plan_fabric import BRIDGE, Ports, inserted, lasting, speakers, wiring
from lab.machines.runs import Run
from lab.machines.seen import Seen
from lab.machines.speakers import Speakers
from lab.machines.wires import Wires
from lab.virtual.sitefile import PortRef, Server, Switch, SwitchRole
from lab.virtual.world import SwitchBody, World

log = logging.getLogger("lab.machines")
HAND_S = 2.0
"""How long a port is dark while a hand moves its plug; lldpd then mostly forgets the neighbour at once."""
AGAIN_S = 2.0
UPLINK = "uplink"
_CENTISECONDS = 100
_LOOP_SAFE = f"stp_state 1 forward_delay {2 * _CENTISECONDS} ageing_time {1800 * _CENTISECONDS}"
"""Cumulus runs RSTP on every bridge, and so long remembers addresses. The kernel has only STP, here with its shortest delay."""


class Fabric:
    """One run's. `start` it before any server is on, then let `keep` run. `image`: the root file system that has lldpd."""

    def __init__(self, run: Run, world: World, image: Path) -> None:
        self._run, self._world = run, world
        self._wires = Wires(run.namespace("wires"))
        self._speakers = Speakers(run, image)
        self._places: set[str] = set()
        self._lasting: frozenset[PortRef] = frozenset()
        self._switch_ports: dict[PortRef, tuple[bool, bool]] = {}
        self._bridges: set[str] = set()
        self._changed = asyncio.Event()
        self._alone = asyncio.Lock()
        self._left = False

    async def start(self) -> None:
        """Makes all that stands for the whole run, still dark, and gives every switch its eyes."""
        await asyncio.to_thread(self._make)
        for name, body in self._world.switches.items():
            body.sight = Seen(name, self._run.namespace(name), self._speakers)
        self._world.observe_port(lambda _: self._touch())
        self._world.faults.observe(lambda _fault, _seeded: self._touch())
        self._touch()

    async def keep(self) -> None:
        """Follows the world. What fails is tried again."""
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

    # -- followed ------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Those who speak are there before the light comes on, so that they are heard at once."""
        for body in self._world.switches.values():
            await asyncio.to_thread(self._obey, body)
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

    def _obey(self, body: SwitchBody) -> None:
        """A switch's ports as its applied configuration has them: up or down, in the bridge or not."""
        site, namespace = self._world.site, self._run.namespace(body.spec.name)
        if body.bridged and namespace not in self._bridges:
            self._make_bridge(body.spec, namespace)
        wanted = {
            PortRef(body.spec.name, name): (body.running and name not in body.ports_down, name in body.bridged)
            for name in site.port_names(body.spec.name)
        }
        changed = {port: to for port, to in wanted.items() if self._switch_ports.get(port, (False, False)) != to}
        commands: list[str] = []
        for port, (up, bridged) in sorted(changed.items()):
            was_up, was_bridged = self._switch_ports.get(port, (False, False))
            if bridged != was_bridged:
                commands.append(f"link set {port.port} {f'master {BRIDGE}' if bridged else 'nomaster'}")
            if up != was_up:
                commands.append(f"link set {port.port} {'up' if up else 'down'}")
        tools.batch(namespace, commands)
        self._switch_ports |= changed

    def _make_bridge(self, switch: Switch, namespace: str) -> None:
        """An out-of-band switch's leads to the management network: BMCs reach that, and nothing else."""
        tools.batch(
            namespace,
            [
                f"link add {BRIDGE} address {switch.mac_base} type bridge {_LOOP_SAFE} mcast_snooping 0",
                f"link set {BRIDGE} up",
            ],
        )
        self._bridges.add(namespace)
        if switch.role is SwitchRole.OUT_OF_BAND:
            number = self._world.site.switches.index(switch) + 1
            network.link_up_to(self._run.management, namespace, UPLINK, BRIDGE, number)
