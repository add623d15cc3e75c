"""One server as the world sees it: its parts, its power, its settings. The BMC in front of it is `lab.virtual.bmc`."""

from collections.abc import Callable
from typing import Any

from lab.virtual.booting import NO_OVERRIDE, boot
from lab.virtual.clock import LabClock
from lab.virtual.drives import Drives, KeptMedia, MediaOf
from lab.virtual.faults import FaultBoard
from lab.virtual.hardware import Adapter, Parts, assemble
from lab.virtual.kept import KeptState
from lab.virtual.media import VirtualMedia
from lab.virtual.options import Image
from lab.virtual.power import PowerDelays, PowerMachine
from lab.virtual.sitefile import Server, Site

MISSING_KINDS = ("gpu-missing", "drive-missing", "memory-missing", "adapter-missing")


class Machine:
    """Everything here survives a restart of the lab process: it is what the hardware's own memory would keep."""

    def __init__(
        self,
        site: Site,
        spec: Server,
        kept: KeptState,
        clock: LabClock,
        faults: FaultBoard,
        delays: PowerDelays,
        media_of: MediaOf = KeptMedia,
    ) -> None:
        self.site, self.spec, self.clock, self.faults = site, spec, clock, faults
        self.name = spec.name
        self.model = site.server_model(spec)
        self._kept = kept
        self.drives = Drives(self.name, kept, clock, faults, media_of(self.name, kept), self._settle_power)
        self.media = VirtualMedia(self, faults)
        self._parts: Parts | None = None
        self._opened_at = clock.time()
        self._first_watts: float | None = None
        self.power_observers: list[Callable[[Machine], None]] = []
        self.mains_observers: list[Callable[[Machine], None]] = []
        self.last_reset = ""
        """What the BMC, a hand or the system asked for last."""
        self.power = PowerMachine(clock, delays, settled=spec.power, changed=self._power_changed, since=clock.time())
        # The machine was left running for long before the lab opened: its last boot is over.
        self.power.since -= delays.post_s + delays.os_boot_s
        self.mains = bool(kept.get(spec.name, "mains", True))
        if saved := kept.get(spec.name, "power"):
            self.power.restore(saved)

    # -- parts ---------------------------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        """What is in the chassis now; faults may take parts away or change firmware."""
        if self._parts is None:
            missing = frozenset(
                str(fault.arguments["part"]) for kind in MISSING_KINDS for fault in self.faults.on(self.name, kind)
            )
            updated: dict[str, str] = self._kept.get(self.name, "firmware") or {}
            firmware = updated | {
                str(fault.arguments["component"]): str(fault.arguments["version"])
                for fault in self.faults.on(self.name, "firmware-other")
            }
            self._parts = assemble(self.site, self.spec, missing=missing, firmware=firmware)
        return self._parts

    def forget_parts(self) -> None:
        """After a part was put in or taken out."""
        self._settle_energy()
        before, self._parts = self._parts, None
        if before is not None:
            gone = tuple(drive for drive in before.drives if drive not in self.parts.drives)
            self.drives.lose_power(gone, self.clock.time())
        self._settle_energy()

    def adapter_of(self, port: str) -> Adapter | None:
        return next((a for a in self.parts.adapters for p in a.ports if p.name == port), None)

    # -- power ---------------------------------------------------------------------------------------------------

    def press(self, reset_type: str, by: str) -> bool:
        """A reset by the BMC or by a finger on the button. False if it had nothing to do."""
        if not self.mains:
            return False
        self._settle_energy()
        self.note({"what": "reset", "to": reset_type, "by": by})
        self.last_reset = reset_type
        return self.power.reset(reset_type)

    def set_mains(self, on: bool) -> None:
        """Plugs or pulls the power cord: the BMC goes with it. Plugged in again the server stays off (its restore policy)."""
        self._settle_energy()
        self.mains = on
        self.keep("mains", on, change={"what": "mains", "to": "on" if on else "off", "by": "hand"})
        if not on:
            self.power.cut()
        self._settle_energy()
        for observer in self.mains_observers:
            observer(self)

    def _settle_power(self) -> None:
        self.power.settle()

    def _power_changed(self, machine: PowerMachine) -> None:
        self._settle_energy()
        if machine.settled == "On":
            boot(self)
        elif machine.settled == "Off":
            self.drives.lose_power(self.parts.drives, machine.since)
        self.keep("power", machine.kept(), change={"what": "power", "to": machine.settled, "by": "hardware"})
        for observer in self.power_observers:
            observer(self)

    # -- firmware ------------------------------------------------------------------------------------------------

    def stage(self, component: str, version: str, *, by: str) -> None:
        """New firmware lies ready; it runs from the component's next restart on (`activate`)."""
        staged = {**(self._kept.get(self.name, "firmware-staged") or {}), component: version}
        change = {"what": "firmware-staged", "component": component, "version": version, "by": by}
        self.keep("firmware-staged", staged, change=change)

    def activate(self, component: str, *, by: str) -> None:
        """Runs what was staged for the component, if anything was."""
        staged: dict[str, str] = self._kept.get(self.name, "firmware-staged") or {}
        version = staged.get(component)
        if version is None:
            return
        running = {**(self._kept.get(self.name, "firmware") or {}), component: version}
        self.keep("firmware-staged", {name: v for name, v in staged.items() if name != component})
        change = {"what": "firmware", "component": component, "version": version, "by": by}
        self.keep("firmware", running, change=change)
        # Whatever strange version it ran is gone with it.
        for fault in list(self.faults.on(self.name, "firmware-other")):
            if fault.arguments["component"] == component:
                self.faults.mend(fault.id)
        self.forget_parts()

    # -- settings ------------------------------------------------------------------------------------------------

    @property
    def boot_override(self) -> dict[str, str]:
        return {**NO_OVERRIDE, **(self._kept.get(self.name, "boot") or {})}

    @property
    def booted_by(self) -> dict[str, str]:
        """The boot override that was in force at the last boot."""
        return self._kept.get(self.name, "booted-by") or dict(NO_OVERRIDE)

    @property
    def stick(self) -> Image | None:
        """The image on the stick in the server's USB port."""
        kept = self._kept.get(self.name, "stick")
        return Image(kept) if kept else None

    def insert_stick(self, image: Image | None) -> None:
        """A hand plugs in a stick with this image, or pulls it out."""
        self.keep("stick", image or "", change={"what": "stick", "to": image or "none", "by": "hand"})

    @property
    def bios(self) -> dict[str, str | int | bool]:
        return {**self.model.bios, **self.spec.differs.bios, **(self._kept.get(self.name, "bios") or {})}

    @property
    def bios_pending(self) -> dict[str, str | int | bool]:
        return self._kept.get(self.name, "bios-pending") or {}

    @property
    def secure_boot(self) -> bool:
        """Whether the firmware enforced it at the last boot."""
        if self.faults.first(self.name, "secure-boot-off") or self.secure_boot_keys == "none":
            return False
        as_delivered = self.spec.differs.secure_boot
        default = self.model.secure_boot if as_delivered is None else as_delivered
        return bool(self._kept.get(self.name, "secure-boot", default))

    @property
    def secure_boot_enabled(self) -> bool:
        """What is set, in force from the next boot on."""
        chosen = self._kept.get(self.name, "secure-boot-next")
        return self.secure_boot if chosen is None else bool(chosen)

    @property
    def secure_boot_keys(self) -> str:
        """`default`, or `none`: without a platform key nothing is enforced (setup mode)."""
        return str(self._kept.get(self.name, "secure-boot-keys", "default"))

    @property
    def booted(self) -> dict[str, str]:
        """What the last boot was from: `from` in Redfish's words for boot sources, `image` for media and HTTP."""
        return self._kept.get(self.name, "booted") or {"from": "Hdd", "image": ""}

    @property
    def asset_tag(self) -> str:
        return str(self._kept.get(self.name, "asset-tag", self.spec.asset_tag))

    def keep(self, key: str, value: Any, *, change: dict[str, Any] | None = None) -> None:
        """On disk when it returns; with `change` it also appears in the device's change log."""
        self._kept.put(self.name, key, value, change=change, at=self.clock.stamp())

    def kept(self, key: str, default: Any = None) -> Any:
        return self._kept.get(self.name, key, default)

    def note(self, change: dict[str, Any]) -> None:
        self._kept.note(self.name, self.clock.stamp(), change)

    # -- power draw ----------------------------------------------------------------------------------------------

    @property
    def load(self) -> float:
        """How busy the server is, 0 to 1; set through the lab, as a tenant's work would."""
        return float(self._kept.get(self.name, "load", 0.15))

    def set_load(self, load: float) -> None:
        self._settle_energy()
        self.keep("load", min(1.0, max(0.0, load)), change={"what": "load", "to": load, "by": "lab"})
        self._settle_energy()

    @property
    def power_w(self) -> float:
        """What the server draws now; off, the BMC and the DPU's standby supply still draw."""
        if not self.mains:
            return 0.0
        standby = 18.0 + sum(a.model.tdp_w * 0.35 for a in self.parts.adapters if a.model.standby_link)
        if self.power.state != "On":
            return round(standby, 1)
        parts = self.parts
        most = sum(g.model.tdp_w for g in parts.gpus) + sum(c.model.tdp_w for c in parts.cpus)
        return round(standby + self.model.idle_w + most * self.load * 0.9, 1)

    @property
    def energy_kwh(self) -> float:
        """Integrated since the lab first opened this site; never falls."""
        joules, at, watts = self._meter
        return (joules + watts * max(0.0, self.clock.time() - at)) / 3_600_000

    @property
    def _meter(self) -> tuple[float, float, float]:
        """(joules, since when, watts since then)."""
        if saved := self._kept.get(self.name, "energy"):
            return saved[0], saved[1], saved[2]
        if self._first_watts is None:
            self._first_watts = self.power_w
        return 0.0, self._opened_at, self._first_watts

    def _settle_energy(self) -> None:
        """Closes an interval of constant power; called before and after whatever changes what is drawn."""
        joules, at, watts = self._meter
        now = self.clock.time()
        self._kept.put(self.name, "energy", [joules + watts * max(0.0, now - at), now, self.power_w])
