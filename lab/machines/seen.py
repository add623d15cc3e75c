"""What a switch sees at its ports, looked up in its namespace: links and MAC addresses from the kernel, neighbours from its lldpd."""

import asyncio
import json
import time
from typing import Any

from lab.machines import tools
from lab.machines.plan_fabric import BRIDGE
from lab.machines.speakers import Speakers
from lab.virtual.sight import LldpFrame

FRESH_S = 0.5
"""For so long several requests share one look."""


class Seen:
    """Fulfils `lab.virtual.sight.Sight`."""

    def __init__(self, switch: str, namespace: str, speakers: Speakers) -> None:
        self._switch, self._namespace, self._speakers = switch, namespace, speakers
        self._up: frozenset[str] = frozenset()
        self._macs: dict[str, list[str]] = {}
        self._heard: dict[str, LldpFrame] = {}
        self._at = float("-inf")
        self._alone = asyncio.Lock()

    async def look(self) -> None:
        async with self._alone:
            if time.monotonic() - self._at < FRESH_S:
                return
            links, addresses, heard = await asyncio.gather(
                self._ask("ip", "link", "show"), self._ask("bridge", "fdb", "show"), self._speakers.heard(self._switch)
            )
            self._up, self._macs, self._heard = links_up(links), learned(addresses), heard
            self._at = time.monotonic()

    def link_up(self, port: str) -> bool:
        return port in self._up

    def neighbor(self, port: str) -> LldpFrame | None:
        return self._heard.get(port) if port in self._up else None

    def macs(self, port: str) -> list[str]:
        return self._macs.get(port, [])

    async def _ask(self, tool: str, *question: str) -> list[dict[str, Any]]:
        return json.loads(await asyncio.to_thread(tools.run, tool, "-n", self._namespace, "-j", *question))


def links_up(shown: list[dict[str, Any]]) -> frozenset[str]:
    """Interfaces with a carrier, of what `ip -j link show` prints."""
    return frozenset(link["ifname"] for link in shown if {"UP", "LOWER_UP"} <= set(link["flags"]))


def learned(shown: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Addresses that the bridge learned, by port, of what `bridge -j fdb show` prints."""
    found: dict[str, list[str]] = {}
    for entry in shown:
        if entry.get("master") == BRIDGE and entry.get("state") != "permanent":
            found.setdefault(entry["ifname"], []).append(entry["mac"])
    return found
