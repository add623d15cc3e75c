"""What a switch that speaks NVUE (Cumulus Linux, HBN) shows and how its revisions move. Facts: the vendor's documents.

A configuration tree has no schema of ours: it is `NvueTree`, and only whole subtrees travel. Everything else is typed.
"""

from enum import StrEnum
from typing import Protocol

from domain.account import Account, LoginRefused
from domain.bmc import Certificates, DeviceTarget, Endpoint
from domain.model import Json, MacAddress, Model
from domain.secret import Login


class SwitchLoginRefused(LoginRefused):
    """401: unknown user or wrong password."""

    kind = "switch-login-refused"


type NvueTree = dict[str, Json]
"""A part of the object model tree, from its root down: `{"interface": {"swp1": {"link": {"mtu": 9216}}}}`."""


class SwitchPresence(Model):
    """Who answers at an address, found without a login: enough for a range scan and for pinning the certificate."""

    address: str
    port: int
    certificate_sha256: str
    speaks_nvue: bool


class SwitchIdentity(Model):
    """Which switch this is, from `/system` and `/platform`. `mac` is the base (management) address."""

    address: str
    hostname: str
    serial: str
    model: str
    part_number: str = ""
    manufacturer: str = ""
    asic: str = ""
    mac: MacAddress | None = None
    os_name: str = ""
    os_release: str = ""
    port_layout: str = ""
    uptime_s: int | None = None
    firmware: dict[str, str] = {}
    """Component to running version (`BIOS`, `CPLD1`, `SSD`), without the operating system."""


class SwitchPart(Model):
    """One line of the hardware inventory: a fan, a power supply, the chassis."""

    name: str
    kind: str
    model: str = ""
    serial: str = ""
    state: str = ""


class PortCounters(Model):
    in_bytes: int = 0
    in_packets: int = 0
    in_errors: int = 0
    in_drops: int = 0
    out_bytes: int = 0
    out_packets: int = 0
    out_errors: int = 0
    out_drops: int = 0


class SwitchInterface(Model):
    """One interface as it runs now. `speed_gbps` is the negotiated speed: `None` while the link is down."""

    name: str
    kind: str
    admin_up: bool
    link_up: bool
    speed_gbps: float | None = None
    mtu: int | None = None
    mac: MacAddress | None = None
    counters: PortCounters = PortCounters()


class SwitchNeighbor(Model):
    """What one neighbour says about itself over LLDP on one port. `port_id` is a name or a MAC address by `port_id_kind`."""

    port: str
    system_name: str = ""
    system_description: str = ""
    chassis_id: str = ""
    port_id: str = ""
    port_id_kind: str = ""
    port_description: str = ""
    management_address: str = ""
    age_s: int | None = None

    @property
    def port_mac(self) -> str:
        """The address of the neighbour's port, lower case; empty if it names its port otherwise."""
        return self.port_id.lower() if self.port_id.count(":") == 5 else ""

    @property
    def chassis_mac(self) -> str:
        """The address that stands for the whole neighbour, lower case; empty if it names itself otherwise."""
        return self.chassis_id.lower() if self.chassis_id.count(":") == 5 else ""


class LearnedMac(Model):
    """One entry of a bridge's MAC table that was learned from a frame; the switch's own addresses are left out."""

    mac: MacAddress
    port: str
    vlan: int | None = None
    bridge: str = ""
    age_s: int | None = None


class RevisionPhase(StrEnum):
    """What a client does next, whatever the exact word of the state is."""

    STAGED = "staged"
    MOVING = "moving"
    ASKING = "asking"
    DONE = "done"
    FAILED = "failed"


class RevisionState(StrEnum):
    """Every state three independent clients know (reference ran.md 3.2). A word that is new to us reads as `UNKNOWN`."""

    PENDING = "pending"
    INACTIVE = "inactive"
    DETACHED = "detached"
    EMPTY = "empty"
    PREVIOUS = "previous"
    APPLY = "apply"
    CHECKING = "checking"
    CHECKED = "checked"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    READYING = "readying"
    READY = "ready"
    RELOADING = "reloading"
    RELOADED = "reloaded"
    AUTO_SAVE = "auto_save"
    AUTO_SAVING = "auto_saving"
    SAVE = "save"
    SAVING = "saving"
    AYS = "ays"
    IGNORE_FAIL = "ignore_fail"
    CONFIRM = "confirm"
    AYS_YES = "ays_yes"
    AYS_NO = "ays_no"
    IGNORE_FAIL_YES = "ignore_fail_yes"
    IGNORE_FAIL_NO = "ignore_fail_no"
    CONFIRM_YES = "confirm_yes"
    CONFIRM_NO = "confirm_no"
    APPLIED = "applied"
    APPLIED_AND_SAVED = "applied_and_saved"
    SAVED = "saved"
    INVALID = "invalid"
    AYS_FAIL = "ays_fail"
    VERIFY_ERROR = "verify_error"
    READY_ERROR = "ready_error"
    APPLY_FAIL = "apply_fail"
    APPLY_ERROR = "apply_error"
    CONFIRM_FAIL = "confirm_fail"
    FAILED = "failed"
    ERROR = "error"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "RevisionState":
        return cls.UNKNOWN

    @property
    def phase(self) -> RevisionPhase:
        """An unknown word counts as moving: the deadline of the wait decides, not a guess."""
        return _PHASES.get(self, RevisionPhase.MOVING)


_S, _R = RevisionState, RevisionPhase
_PHASES: dict[RevisionState, RevisionPhase] = {
    **dict.fromkeys((_S.PENDING, _S.INACTIVE, _S.DETACHED, _S.EMPTY, _S.PREVIOUS), _R.STAGED),
    **dict.fromkeys((_S.AYS, _S.IGNORE_FAIL, _S.CONFIRM), _R.ASKING),
    **dict.fromkeys((_S.APPLIED, _S.APPLIED_AND_SAVED, _S.SAVED), _R.DONE),
    **dict.fromkeys(
        (_S.INVALID, _S.AYS_FAIL, _S.VERIFY_ERROR, _S.READY_ERROR, _S.APPLY_FAIL, _S.APPLY_ERROR, _S.CONFIRM_FAIL,
         _S.FAILED, _S.ERROR),
        _R.FAILED,
    ),
}  # fmt: skip


class RevisionIssue(Model):
    """One thing the switch has to say about a revision. `location` is dotted: `router.bgp.enable`."""

    code: str = ""
    severity: str = ""
    message: str = ""
    location: str = ""
    rollback_target: str = ""

    def __str__(self) -> str:
        where = f" at {self.location}" if self.location else ""
        return f"{self.severity or 'issue'} {self.code}{where}: {self.message}".strip()


class Revision(Model):
    """One revision of a switch's configuration. `message` is how we find our own again after a crash."""

    id: str
    state: RevisionState
    word: str = ""
    """The state as the switch wrote it, where it is not one we know."""
    progress: str = ""
    message: str = ""
    issues: tuple[RevisionIssue, ...] = ()

    @property
    def changed_nothing(self) -> bool:
        """NVUE calls an apply without any difference an issue; it is a success that changed nothing."""
        return any("no config diff" in issue.message for issue in self.issues)

    @property
    def rollback_target(self) -> str:
        """The revision with which the switch restores itself; empty if it does not."""
        return next((issue.rollback_target for issue in self.issues if issue.rollback_target), "")


class Deviation(Model):
    """One leaf that is not as it was meant; `None` stands for absent."""

    path: str
    wanted: Json
    found: Json


def deviations(wanted: NvueTree, found: NvueTree) -> tuple[Deviation, ...]:
    """Where `found` is not what `wanted` (a merge patch: `null` means absent) asks for; keys it does not name do not matter.

    Scalars compare by their text too: NVUE answers `"9216"` for 9216 in some releases.
    """
    return tuple(_deviations(wanted, found, ""))


def _deviations(wanted: Json, found: Json, path: str) -> list[Deviation]:
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            if found is None and all(value is None for value in wanted.values()) and wanted:
                return []
            return [Deviation(path=path or "/", wanted=wanted, found=found)]
        return [d for key, value in wanted.items() for d in _deviations(value, found.get(key), f"{path}/{key}")]
    if wanted == found or (wanted is not None and found is not None and str(wanted) == str(found)):
        return []
    return [Deviation(path=path or "/", wanted=wanted, found=found)]


class SwitchReading(Protocol):
    """What can be read from a switch; nothing here changes it. Every method raises `Transient` while it is unreachable."""

    def identity(self) -> SwitchIdentity: ...

    def inventory(self) -> tuple[SwitchPart, ...]: ...

    def interfaces(self) -> tuple[SwitchInterface, ...]: ...

    def neighbors(self) -> tuple[SwitchNeighbor, ...]: ...

    def mac_table(self) -> tuple[LearnedMac, ...]: ...

    def applied(self) -> NvueTree: ...


class SwitchTarget(DeviceTarget):
    """One switch's API."""


class SwitchSession(SwitchReading, Account, Protocol):
    """A switch that is spoken to with one login. What is applied is lost in a restart until `keep_password` saved it."""

    def check_login(self) -> None:
        """One try with our login. Raises `SwitchLoginRefused`; see `clients.nvue` for what else."""
        ...


class SwitchFactory(Protocol):
    """Reaches switches. Thread-safe."""

    def presence(self, host: str, port: int) -> SwitchPresence | None:
        """Who answers there, without a login; None if nobody does."""
        ...

    def open(self, endpoint: Endpoint, login: Login, certificates: Certificates) -> SwitchSession:
        """Sends nothing yet. Raises `Rejected` if the trust cannot be used."""
        ...


class SwitchConfiguring(Protocol):
    """The revision flow in pieces that may each run twice. See `clients.nvue` for what each raises."""

    def stage(self, tree: NvueTree, *, revision_id: str | None = None) -> str: ...

    def diff(self, revision_id: str) -> NvueTree: ...

    def apply(
        self, revision_id: str, *, message: str, confirm_s: int = 0, expected_diff: NvueTree | None = None
    ) -> Revision: ...

    def wait(self, revision_id: str, *, deadline_s: float) -> Revision: ...

    def confirm(self, revision_id: str) -> Revision: ...

    def abort(self, revision_id: str) -> Revision | None: ...

    def verify(self, wanted: NvueTree) -> tuple[Deviation, ...]: ...

    def find_revision(self, message: str) -> Revision | None: ...
