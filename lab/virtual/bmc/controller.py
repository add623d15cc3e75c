"""One BMC: what it holds beside the machine behind it, its own restarts, and how it reads its resource tree."""

import asyncio
from collections.abc import Callable

import aiohttp

from lab.virtual.bmc.accounts import Accounts
from lab.virtual.bmc.events import Events
from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import refuse
from lab.virtual.bmc.routing import find
from lab.virtual.bmc.sessions import Sessions
from lab.virtual.bmc.tasks import Tasks
from lab.virtual.hardware import Parts, part_uuid
from lab.virtual.machine import Machine
from lab.virtual.quirks import profiles
from lab.virtual.world import World

SYSTEM = "/redfish/v1/Systems/system"


class Bmc:
    """Endpoint `endpoint` of the site: its address, its port, the machine it manages."""

    def __init__(
        self, world: World, machine: Machine, port: int, client: Callable[[], aiohttp.ClientSession | None]
    ) -> None:
        self.world, self.machine, self.port = world, machine, port
        self.name, self.clock = machine.name, world.clock
        self.address = str(machine.spec.bmc.address)
        self.quirks = profiles()[machine.spec.bmc.quirks]
        self.accounts = Accounts(machine, self.quirks, world.site.logins[machine.spec.bmc.login])
        timeout_s = machine.kept("session-timeout-s", self.quirks.session_timeout_s)
        self.sessions = Sessions(world.clock, self.quirks.session_limit, timeout_s)
        self._client = client
        self.fetching: dict[str, asyncio.Task[None]] = {}
        self.events = Events(machine, client)
        self.tasks = Tasks(self)
        self.started = world.clock.time()
        self.down_until = 0.0
        self.life = 0
        """Counts its lives: what a request began in an earlier one has no effect in this."""
        self._power_before: tuple[str, float] | None = None
        self._inventory_since: float | None = None
        self.restart_observers: list[Callable[[Bmc], None]] = []
        machine.power_observers.append(self._power_changed)
        machine.mains_observers.append(self._mains_changed)

    @property
    def parts(self) -> Parts:
        return self.machine.parts

    @property
    def uuid(self) -> str:
        """The service's own identity, not the system's."""
        return part_uuid(self.machine.spec, "bmc")

    @property
    def up(self) -> bool:
        """False without mains, while the BMC is dead and while it restarts: then nobody listens."""
        return self.machine.mains and not self.dead and self.clock.time() >= self.down_until

    @property
    def dead(self) -> bool:
        """Killed and not started again; kept, as a dead BMC stays dead whatever happens to the lab."""
        return bool(self.machine.kept("bmc-dead"))

    @property
    def http(self) -> aiohttp.ClientSession | None:
        """What it fetches images with; None while nothing is served."""
        return self._client()

    @property
    def mac(self) -> str:
        return self.machine.spec.mac_base.upper()

    # -- its own restart -----------------------------------------------------------------------------------------

    def restart(self, by: str) -> None:
        """Sessions, tasks and the inventory cache are gone; accounts, settings and the host's power stay. New firmware runs.

        A dead BMC does not restart.
        """
        if self.dead:
            return
        self.machine.note({"what": "bmc-restart", "by": by})
        self._forget()
        self._boot()

    def kill(self, by: str) -> None:
        """It dies alone, as by a fault of its own supply: nobody listens until `start`. The host runs on and notices nothing."""
        self.machine.keep("bmc-dead", True, change={"what": "bmc-killed", "by": by})
        self._forget()
        self._tell_restart()

    def start(self, by: str) -> None:
        """A dead BMC boots, as long as a restart takes. One that lives does not notice."""
        if self.dead:
            self.machine.keep("bmc-dead", False, change={"what": "bmc-started", "by": by})
            self._boot()

    def _boot(self) -> None:
        self.down_until = self.clock.time() + self.world.delays.bmc_restart_s
        self.started = self.down_until
        self._tell_restart()

    def _tell_restart(self) -> None:
        for observer in self.restart_observers:
            observer(self)

    def _forget(self) -> None:
        """What is only in its memory, by a restart, its death or without mains; new firmware runs afterwards."""
        self.life += 1
        self.sessions.clear()
        self.tasks.clear()
        self.events.close_streams()
        self.machine.activate("BMC", by="bmc")
        if self.quirks.media_lost_on_restart:
            self.machine.media.eject_all("bmc-restart")
        self._inventory_since = None

    def _mains_changed(self, machine: Machine) -> None:
        if not machine.mains:
            self._forget()

    # -- power ---------------------------------------------------------------------------------------------------

    @property
    def shown_power(self) -> str:
        """PowerState as this BMC reports it: some lag behind, some lie."""
        lie = self.world.faults.first(self.name, "lie")
        if lie and lie.arguments["about"] == "power-state":
            return "Off" if self.machine.power.state == "On" else "On"
        if self._power_before is not None:
            old, until = self._power_before
            if self.clock.time() < until:
                return old
        return self.machine.power.state

    def reset_system(self, reset_type: str, by: str) -> None:
        """Moves the host's power. Raises 400 or 409 where the BMC refuses."""
        if reset_type not in self.quirks.reset_types:
            raise refuse(
                400, "ActionParameterNotSupported", "ResetType", "ComputerSystem.Reset", properties=("ResetType",)
            )
        if why := self.machine.power.refusal(reset_type):
            raise refuse(409, "ActionNotAllowed", f"Reset ({why})")
        if self.lies_about("reset"):
            return
        before = self.machine.power.state
        moved = self.machine.press(reset_type, by)
        if moved and self.quirks.stale_power_s:
            self._power_before = (before, self.clock.time() + self.quirks.stale_power_s)

    def lies_about(self, what: str) -> bool:
        """Whether the BMC says yes to this now and does nothing."""
        for fault in self.world.faults.on(self.name, "lie"):
            if fault.arguments["about"] == what:
                self.machine.note({"what": "lied", "about": what, "by": "fault"})
                self.world.faults.spend(fault)
                return True
        return False

    def _power_changed(self, machine: Machine) -> None:
        key = {
            "On": "ResourcePoweredOn",
            "Off": "ResourcePoweredOff",
            "PoweringOn": "ResourcePoweringOn",
            "PoweringOff": "ResourcePoweringOff",
        }[machine.power.settled]
        if not self.dead:
            self.events.emit(f"ResourceEvent.{key}", SYSTEM, SYSTEM, kind="StatusChange")

    # -- firmware inventory --------------------------------------------------------------------------------------

    def require_inventory(self) -> None:
        """503 while a slow BMC gathers its firmware inventory, which it begins when first asked."""
        if not self.quirks.inventory_busy_s:
            return
        if self._inventory_since is None:
            self._inventory_since = self.clock.time()
        left_s = self._inventory_since + self.quirks.inventory_busy_s - self.clock.time()
        if left_s > 0:
            problem = refuse(503, "ServiceTemporarilyUnavailable", max(1, round(left_s)))
            problem.headers["Retry-After"] = str(max(1, round(left_s)))
            raise problem

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, path: str) -> Json:
        """The resource at a path as this BMC shows it. Raises 404."""
        found = find(path)
        if found is None or found[0].read is None or self.absent(path):
            raise refuse(404, "ResourceMissingAtURI", path)
        route, names = found
        body = {"@odata.id": path, **route.read(self, **names)}  # pyright: ignore[reportOptionalCall]
        if self.quirks.missing_fields:
            kind = str(body.get("@odata.type", "")).lstrip("#").split(".")[0]
            for field in self.quirks.missing_fields:
                if field.startswith(kind + "."):
                    body.pop(field.split(".", 1)[1], None)
        return body

    def absent(self, path: str) -> bool:
        """Whether this BMC's firmware does not serve the path at all."""
        other = SYSTEM if self.quirks.media_under == "manager" else "/redfish/v1/Managers/bmc"
        if path.startswith(f"{other}/VirtualMedia"):
            return True
        if not self.quirks.sessions and path.startswith("/redfish/v1/SessionService"):
            return True
        return any(f"/{name}/" in path + "/" for name in self.quirks.absent)

    # -- settings of the BMC itself ------------------------------------------------------------------------------

    @property
    def network(self) -> Json:
        """Host name, time servers, which services are on."""
        default: Json = {
            "hostname": self.machine.spec.bmc.hostname or f"{self.name}-bmc",
            "ntp": True,
            "ntp_servers": ["", ""],
            "ipmi": False,
        }
        return {**default, **self.machine.kept("bmc-network", {})}

    def set_network(self, fields: Json, by: str) -> None:
        change = {"what": "bmc-network", "fields": sorted(fields), "by": by}
        self.machine.keep("bmc-network", {**self.network, **fields}, change=change)
