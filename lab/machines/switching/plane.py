"""One switch's data plane: follows the configuration that it runs, in its namespaces and in FRR."""

import asyncio
import contextlib
import json
import logging
from itertools import groupby
from pathlib import Path
from typing import Any

from lab.machines import network, tools
from lab.machines.runs import NAMESPACES, Run
from lab.machines.switching import kernel
from lab.machines.switching.kernel import Hardware, State, Step
from lab.machines.switching.router import Router
from lab.machines.switching.steps import steps
from lab.virtual.switch.forwarding import DEFAULT, Forwarding
from lab.virtual.world import SwitchBody

log = logging.getLogger("lab.machines")
AGAIN_S = 2.0
LONGEST_S = 60.0
"""Between two tries, which get further apart: what FRR refuses once it mostly refuses again."""


class DataPlane:
    """`touch` it when anything changed, and let `keep` run: what should be is worked out anew and only the difference is made."""

    def __init__(self, run: Run, body: SwitchBody, hardware: Hardware, image: Path) -> None:
        self._run, self._body, self._hardware = run, body, hardware
        self.router = Router(run, body.spec.name, image)
        self._vrfs: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def forwarding(self) -> Forwarding:
        """What it should do now: a switch without power or in the middle of a restart forwards nothing."""
        return self._body.forwarding if self._body.running else Forwarding()

    def touch(self) -> None:
        self._changed.set()

    def light_changed(self) -> None:
        """Only a VRF has to be shown the light of its ports; the switch's own namespace sees it."""
        if self._vrfs:
            self.touch()

    async def keep(self) -> None:
        """Follows the switch. What fails is tried again."""
        again_s = AGAIN_S
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.settle()
                again_s = AGAIN_S
            except Exception:  # whatever it is, the next change must find somebody
                log.exception("%s does not forward as it is configured to", self._body.spec.name)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), again_s)
                again_s = min(2 * again_s, LONGEST_S)
                self.touch()

    async def settle(self) -> None:
        """Kernel first, so that FRR finds what it routes over; a VRF goes when FRR has let go of it."""
        forwarding = self.forwarding
        wanted = kernel.vrfs(forwarding)
        await asyncio.to_thread(self._lay, forwarding)
        if forwarding.routed:
            namespaces = {vrf: self.namespace(vrf) for vrf in sorted(wanted)}
            await self.router.become(forwarding, namespaces)
        elif self.router.running:
            await self.router.stop()
            await asyncio.to_thread(self._forget_routes)
        for vrf in self._vrfs - wanted:
            self._vrfs.discard(vrf)  # first, so that nobody looks into it meanwhile
            await asyncio.to_thread(self._drop, vrf)

    async def lay(self) -> None:
        """The kernel's part alone, before anything follows."""
        await asyncio.to_thread(self._lay, self.forwarding)

    def namespace(self, vrf: str) -> str:
        """The name of a VRF's namespace; with a dot, as those of a server's parts have it."""
        own = self._body.spec.name
        return self._run.namespace(own if vrf == DEFAULT else f"{own}.{vrf}")

    def namespaces(self) -> list[str]:
        """Those that are there, the switch's own first."""
        return [self.namespace(vrf) for vrf in (DEFAULT, *sorted(self._vrfs))]

    def now(self) -> State:
        """What its kernel holds."""
        return kernel.there(
            {vrf: _shown(self.namespace(vrf)) for vrf in (DEFAULT, *sorted(self._vrfs))}, self._hardware
        )

    # -- the kernel ----------------------------------------------------------------------------------------------

    def _lay(self, forwarding: Forwarding) -> None:
        for vrf in kernel.vrfs(forwarding):
            if not (NAMESPACES / self.namespace(vrf)).exists():
                network.make_namespace(self.namespace(vrf))
                network.let_route(self.namespace(vrf))
            self._vrfs.add(vrf)
        now = self.now()
        then = kernel.wanted(forwarding, self._hardware, now.carriers, running=self._body.running)
        self._do(steps(now, then, forwarding))

    def _drop(self, vrf: str) -> None:
        try:
            tools.run("ip", "netns", "delete", self.namespace(vrf))
        except tools.ToolFailed:
            self._vrfs.add(vrf)
            raise

    def _do(self, wanted: list[Step]) -> None:
        for (vrf, tool), together in groupby(wanted, key=lambda step: (step.vrf, step.tool)):
            commands = [step.command.format(self.namespace(step.to)) if step.to else step.command for step in together]
            tools.batch(self.namespace(vrf), commands, tool="tc" if tool == "tc" else "ip")

    def _forget_routes(self) -> None:
        """What FRR left in the kernel: its routes hang from its next hops."""
        for vrf in (DEFAULT, *self._vrfs):
            tools.run("ip", "-n", self.namespace(vrf), "nexthop", "flush")


def _shown(namespace: str) -> list[dict[str, Any]]:
    """Every interface as `ip -d link` prints it, with what `ip addr` knows."""
    links, addresses = (
        json.loads(tools.run("ip", "-n", namespace, *options, "-j", what, "show"))
        for what, options in (("link", ("-d",)), ("addr", ()))
    )
    by_name = {entry["ifname"]: entry.get("addr_info", []) for entry in addresses}
    return [{**link, "addr_info": by_name.get(link["ifname"], [])} for link in links]
