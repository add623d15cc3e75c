"""A server's power state machine with real delays, kept over a restart of the lab (and of the BMC)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.virtual.clock import LabClock

PowerState = Literal["On", "Off", "PoweringOn", "PoweringOff"]
RESET_TYPES = (
    "On",
    "ForceOff",
    "GracefulShutdown",
    "GracefulRestart",
    "ForceRestart",
    "Nmi",
    "ForceOn",
    "PushPowerButton",
    "PowerCycle",
)


@dataclass(frozen=True)
class PowerDelays:
    """Lab seconds that each movement takes."""

    power_on_s: float = 1.5
    force_off_s: float = 0.5
    shutdown_s: float = 3.0
    post_s: float = 8.0
    os_boot_s: float = 6.0
    bmc_restart_s: float = 6.0


@dataclass
class _Step:
    at: float
    state: PowerState


@dataclass
class PowerMachine:
    """Transitions are settled when their time has come, seen by whoever reads next; a timer makes observers see it too."""

    clock: LabClock
    delays: PowerDelays
    settled: PowerState
    changed: Callable[["PowerMachine"], None]
    since: float = 0.0
    boots: int = 0
    steps: list[_Step] = field(default_factory=list[_Step])

    @property
    def state(self) -> PowerState:
        self.settle()
        return self.settled

    @property
    def on(self) -> bool:
        return self.state == "On"

    def settle(self) -> None:
        """Applies every transition whose time has come, in order."""
        while self.steps and self.steps[0].at <= self.clock.time():
            step = self.steps.pop(0)
            if step.state == "On" and self.settled != "On":
                self.boots += 1
            self.settled, self.since = step.state, step.at
            self.changed(self)

    def boot_progress(self) -> str:
        """How far the last boot has come, in the words of Redfish's BootProgress."""
        if self.state != "On":
            return "None"
        age_s = self.clock.time() - self.since
        if age_s < self.delays.post_s * 0.3:
            return "PrimaryProcessorInitializationStarted"
        if age_s < self.delays.post_s * 0.6:
            return "PCIResourceConfigStarted"
        if age_s < self.delays.post_s:
            return "SystemHardwareInitializationComplete"
        return "OSBootStarted" if age_s < self.delays.post_s + self.delays.os_boot_s else "OSRunning"

    def refusal(self, reset_type: str) -> str | None:
        """Why the hardware cannot do it now, or None. Asking for the state that is there already is not refused."""
        if self.state in ("PoweringOn", "PoweringOff") and reset_type not in ("ForceOff", "PowerCycle"):
            return f"the system is {self.state}"
        if reset_type in ("Nmi", "GracefulRestart") and self.state != "On":
            return f"the system is {self.state}"
        return None

    def reset(self, reset_type: str) -> bool:
        """Starts the movement; False if there is nothing to move. Call `refusal` first."""
        d = self.delays
        on, off = self.settled == "On", self.settled == "Off"
        match reset_type:
            case "On" | "ForceOn" if off:
                return self._go(("PoweringOn", 0), ("On", d.power_on_s))
            case "ForceOff" if not off:
                return self._go(("PoweringOff", 0), ("Off", d.force_off_s))
            case "GracefulShutdown" if on:
                return self._go(("PoweringOff", 0), ("Off", d.shutdown_s))
            case "PushPowerButton":
                return self.reset("GracefulShutdown" if on else "On")
            case "ForceRestart" | "PowerCycle":
                if off:
                    return self.reset("On") if reset_type == "PowerCycle" else False
                return self._go(("PoweringOff", 0), ("Off", d.force_off_s), ("PoweringOn", 0.5), ("On", d.power_on_s))
            case "GracefulRestart" if on:
                return self._go(("PoweringOff", 0), ("Off", d.shutdown_s), ("PoweringOn", 0.5), ("On", d.power_on_s))
            case _:
                return False

    def cut(self) -> None:
        """Mains fail: off at once, whatever was under way."""
        self.steps.clear()
        self._go(("Off", 0))

    def _go(self, *path: tuple[PowerState, float]) -> bool:
        at = self.clock.time()
        self.steps.clear()
        for state, after_s in path:
            at += after_s
            self.steps.append(_Step(at, state))
            self.clock.call_later(at - self.clock.time() + 0.001, self.settle)
        self.settle()
        return True

    def kept(self) -> dict[str, Any]:
        return {
            "state": self.settled,
            "since": self.since,
            "boots": self.boots,
            "steps": [[step.at, step.state] for step in self.steps],
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Takes up where a killed lab process was; movements go on in lab time."""
        self.settled, self.since, self.boots = kept["state"], kept["since"], kept["boots"]
        self.steps = [_Step(at, state) for at, state in kept["steps"]]
        for step in self.steps:
            self.clock.call_later(step.at - self.clock.time() + 0.001, self.settle)
