"""Keeps a server's machine as the server's power is: running when it is on, gone when it is off.

Power comes from the BMC or from a hand at the button (`lab.virtual.machine`); here it gets a body. In the other direction, a system that
powers itself off or restarts is seen by the BMC.
"""

import asyncio
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.machines import body, cgroups, drives, hardware, medium, network
from lab.machines.body import Body, NothingToBoot
from lab.machines.booting import Disk, Offers, Remote, Source, Stick, boot_order
from lab.machines.drives import Drive
from lab.machines.fabric import Fabric
from lab.machines.medium import Inserted, NoMedium
from lab.machines.runs import CONSOLE, NAMESPACES, Run
from lab.virtual.machine import Machine
from lab.virtual.media import BOOTS_FROM
from lab.virtual.options import Image

log = logging.getLogger("lab.machines")
_BY_WISH = ("GracefulShutdown", "GracefulRestart", "PushPowerButton")
_SYSTEM = "system"


@dataclass(frozen=True)
class Place:
    """What a server's machine stands on. `fabric`: what its NICs are plugged into. `number`: its place in the site file; `key`: the public
    key that may log in to live systems."""

    run: Run
    fabric: Fabric
    number: int
    drives: Path
    images: dict[Image, Path]
    key: str


class Keeper:
    """One server. `follow` it, then let `keep` run for as long as the site is served."""

    def __init__(self, machine: Machine, place: Place) -> None:
        self._machine, self._place = machine, place
        self._orders: asyncio.Queue[Literal["on", "off"]] = asyncio.Queue()
        self._body: Body | None = None
        self._wanted = False
        self._standing = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def _folder(self) -> Path:
        return self._place.run.folder / self._machine.name

    @property
    def _iso(self) -> Path:
        return self._place.run.media / f"{self._machine.name}.iso"

    def follow(self) -> None:
        """Takes up the power as it is, and every change of it from now on."""
        self._machine.power_observers.append(self._power_changed)
        if self._machine.power.on:
            self._power_changed(self._machine)

    def _power_changed(self, machine: Machine) -> None:
        power = machine.power.settled
        if power == "On":
            self._wanted = True
            self._orders.put_nowait("on")
        elif power == "PoweringOff" and machine.last_reset in _BY_WISH:
            if self._body is not None:
                self._body.ask_to_shut_down()
        elif power in ("PoweringOff", "Off"):
            self._wanted = False
            if self._body is not None:
                self._body.cut()
            self._orders.put_nowait("off")

    async def keep(self) -> None:
        """Carries out what power asks for, one after the other. A failure is in the server's log and the next order is carried out."""
        while True:
            order = await self._orders.get()
            try:
                if order == "on":
                    await self._turn_on()
                else:
                    await self._turn_off()
            except Exception as error:  # whatever it is, the next order must find somebody
                log.exception("%s could not be turned %s", self._machine.name, order)
                self._machine.note({"what": "boot", "failed": str(error)})

    def leave(self) -> None:
        """The site is no longer served: what becomes of the machine now is no event in its life."""
        self._machine.power_observers.remove(self._power_changed)
        if self._watching is not None:
            self._watching.cancel()

    # -- on ------------------------------------------------------------------------------------------------------

    async def _turn_on(self) -> None:
        if self._standing or not self._wanted:
            return
        self._standing = True
        began = time.monotonic()
        place, server = self._place, self._machine.spec
        namespace = place.run.namespace(server.name)
        await asyncio.to_thread(network.plug_in, server, namespace, place.run.management, place.number)
        await place.fabric.insert(server)
        fitted = await asyncio.to_thread(self._attach)
        await asyncio.to_thread(hardware.write, self._machine, fitted, self._folder)
        for source in boot_order(self._machine.booted_by["target"], list(fitted), self._offers()):
            if not self._wanted:
                return
            try:
                self._body = await body.start(await asyncio.to_thread(self._plan, source, fitted))
                break
            except NothingToBoot:
                continue
            except NoMedium as error:
                self._machine.note({"what": "boot-source", "from": str(source), "failed": str(error)})
        else:
            self._machine.note({"what": "boot", "from": "nothing bootable"})
            return
        if not self._wanted:
            self._body.cut()  # the order came while there was no first process to kill
        told = {"what": "boot", "from": str(source), "after_s": round(time.monotonic() - began, 2)}
        self._machine.note(told)
        self._watching = asyncio.create_task(self._watch(self._body))

    def _attach(self) -> dict[str, Path]:
        """The drives that are in the server now, by name, each with its loop device."""
        fitted = attach_drives(self._machine, self._place.drives)
        for device in fitted.values():
            drives.wait_until_free(device)
        return fitted

    def _offers(self) -> Offers:
        """What is plugged in beside the drives, and what the network has. Nothing answers a DHCP request there: HTTP boot needs an URL."""
        machine, by = self._machine, self._machine.booted_by
        return Offers(
            stick=Stick(machine.stick) if machine.stick else None,
            cd=self._virtual("Cd"),
            usb=self._virtual("Usb"),
            network=Remote(by["http_uri"], "network") if by["target"] == "UefiHttp" and by["http_uri"] else None,
        )

    def _virtual(self, target: Literal["Cd", "Usb"]) -> Remote | None:
        slot = BOOTS_FROM[target]
        url = self._machine.media.inserted(slot).get("image", "")
        return Remote(url, "cd" if target == "Cd" else "usb", slot) if url else None

    def _read(self, source: Remote) -> Inserted:
        """The medium, read by the BMC, or through the server's own port. Raises `NoMedium`."""

        def still() -> bool:
            return self._wanted and (
                not source.slot or self._machine.media.inserted(source.slot).get("image") == source.url
            )

        run, iso = self._place.run, self._iso
        iso.parent.mkdir(exist_ok=True, mode=0o700)
        reader = run.management if source.slot else run.namespace(self._machine.name)
        self._take_medium_out()
        network.inside(reader, lambda: medium.fetch(source.url, iso, still))
        return medium.insert(iso, self._folder / "medium")

    def _take_medium_out(self) -> None:
        drives.detach(drives.devices_on(self._iso))
        self._iso.unlink(missing_ok=True)
        shutil.rmtree(self._folder / "medium", ignore_errors=True)

    def _plan(self, source: Source, fitted: dict[str, Path]) -> body.Plan:
        run, server, folder = self._place.run, self._machine.spec, self._folder
        for part in ("root", "ram", "seed", "live"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        inserted = self._read(source) if isinstance(source, Remote) else None
        groups = cgroups.make(f"{run.cgroup}/{server.name}")
        cgroups.keep_from(groups, [*fitted.values(), *([inserted.device] if inserted else [])])
        shown = [(folder / name, where) for name, where in hardware.SEEN_AT.items()]
        binds = [(device, drives.node_of(name)) for name, device in fitted.items()]
        plan = body.Plan(
            name=run.machine(server.name),
            hostname=server.name,
            namespace=NAMESPACES / run.namespace(server.name),
            cgroups=groups,
            root=folder / "root",
            ram=folder / "ram",
            console=folder / CONSOLE,
            binds=binds,
            shown=[*shown, *([(inserted.files, medium.SEEN_AT)] if inserted else [])],
            disk=fitted[source.drive] if isinstance(source, Disk) else None,
            lower=self._place.images[source.image] if isinstance(source, Stick) else folder / "live",
            medium=inserted.device if inserted else None,
            seed=folder / "seed",
        )
        _plant(folder / "seed", server.name, self._place.key)
        return plan

    async def _watch(self, running: Body) -> None:
        """What the system inside does to its own power, as the BMC sees it."""
        code = await running.ended()
        if running is not self._body or not self._wanted or self._machine.power.settled != "On":
            return
        if code == body.REBOOT:
            self._machine.press("ForceRestart", _SYSTEM)
        elif code == 0:
            self._machine.press("ForceOff", _SYSTEM)
        else:
            self._machine.note({"what": "boot", "failed": f"the system died (exit code {code})"})

    # -- off -----------------------------------------------------------------------------------------------------

    async def _turn_off(self) -> None:
        if not self._standing:
            return
        run, name = self._place.run, self._machine.name
        await asyncio.to_thread(cgroups.remove, f"{run.cgroup}/{name}")
        if self._body is not None:
            await self._body.ended()
            self._body = None
        await asyncio.to_thread(self._take_medium_out)
        await self._place.fabric.take_out(self._machine.spec)
        await asyncio.to_thread(network.pull_out, run.namespace(name), run.management, self._place.number)
        self._standing = False


def attach_drives(machine: Machine, folder: Path) -> dict[str, Path]:
    """Makes what is missing of the server's drives; by name, each with its loop device."""
    return {
        part.name: drives.attach(Drive(part.name, folder / part.serial, part.model.capacity_gb * 10**9))
        for part in machine.parts.drives
    }


def _plant(seed: Path, name: str, key: str) -> None:
    """What a live system finds beside its image: who may log in."""
    (seed / "etc").mkdir(exist_ok=True)
    (seed / "etc/hostname").write_text(f"{name}\n")
    (seed / "root/.ssh").mkdir(parents=True, exist_ok=True)
    for closed in (seed / "root", seed / "root/.ssh"):
        closed.chmod(0o700)
    (seed / "root/.ssh/authorized_keys").write_text(key)
