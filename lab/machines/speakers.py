"""Who sends LLDP: an lldpd for each switch, DPU, system, and for a NIC whose firmware does, in the namespace of its ports.

It runs out of the agent image, so that this machine needs no lldpd of its own, which would speak on this machine's network.
"""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from domain.errors import Transient
from lab.machines import cgroups, tools
from lab.machines.runs import NAMESPACES, Run
from lab.virtual.sight import LldpFrame

LISTENS_S = 15.0
EVERY_S = 5
"""Devices of this kind speak every 30 s and are remembered four times as long. Ours speak more often, so that who starts late hears soon
and who missed that a link was dark for a moment (lldpd looks only when links have been quiet for a second) soon forgets."""
GOOD_BYE_S = 1.0


class SpeakerNotStarted(Transient):
    """An lldpd does not run; the message has its last words."""

    kind = "speaker-not-started"


@dataclass(frozen=True)
class Speaker:
    """One lldpd as it should run. `interfaces`: those it speaks on; the first gives the chassis' address."""

    namespace: str
    interfaces: tuple[str, ...]
    name: str
    description: str
    port_id: Literal["ifname", "macaddress"] = "ifname"
    management: str = ""

    def configuration(self) -> str:
        """For lldpcli, which lldpd reads it with. An empty name is not sent."""
        lines = [
            f'configure system hostname "{self.name}"',
            f'configure system description "{self.description}"',
            f"configure lldp portidsubtype {self.port_id}",
            f"configure lldp tx-interval {EVERY_S}",
            # An address that is named is sent whether or not an interface has it; the other pattern fits none.
            f"configure system ip management pattern {self.management or '!*'}",
        ]
        return "\n".join(lines) + "\n"


@dataclass
class _Running:
    speaker: Speaker
    process: asyncio.subprocess.Process
    quiet: frozenset[str] = field(default=frozenset[str]())
    listens: bool = False
    """Whether it can be asked yet."""


class Speakers:
    """Those of one run, by the name of who speaks. `image`: the root file system that has lldpd."""

    def __init__(self, run: Run, image: Path) -> None:
        self._run, self._image = run, image
        self._running: dict[str, _Running] = {}

    async def become(self, wanted: Mapping[str, Speaker], quiet: Mapping[str, frozenset[str]]) -> None:
        """Starts and stops until these speak, and nobody else. `quiet`: interfaces on which one keeps silent, by its name."""
        others = [
            name
            for name, one in self._running.items()
            if wanted.get(name) != one.speaker or one.process.returncode is not None
        ]
        await self.stop(others, good_bye=True)
        missing = [name for name in wanted if name not in self._running]
        await asyncio.gather(*(self._start(name, wanted[name]) for name in missing))
        for name, one in self._running.items():
            await self._hush(one, quiet.get(name, frozenset()))

    async def stop(self, names: Iterable[str], *, good_bye: bool = False) -> None:
        """Kills them; with `good_bye` they tell their neighbours first, as when they are switched off by a configuration."""
        for name in list(names):
            if one := self._running.pop(name, None):
                if good_bye and one.process.returncode is None:
                    one.process.terminate()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(one.process.wait(), GOOD_BYE_S)
                await asyncio.to_thread(cgroups.remove, self._cgroup(name))
                await one.process.wait()

    async def stop_in(self, namespace: str) -> None:
        """Stops whoever speaks in a namespace that is about to go."""
        await self.stop([name for name, one in self._running.items() if one.speaker.namespace == namespace])

    async def heard(self, name: str) -> dict[str, LldpFrame]:
        """What it hears now, by interface; nothing if it does not run yet or has died."""
        one = self._running.get(name)
        if one is None or not one.listens or one.process.returncode is not None:
            return {}
        return frames(json.loads(await self._ask(one, "show", "neighbors", "details")))

    async def _start(self, name: str, speaker: Speaker) -> None:
        folder = self._run.folder / "speakers" / name
        (folder / "root").mkdir(parents=True, exist_ok=True)
        (folder / "lldpd.conf").write_text(speaker.configuration())
        groups = cgroups.make(self._cgroup(name))
        own = {"CGROUPS": ":".join(map(str, groups)), "LOWER": str(self._image)}
        own |= {"ROOT": str(folder / "root"), "CONFIG": str(folder / "lldpd.conf")}
        own |= {"NETWORK": str(NAMESPACES / speaker.namespace)}
        command = ["unshare", "--mount", "sh", tools.script("speak.sh")]
        command += ["-I", ",".join(speaker.interfaces), "-C", speaker.interfaces[0]]
        process = await tools.begin(*command, environment=tools.environment(**own), log=folder / "log")
        self._running[name] = one = _Running(speaker, process)
        try:
            async with asyncio.timeout(LISTENS_S):
                await _listens(process)
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.returncode is not None:
            said = (folder / "log").read_text(errors="replace")[-400:]
            raise SpeakerNotStarted(f"lldpd of {name} does not run (exit code {process.returncode}): {said}")
        one.listens = True

    async def _hush(self, one: _Running, quiet: frozenset[str]) -> None:
        for interface in quiet ^ one.quiet:
            status = "disabled" if interface in quiet else "rx-and-tx"
            await self._ask(one, "configure", "ports", interface, "lldp", "status", status)
        one.quiet = quiet

    async def _ask(self, one: _Running, *question: str) -> str:
        command = ["nsenter", "--target", str(one.process.pid), "--mount", "--root", "--"]
        return await asyncio.to_thread(tools.run, *command, "/usr/sbin/lldpcli", "-f", "json0", *question)

    def _cgroup(self, name: str) -> str:
        return f"{self._run.cgroup}/lldp-{name}"


async def _listens(process: asyncio.subprocess.Process) -> None:
    """Returns when lldpcli finds it, or it has ended. A socket that appears can only be looked for."""
    socket = os.path.join("/proc", str(process.pid), "root", "run", "lldpd.socket")
    while process.returncode is None and not os.path.exists(socket):  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.02)


def frames(shown: Any) -> dict[str, LldpFrame]:
    """What `lldpcli -f json0 show neighbors details` prints, by interface; of several neighbours on one the newest."""
    heard: dict[str, LldpFrame] = {}
    for told in shown.get("lldp", []):
        for neighbor in sorted(told.get("interface", []), key=lambda entry: _age(entry["age"]), reverse=True):
            heard[neighbor["name"]] = _frame(neighbor["chassis"][0], neighbor["port"][0])
    return heard


def _age(told: str) -> tuple[int, ...]:
    """Of `0 day, 00:01:05`: days, hours, minutes, seconds."""
    return tuple(int(number) for number in re.findall(r"\d+", told))


def _frame(chassis: dict[str, Any], port: dict[str, Any]) -> LldpFrame:
    able = [entry["type"].lower() for entry in chassis.get("capability", []) if entry["enabled"]]
    return LldpFrame(
        system_name=_first(chassis, "name"),
        system_description=_first(chassis, "descr"),
        chassis_id=_first(chassis, "id"),
        port_id=_first(port, "id"),
        port_description=_first(port, "descr"),
        management_address=next((e["value"] for e in chassis.get("mgmt-ip", []) if "." in e["value"]), ""),
        capabilities=tuple(able),
        ttl_s=int(_first(port, "ttl") or 120),
    )


def _first(tree: dict[str, Any], key: str) -> str:
    return str(tree[key][0]["value"]) if tree.get(key) else ""
