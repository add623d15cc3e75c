"""What a switch sees at its ports, looked up in its namespaces: links and MAC addresses from the kernel, neighbours from its lldpd."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from typing import Any

from lab.machines import tools
from lab.machines.shared_look import SharedLook
from lab.machines.speakers import Speakers
from lab.machines.switching.plane import DataPlane
from lab.virtual.sight import LldpFrame


class Seen:
    """Fulfils `lab.virtual.sight.Sight`."""

    def __init__(self, switch: str, plane: DataPlane, speakers: Speakers) -> None:
        self._switch, self._plane, self._speakers = switch, plane, speakers
        self._up: frozenset[str] = frozenset()
        self._macs: dict[str, list[str]] = {}
        self._heard: dict[str, LldpFrame] = {}
        self._addresses: dict[str, list[str]] = {}
        self._shared = SharedLook(self._look)

    async def look(self) -> None:
        await self._shared.look()

    async def _look(self) -> None:
        now, heard, tables = await asyncio.gather(
            asyncio.to_thread(self._plane.now),
            self._speakers.heard(self._switch),
            asyncio.gather(*(self._ask(place, "bridge", "fdb", "show") for place in self._plane.namespaces())),
        )
        self._up, self._macs, self._heard = now.carriers, learned(itertools.chain(*tables)), heard
        self._addresses = now.addresses()

    def link_up(self, port: str) -> bool:
        return port in self._up

    def neighbor(self, port: str) -> LldpFrame | None:
        return self._heard.get(port) if port in self._up else None

    def macs(self, port: str) -> list[str]:
        return self._macs.get(port, [])

    def addresses(self, interface: str) -> list[str]:
        return self._addresses.get(interface, [])

    async def _ask(self, namespace: str, tool: str, *question: str) -> list[dict[str, Any]]:
        return json.loads(await asyncio.to_thread(tools.run, tool, "-n", namespace, "-j", *question))


def learned(shown: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Addresses that bridges learned from frames, by port, of what `bridge -j fdb show` prints."""
    found: dict[str, list[str]] = {}
    for entry in shown:
        if "master" in entry and entry.get("state") != "permanent" and "extern_learn" not in entry["flags"]:
            found.setdefault(entry["ifname"], []).append(entry["mac"])
    return found
