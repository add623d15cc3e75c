"""The truth about a running virtual site: machines, switches, cables, who really speaks on a wire. Devices derive, never decide.

For the switches: `link_up`, `lldp_heard` and `macs_heard` say what one of their ports sees; `observe_port` calls back when
that may have changed; `SwitchBody` holds what a switch's own software decides about its ports.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.virtual.booting import BIOS_FAULT
from lab.virtual.cabling import Cabling, Plugged
from lab.virtual.catalogue import Plane
from lab.virtual.clock import LabClock
from lab.virtual.derived_routing import DerivedRouting, Sessions
from lab.virtual.device_log import DeviceLog
from lab.virtual.drives import DRIVE_FAULTS, KeptMedia, MediaOf
from lab.virtual.faults import Fault, FaultBoard, FaultKind, FaultUnknown, Target
from lab.virtual.hardware import part_names
from lab.virtual.kept import KeptState
from lab.virtual.machine import MISSING_KINDS, Machine
from lab.virtual.media import MEDIA_FAULT
from lab.virtual.power import PowerDelays
from lab.virtual.routing import Routing
from lab.virtual.sight import Derived, LldpFrame, Sight
from lab.virtual.sitefile import OtherSystem, PhysicalPort, PortRef, Site, Switch
from lab.virtual.switch.forwarding import Forwarding
from lab.virtual.switch.schema import Problem
from lab.virtual.switch.trees import Tree

WORLD = "(world)"


@dataclass
class SwitchBody:
    """A switch's hardware. Its software changes `ports_down`, `forwarding`, `lldp_off`, `lldp_off_ports` and `running` through what a
    client configures. `forwarding`: what the configuration that it runs says about packets. `sight`: what it sees at its ports;
    `routing`: what it has learned. `refusals`: what the level cannot carry of a configuration that a switch would take."""

    spec: Switch
    sight: Sight
    routing: Routing
    refusals: Callable[[Tree], list[Problem]] = lambda tree: []
    running: bool = True
    lldp_off: bool = False
    ports_down: set[str] = field(default_factory=set[str])
    forwarding: Forwarding = field(default_factory=Forwarding)
    lldp_off_ports: set[str] = field(default_factory=set[str])


class World:
    """One site. Opening the same state folder again takes up where the last process was killed."""

    def __init__(
        self,
        site: Site,
        state: Path,
        *,
        time_factor: float = 1.0,
        delays: PowerDelays | None = None,
        media_of: MediaOf = KeptMedia,
    ) -> None:
        """`media_of`: what stands behind each server's drives."""
        self.site = site
        self.delays = delays or PowerDelays()
        self.kept = KeptState(state)
        anchor = self.kept.get(WORLD, "clock")
        self.clock = LabClock(time_factor, tuple(anchor) if anchor else None)
        self._anchor_clock()
        self.log = DeviceLog(self.kept, self.clock)
        self.faults = FaultBoard(self.kept, self._target_kind)
        self.faults.offer(*_PART_FAULTS, check=self._check_part)
        self.faults.offer(_FIRMWARE_FAULT, _SECURE_BOOT_FAULT, BIOS_FAULT, MEDIA_FAULT)
        self.faults.offer(*DRIVE_FAULTS, check=self._check_drive)
        self.faults.offer(*_CABLE_FAULTS, check=self._check_cable)
        self.faults.observe(self._apply_fault)
        self.cabling = Cabling(site.cables)
        self.machines = {
            spec.name: Machine(site, spec, self.kept, self.clock, self.faults, self.delays, media_of)
            for spec in site.servers
        }
        self._ports: dict[str, dict[str, PhysicalPort]] = {}
        self._port_observers: list[Callable[[PortRef], None]] = []
        self._switch_observers: list[Callable[[str], None]] = []
        sessions = Sessions(self)
        self.switches = {
            spec.name: SwitchBody(spec, Derived(self, spec.name), DerivedRouting(self, sessions, spec.name))
            for spec in site.switches
        }
        self.cabling.observe(self._port_changed)
        for machine in self.machines.values():
            machine.power_observers.append(self._machine_power_changed)

    def _anchor_clock(self) -> None:
        """A restart with another factor goes on from the lab time of now, not from a jump."""
        wall, lab = self.clock.anchor
        previous = float(self.kept.get(WORLD, "time-factor", self.clock.factor))
        now = time.time()
        self.clock.anchor = (now, lab + (now - wall) * previous)
        self.kept.put(WORLD, "clock", list(self.clock.anchor))
        self.kept.put(WORLD, "time-factor", self.clock.factor)

    def close(self) -> None:
        self.kept.close()

    # -- the wires -----------------------------------------------------------------------------------------------

    def peer(self, device: str, port: str) -> PortRef | None:
        """What the cable in this port leads to, plugged as it is now."""
        plugged = self.cabling.at(PortRef(device, port))
        return plugged.peer if plugged else None

    def cable(self, device: str, port: str) -> Plugged | None:
        return self.cabling.at(PortRef(device, port))

    def plane_of(self, device: str, port: str) -> Plane | None:
        """What a port is for: an adapter's slot says it, a switch port takes its cable's."""
        if physical := self.server_port(device, port):
            return physical.plane
        plugged = self.cabling.at(PortRef(device, port))
        return plugged.plane if plugged else None

    def link_up(self, device: str, port: str) -> bool:
        """Light at both ends of a cable."""
        peer = self.peer(device, port)
        return peer is not None and self.emits(device, port) and self.emits(*peer)

    def lldp_heard(self, device: str, port: str) -> LldpFrame | None:
        """The neighbour this port hears: only if the link is up and the other side really sends LLDP."""
        peer = self.peer(device, port)
        if peer is None or not self.link_up(device, port):
            return None
        return self.lldp_sent(*peer)

    def macs_heard(self, device: str, port: str) -> list[str]:
        """Source addresses of the frames that arrive here: what a switch's MAC table can learn from this port."""
        peer = self.peer(device, port)
        if peer is None or not self.link_up(device, port):
            return []
        return self.macs_sent(*peer)

    def lldp_sent(self, device: str, port: str) -> LldpFrame | None:
        """What this end sends, or None: switch, DPU, NIC firmware by class and power state, a system that says so."""
        if machine := self.machines.get(device):
            physical = self.server_port(device, port)
            return self._server_lldp(machine, physical) if physical else None
        if body := self.switches.get(device):
            return (
                None
                if body.lldp_off or port in body.lldp_off_ports or not body.running
                else self._switch_lldp(body, port)
            )
        if system := self.site.system_by_name.get(device):
            return next((_system_lldp(system, p.name, p.mac) for p in system.ports if p.name == port and p.lldp), None)
        return None

    def macs_sent(self, device: str, port: str) -> list[str]:
        """MAC addresses that this end uses as source while its device runs."""
        if machine := self.machines.get(device):
            physical = self.server_port(device, port)
            if physical is None or not self.emits(device, port):
                return []
            quiet = physical.adapter is not None and machine.power.boot_progress() not in ("OSBootStarted", "OSRunning")
            sends_lldp = physical.adapter is not None and self._server_lldp(machine, physical) is not None
            return [] if quiet and not sends_lldp else [physical.mac]
        if body := self.switches.get(device):
            return [self.site.switch_port_mac(body.spec, port)] if body.running else []
        if system := self.site.system_by_name.get(device):
            return [p.mac for p in system.ports if p.name == port]
        return []

    def server_port(self, server: str, port: str) -> PhysicalPort | None:
        """A port of a server by name, MAC included; None if the server or port does not exist."""
        spec = self.site.server_by_name.get(server)
        if spec is None:
            return None
        if server not in self._ports:
            self._ports[server] = {physical.name: physical for physical in self.site.server_ports(spec)}
        return self._ports[server].get(port)

    def observe_port(self, observer: Callable[[PortRef], None]) -> None:
        """Calls back with a port whose cable, link, neighbour or MAC addresses may have changed (both ends of the cable)."""
        self._port_observers.append(observer)

    def observe_switch(self, observer: Callable[[str], None]) -> None:
        """Calls back with a switch that runs another configuration, or has gone away or come back."""
        self._switch_observers.append(observer)

    def switch_changed(self, name: str) -> None:
        for observer in self._switch_observers:
            observer(name)

    def port_changed(self, device: str, port: str) -> None:
        """A switch's software says that it set a port up or down, or its LLDP on or off."""
        self._port_changed(PortRef(device, port))
        if peer := self.peer(device, port):
            self._port_changed(peer)

    def emits(self, device: str, port: str) -> bool:
        """Whether this end puts light on a cable."""
        if machine := self.machines.get(device):
            if not machine.mains:
                return False
            physical = self.server_port(device, port)
            if physical is None or physical.adapter is None:
                return physical is not None
            if machine.adapter_of(port) is None:
                return False
            return machine.power.state == "On" or physical.adapter.standby_link
        if body := self.switches.get(device):
            return body.running and port not in body.ports_down
        return device in self.site.system_by_name

    def _server_lldp(self, machine: Machine, physical: PhysicalPort) -> LldpFrame | None:
        adapter = physical.adapter
        if adapter is None or not (adapter.lldp.running if machine.power.state == "On" else adapter.lldp.standby):
            return None
        if adapter.mode == "dpu":
            name = f"{machine.name}-{physical.slot}"
            port_id, about = physical.name.split("-", 1)[1], "Linux (BlueField-3 Arm)"
        else:
            name, port_id, about = (
                "",
                physical.mac.lower(),
                f"{adapter.model} FW {machine.parts.firmware[physical.slot or '']}",
            )
        return LldpFrame(
            system_name=name,
            system_description=about,
            chassis_id=physical.mac.lower(),
            port_id=port_id,
            port_description=physical.name,
            management_address="",
            capabilities=("station",),
        )

    def _switch_lldp(self, body: SwitchBody, port: str) -> LldpFrame:
        spec = body.spec
        return LldpFrame(
            system_name=spec.name,
            system_description=f"Cumulus Linux version {spec.firmware or self.site.switch_model(spec).firmware} running on {spec.model}",
            chassis_id=spec.mac_base.lower(),
            port_id=port,
            port_description=port,
            management_address=str(spec.address),
            capabilities=("bridge", "router"),
        )

    def _port_changed(self, end: PortRef) -> None:
        for observer in self._port_observers:
            observer(end)

    def _machine_power_changed(self, machine: Machine) -> None:
        for physical in self.site.server_ports(machine.spec):
            self.port_changed(machine.name, physical.name)

    # -- faults of hardware and cables ---------------------------------------------------------------------------

    def _target_kind(self, target: str) -> Target | None:
        if target in self.machines:
            return "server"
        if target in self.switches:
            return "switch"
        if target in self.site.system_by_name:
            return "system"
        device, _, port = target.partition(":")
        return "cable" if port and port in self.site.port_names(device) else None

    def _check_part(self, fault: Fault) -> None:
        machine = self.machines[fault.target]
        part, prefix = str(fault.arguments["part"]), _PART_PREFIX[fault.kind]
        known = sorted(part_names(self.site, machine.spec))
        if part not in known or not part.startswith(prefix):
            fitting = [name for name in known if name.startswith(prefix)]
            raise FaultUnknown(f"{fault.target} has no part {part} for {fault.kind}; it has {', '.join(fitting)}.")

    def _check_drive(self, fault: Fault) -> None:
        part = fault.arguments.get("part")
        if part and part not in part_names(self.site, self.machines[fault.target].spec):
            raise FaultUnknown(f"{fault.target} has no drive {part}.")

    def _check_cable(self, fault: Fault) -> None:
        if fault.kind == "cable-unplugged":
            return
        device, _, port = str(fault.arguments["to" if fault.kind == "cable-wrong-port" else "with"]).partition(":")
        if port not in self.site.port_names(device):
            raise FaultUnknown(f"There is no port {device}:{port}.", do="Write it as device:port.")

    def _apply_fault(self, fault: Fault, seeded: bool) -> None:
        if fault.kind in (*MISSING_KINDS, "firmware-other"):
            self.machines[fault.target].forget_parts()
        elif fault.kind.startswith("cable-"):
            self._recable()
        elif fault.kind == MEDIA_FAULT.name and seeded:
            self.machines[fault.target].media.eject_all("fault")

    def _recable(self) -> None:
        """Cables follow from the site file and the seeded cable faults in their order: mending one leaves the others."""
        wanted = Cabling(self.site.cables)
        for fault in self.faults.active():
            here = _port_ref(fault.target)
            if fault.kind == "cable-unplugged":
                wanted.unplug(here)
            elif fault.kind == "cable-swapped":
                wanted.swap(here, _port_ref(str(fault.arguments["with"])))
            elif fault.kind == "cable-wrong-port":
                moved = wanted.unplug(here)
                if moved is not None:
                    wanted.plug(_port_ref(str(fault.arguments["to"])), moved.peer, moved.plane, moved.rate_gbps)
        self.cabling.become(wanted)


def _system_lldp(system: OtherSystem, port: str, mac: str) -> LldpFrame:
    about = f"Linux ({system.kind})"
    return LldpFrame(system.name, about, mac.lower(), port, port, str(system.address), ("router", "station"))


def _port_ref(text: str) -> PortRef:
    device, _, port = text.partition(":")
    return PortRef(device, port)


def _kind(name: str, target: Target, description: str, **arguments: str) -> FaultKind:
    return FaultKind(name=name, targets=(target,), description=description, arguments=dict[str, Any](arguments))


_PART_PREFIX = {"gpu-missing": "GPU", "drive-missing": "NVMe", "memory-missing": "DIMM", "adapter-missing": ""}
_PART_FAULTS = [
    _kind("gpu-missing", "server", "A GPU is not in the server.", part="which one: GPU0 ..."),
    _kind("drive-missing", "server", "A drive is not in the server.", part="which one: NVMe0 ..."),
    _kind("memory-missing", "server", "A memory module is not in the server.", part="which one: DIMM0 ..."),
    _kind("adapter-missing", "server", "A DPU or NIC is not in the server.", part="which one: dpu0, nic0 ..."),
]
_FIRMWARE_FAULT = _kind(
    "firmware-other",
    "server",
    "A component runs another firmware version.",
    component="its id in the firmware inventory: BMC, BIOS, GPU0, dpu0 ...",
    version="the version it reports",
)
_SECURE_BOOT_FAULT = _kind("secure-boot-off", "server", "Secure boot is not in force.")
_CABLE_FAULTS = [
    _kind("cable-unplugged", "cable", "The cable in this port is pulled."),
    _kind("cable-swapped", "cable", "The plugs of two ports are exchanged.", **{"with": "the other port, device:port"}),
    _kind("cable-wrong-port", "cable", "The cable of this port is in another one.", to="that port, device:port"),
]
