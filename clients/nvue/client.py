"""One NVUE switch: what it is, what it sees, and its configuration."""

import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from clients.nvue import reading
from clients.nvue.errors import SwitchAnswerUnclear, SwitchLoginRefused, SwitchObjectMissing, SwitchRefused
from clients.nvue.revisions import RevisionFlow
from clients.nvue.transport import SwitchAddress, SwitchTimeouts, Transport, Trust
from domain.account import AccountPolicy
from domain.model import Json
from domain.nvue import (
    Deviation,
    LearnedMac,
    NvueTree,
    Revision,
    SwitchIdentity,
    SwitchInterface,
    SwitchNeighbor,
    SwitchPart,
)
from domain.secret import Login
from domain.unix_password import sha512_crypt

_OPERATIONAL = {"rev": "operational"}
"""Sent with every read: a collection without `rev` answers what is applied, not what runs."""


class NvueClient:
    """Speaks to one switch with one login. Fulfils `SwitchReading` and `SwitchConfiguring`.

    Every method raises `SwitchUnreachable` or `SwitchTroubled` (retried) and `SwitchLoginRefused`,
    `FactoryPasswordUnchanged`, `SwitchCertificateChanged` (not retried) besides what it names itself.
    """

    def __init__(
        self,
        address: SwitchAddress,
        login: Login,
        trust: Trust,
        *,
        timeouts: SwitchTimeouts | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._transport = Transport(address, login, trust, timeouts or SwitchTimeouts(), sleep)
        self._flow = RevisionFlow(self._transport, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"NvueClient({self.address})"

    def close(self) -> None:
        self._transport.close()

    # What it is and what it sees

    def identity(self) -> SwitchIdentity:
        """Raises `SwitchAnswerUnclear` if it names no serial number: nothing could be matched by it."""
        system = self._transport.get("/system", _OPERATIONAL)
        platform = self._transport.get("/platform", _OPERATIONAL)
        try:
            firmware = self._transport.get("/platform/firmware", _OPERATIONAL)
        except SwitchObjectMissing:
            firmware = None  # before 5.9
        found = reading.identity(self.address.host, system, platform, firmware)
        if not found.serial:
            raise SwitchAnswerUnclear(f"The switch {self.address} names no serial number.")
        return found

    def inventory(self) -> tuple[SwitchPart, ...]:
        return reading.inventory(self._transport.get("/platform/inventory", _OPERATIONAL))

    def interfaces(self) -> tuple[SwitchInterface, ...]:
        """Every interface as it runs now, in the order of the front panel."""
        return reading.interfaces(self._transport.get("/interface", _OPERATIONAL))

    def neighbors(self) -> tuple[SwitchNeighbor, ...]:
        """Whoever sends LLDP to a port of this switch. A port without an entry hears nobody: that is no proof of no cable."""
        return reading.neighbors(self._lldp())

    def _lldp(self) -> Json:
        try:
            return self._transport.get("/interface", {**_OPERATIONAL, "view": "lldp"})
        except SwitchRefused:
            # 400 "unknown view" before 5.6: ask for the leaves instead.
            return self._transport.get("/interface", {**_OPERATIONAL, "include": "/*/lldp"})

    def mac_table(self) -> tuple[LearnedMac, ...]:
        """Addresses learned by every bridge, once per port and VLAN; none on a switch without a bridge."""
        try:
            bridges = reading.tree(self._transport.get("/bridge/domain", _OPERATIONAL))
        except SwitchObjectMissing:
            return ()
        learned: list[LearnedMac] = []
        for bridge in bridges:
            try:
                table = self._transport.get(f"/bridge/domain/{bridge}/mac-table", _OPERATIONAL)
            except SwitchObjectMissing:
                continue
            learned += reading.mac_table(bridge, table)
        return tuple(learned)

    # Configuration: see `RevisionFlow` for what each does on a retry and raises

    def applied(self) -> NvueTree:
        return self._flow.applied()

    def revision(self, revision_id: str) -> Revision:
        return self._flow.revision(revision_id)

    def revisions(self) -> tuple[Revision, ...]:
        return self._flow.revisions()

    def find_revision(self, message: str) -> Revision | None:
        return self._flow.find_revision(message)

    def stage(self, tree: NvueTree, *, revision_id: str | None = None) -> str:
        return self._flow.stage(tree, revision_id=revision_id)

    def diff(self, revision_id: str) -> NvueTree:
        return self._flow.diff(revision_id)

    def apply(
        self, revision_id: str, *, message: str, confirm_s: int = 0, expected_diff: NvueTree | None = None
    ) -> Revision:
        return self._flow.apply(revision_id, message=message, confirm_s=confirm_s, expected_diff=expected_diff)

    def wait(
        self,
        revision_id: str,
        *,
        deadline_s: float = 300.0,
        heartbeat: Callable[[Revision], None] | None = None,
    ) -> Revision:
        if heartbeat is None:
            return self._flow.wait(revision_id, deadline_s=deadline_s)
        return self._flow.wait(revision_id, deadline_s=deadline_s, heartbeat=heartbeat)

    def confirm(self, revision_id: str) -> Revision:
        return self._flow.confirm(revision_id)

    def abort(self, revision_id: str) -> Revision | None:
        return self._flow.abort(revision_id)

    def save(self) -> None:
        self._flow.save()

    def verify(self, wanted: NvueTree) -> tuple[Deviation, ...]:
        return self._flow.verify(wanted)

    # The login

    @property
    def must_change_password(self) -> bool:
        """Never: while the factory password is unchanged the whole API is shut (`FactoryPasswordUnchanged`)."""
        return False

    def account_policy(self) -> AccountPolicy:
        """Hashed passwords pass no rule of the switch, and it shows no lock-out."""
        return AccountPolicy()

    def check_login(self) -> None:
        """One try with our login. Count it where the switch locks after failures.

        Raises:
            SwitchLoginRefused: the switch refuses it.
            FactoryPasswordUnchanged: the login is right, but the API is shut.
        """
        self._transport.send("GET", "/system", _OPERATIONAL)

    def can_log_in(self) -> bool:
        """As `check_login`: False if the switch refuses it."""
        try:
            self.check_login()
        except SwitchLoginRefused:
            return False
        return True

    def change_password(
        self, new: SecretStr, *, message: str = "take over the account", deadline_s: float = 120.0
    ) -> None:
        """Changes our own password. Keep the new one safe *before* calling: a break in between leaves one of the two valid.

        Afterwards this client uses the new password; a new login has to prove it, for a switch may say `applied` and lie.

        Raises:
            SwitchRefused: the switch could not apply it; the old one stays.
            ApplyInProgress: somebody else's apply is under way; the old one stays.
        """
        transport, username = self._transport, self._transport.login.username
        successor = Login(username=username, password=new)
        # A hash, not the password: the API of 5.4 to 5.6 takes no plain one, and so it stays off the wire and out of the tree.
        hashed = sha512_crypt(new.get_secret_value(), secrets.token_hex(8))
        staged = self._flow.stage({"system": {"aaa": {"user": {username: {"hashed-password": hashed}}}}})
        try:
            transport.alternate = successor
            self._flow.apply(staged, message=message)
            self._flow.wait(staged, deadline_s=deadline_s)
        finally:
            transport.alternate = None
        transport.login = successor

    def keep_password(self) -> None:
        """Saves what is applied: a restart would bring the old password back where auto-save is off.

        Saves what others applied and did not save, too: NVUE knows no smaller save.
        """
        self.save()
