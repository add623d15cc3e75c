"""One virtual switch: its revisions, its users, what happens to it. The REST interface in front of it is `app`."""

import re
from collections.abc import Callable
from typing import Any

from lab.virtual.device_log import without_secrets
from lab.virtual.faults import Fault
from lab.virtual.switch import faults as kinds
from lab.virtual.switch import forwarding
from lab.virtual.switch.accounts import FACTORY_PASSWORD, FACTORY_USER, Accounts, hashed
from lab.virtual.switch.defaults import day_zero
from lab.virtual.switch.entry import Entry, Timing
from lab.virtual.switch.faults import SwitchFaults
from lab.virtual.switch.releases import Release
from lab.virtual.switch.revisions import Revisions
from lab.virtual.switch.schema import Problem, StrictSchema, schema_for
from lab.virtual.switch.trees import Tree, difference
from lab.virtual.switch.validation import problems
from lab.virtual.world import World

_KEY = "nvue"
_FLAPPING = (("service", "ptp"), ("router", "adaptive-routing"))
"""Changing these restarts switchd: connections break for a moment (ran.md 3.3, 4.1)."""
_FLAP_S = 2.0


class SwitchDevice:
    """Everything it keeps over a power cut is in the world's state folder before a request is answered.

    `slash_ids`: revision ids of older releases, `changeset/cumulus/2026-11-23_18.45.01_0001`.
    """

    def __init__(self, world: World, name: str, *, slash_ids: bool = False, timing: Timing | None = None) -> None:
        self.world, self.name = world, name
        self.body = world.switches[name]
        self.spec = self.body.spec
        self.faults = SwitchFaults(world.faults, name)
        self.accounts = Accounts()
        self.booted_at = float(world.kept.get(name, "booted-at") or world.clock.time() - 86_400)
        self.away_until = float(world.kept.get(name, "away-until") or 0.0)
        self.words = Release.of(self.release)
        self._ports = tuple(world.site.switch_model(self.spec).port_rates())
        self._flapped_at = float("-inf")
        self.revisions = Revisions(
            day_zero(world.site, self.spec),
            check=self._problems,
            trouble=lambda _: self.faults.trouble(),
            name=self._slash_id if slash_ids else lambda number, _: str(number),
            timing=timing,
            auto_saves=self.words.auto_saves,
            on_change=self._changed,
        )
        if kept := world.kept.get(name, _KEY):
            self.revisions.restore(kept)
        else:
            self._keep(None)
        self.body.running = self.away_until <= world.clock.time()
        self._obey_configuration()
        world.faults.observe(self._fault_seeded)
        self._wake_at_next_step()

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def applied(self) -> Tree:
        return self.revisions.applied

    @property
    def release(self) -> str:
        return self.spec.firmware or self.world.site.switch_model(self.spec).firmware

    @property
    def serial(self) -> str:
        return f"{self.spec.serial}-LIE" if self.faults.lies_about("serial") else self.spec.serial

    @property
    def schema(self) -> StrictSchema:
        """The published schema of its release; the first use imports for a second."""
        return schema_for(self.release)

    @property
    def factory_locked(self) -> bool:
        """Whether somebody still logs in with the password that every switch leaves the factory with."""
        return self.accounts.role(self.applied, FACTORY_USER, FACTORY_PASSWORD) is not None

    def _slash_id(self, number: int, at: float) -> str:
        stamp = re.sub(r"[TZ:-]", ".", self.world.clock.stamp())
        return f"changeset/{self._user_name()}/{stamp.strip('.')}_{number:04d}"

    def _user_name(self) -> str:
        return next(iter(self.applied.get("system", {}).get("aaa", {}).get("user", {})), FACTORY_USER)

    def _problems(self, tree: Tree) -> list[Problem]:
        return problems(tree, self.schema, self._ports) or self.body.refusals(tree)

    # -- time ----------------------------------------------------------------------------------------------------

    def settle(self) -> float:
        """Makes happen whose time has come; every request and every look begins with it. Returns the lab time."""
        now = self.world.clock.time()
        if self.away_until and now >= self.away_until:
            self.away_until = 0.0
            self._come_back()
        if not self.away_until:
            self.revisions.settle(now)
        return now

    @property
    def reachable(self) -> bool:
        """False while it restarts, and for a moment while switchd and NGINX reload."""
        now = self.settle()
        return not self.away_until and not 0 <= now - self._flapped_at < _FLAP_S

    # -- what happens to it --------------------------------------------------------------------------------------

    def restart(self, away_s: float = 30.0) -> None:
        """Power is cut or it reboots: it is away, then starts with its startup configuration."""
        self.settle()
        self._go_away(away_s)

    def _go_away(self, away_s: float) -> None:
        """Without settling: in the middle of an apply, what comes after the moment of the cut never happens."""
        now = self.world.clock.time()
        self.away_until = now + away_s
        self.world.kept.put(
            self.name,
            "away-until",
            self.away_until,
            change={"what": "restart", "by": "fault"},
            at=self.world.clock.stamp(),
        )
        self.revisions.restart(now)
        self._tell_ports(running=False)
        self.world.clock.call_later(away_s + 0.01, self._settled)

    def _wake_at_next_step(self) -> None:
        """Timers run out although nobody asks: ports and neighbours change with them."""
        due = self.revisions.next_step_at()
        if due is not None:
            self.world.clock.call_later(due - self.world.clock.time() + 0.001, self._settled)

    def _settled(self) -> None:
        self.settle()

    def _come_back(self) -> None:
        self.booted_at = self.world.clock.time()
        self.world.kept.put(self.name, "booted-at", self.booted_at)
        self.world.kept.put(self.name, "away-until", 0.0)
        self._tell_ports(running=True)

    def set_password_at_console(self, user: str, password: str) -> None:
        """A person logs in on the console and sets a password, as the first login after unpacking demands."""
        patch = {"system": {"aaa": {"user": {user: {"hashed-password": hashed(password)}}}}}
        self.revisions.apply_foreign(patch, self.world.clock.time(), user)

    def reset_to_factory(self) -> None:
        """As shipped: the factory user with the factory password is the only one."""
        users = self.applied.get("system", {}).get("aaa", {}).get("user", {})
        factory = {FACTORY_USER: {"role": "system-admin", "hashed-password": hashed(FACTORY_PASSWORD)}}
        patch = {"system": {"aaa": {"user": {**dict.fromkeys(users), **factory}}}}
        self.revisions.apply_foreign(patch, self.world.clock.time(), "root")

    def apply_foreign(self, patch: Tree) -> None:
        """Somebody else applies something, on the switch's own command line."""
        self.revisions.apply_foreign(patch, self.world.clock.time())

    def _fault_seeded(self, fault: Fault, seeded: bool) -> None:
        if fault.target != self.name or not seeded:
            return
        if fault.kind == kinds.REBOOT and "state" not in fault.arguments:
            self.world.faults.mend(fault.id)
            self.restart(kinds.number(fault, "seconds", 30))
        elif fault.kind == kinds.FACTORY_RESET:
            self.world.faults.mend(fault.id)
            self.reset_to_factory()
        elif fault.kind == kinds.FOREIGN_APPLY:
            for patch in self.faults.foreign("now"):
                self.apply_foreign(patch)

    # -- consequences of a configuration --------------------------------------------------------------------------

    def _changed(self, what: str, entry: Entry | None) -> None:
        runs = what in ("foreign", "restart") or (what == "moved" and entry is not None and entry.state == "reloading")
        if runs:
            self._obey_configuration()
        if what == "moved" and entry is not None and entry.state == "reloading":
            self._flap(entry)
        change = self._change(what, entry, runs)
        self._keep(change)
        self._wake_at_next_step()
        if (
            what in ("apply", "moved")
            and entry is not None
            and (away_s := self.faults.reboot_at(entry.state)) is not None
        ):
            self._go_away(away_s)

    def _change(self, what: str, entry: Entry | None, runs: bool) -> dict[str, Any] | None:
        """What the device's own change log says; steps in between that change nothing leave no line."""
        if what == "moved" and not runs and (entry is None or entry.steps):
            return None
        change: dict[str, Any] = {
            "what": f"nvue-{'running' if runs else what}",
            "by": entry.user if entry else "switch",
        }
        if entry is not None:
            change |= {"revision": entry.id, "state": entry.state, "message": entry.message}
            if runs and entry.before is not None:
                change["patch"] = without_secrets(difference(entry.before, self.applied))
        return change

    def _keep(self, change: dict[str, Any] | None) -> None:
        self.world.kept.put(
            self.name, _KEY, self.revisions.kept(), change=change, at=self.world.clock.stamp() if change else ""
        )

    def _flap(self, entry: Entry) -> None:
        former, latter = entry.before or {}, entry.tree or {}
        for path in _FLAPPING:
            if _part(former, path) != _part(latter, path):
                self._flapped_at = self.revisions.restarted_at

    def _obey_configuration(self) -> None:
        """Ports and LLDP as the applied configuration says; who watches the other ends is told."""
        if self.faults.lies_about("links"):
            return
        down = {
            name
            for name, entry in self.applied.get("interface", {}).items()
            if "down" in entry.get("link", {}).get("state", {})
        }
        down |= set(self._ports) - set(self.applied.get("interface", {}))
        lldp_off, quiet = self.words.lldp_off(self.applied), self.words.lldp_off_ports(self.applied)
        changed = (down ^ self.body.ports_down) | (quiet ^ self.body.lldp_off_ports)
        if lldp_off != self.body.lldp_off:
            changed = {*self._ports, self.world.site.switch_model(self.spec).management_port}
        self.body.ports_down, self.body.forwarding = down, forwarding.read(self.applied)
        self.body.lldp_off, self.body.lldp_off_ports = lldp_off, quiet
        for port in changed:
            self.world.port_changed(self.name, port)
        self.world.switch_changed(self.name)

    def _tell_ports(self, *, running: bool) -> None:
        self.body.running = running
        for port in (*self._ports, self.world.site.switch_model(self.spec).management_port):
            self.world.port_changed(self.name, port)
        self.world.switch_changed(self.name)


def _part(tree: Tree, path: tuple[str, ...]) -> Any:
    part: Any = tree
    for key in path:
        part = part.get(key) if isinstance(part, dict) else None
    return part


def open_switches(
    world: World, *, timing: Timing | None = None, slash_ids: Callable[[str], bool] = lambda _: False
) -> dict[str, SwitchDevice]:
    """Every switch of the world, by name; offers their faults to the switchboard. Call once, before `world.faults.restore`."""
    kinds.offer(world.faults)
    return {name: SwitchDevice(world, name, slash_ids=slash_ids(name), timing=timing) for name in world.switches}
