"""Baseboard management controllers: where they are, how they are trusted, what we ask of them, what can go wrong."""

from enum import StrEnum
from typing import Protocol, Self

from pydantic import Field

from domain.account import Account, AccountPolicy, AccountRefused, Door, LoginRefused
from domain.beat import Beat, no_beat
from domain.bmc_setup import ServerMedia, ServerSetup
from domain.bmc_work import ServerWork
from domain.errors import Conflict, NotYet, Rejected, Throttled, Transient
from domain.hardware import BmcIdentity, PowerState, ServerHardware
from domain.model import MacAddress, Model, Name
from domain.secret import SecretRef
from domain.site import Trust

HTTPS_PORT = 443

# What can go wrong. Every message names the server and its address; none ever holds a secret.


class BmcUnreachable(Transient):
    """No connection in time, or it broke before the answer was whole. Normal while a BMC restarts."""

    kind = "bmc-unreachable"

    def __init__(self, message: str, *, do: str = "", sent: bool = True) -> None:
        """`sent` is False if no byte of the request can have arrived."""
        super().__init__(message, do=do)
        self.sent = sent


class BmcTroubled(Transient):
    """The BMC answered 5xx without saying why, or something that is no Redfish."""

    kind = "bmc-troubled"


class BmcBusy(Throttled):
    """503 or a message that means "not ready": the BMC asked for a pause."""

    kind = "bmc-busy"


class BmcSessionLost(Transient):
    """401 to a session that it had opened: it restarted, or somebody ended the session. Says nothing about the password."""

    kind = "bmc-session-lost"


class BmcLocked(Throttled):
    """The BMC says that our account is locked. Trying again before the lock ends would only prolong it."""

    kind = "bmc-locked"


class PowerUnchanged(NotYet):
    """The reset was accepted, but the BMC does not read back the wanted power state yet."""

    kind = "power-unchanged"


class BmcRefused(AccountRefused):
    """The BMC rejected the request; carries the Redfish message id of the most severe message."""

    kind = "bmc-refused"

    def __init__(self, message: str, *, message_id: str = "", status: int = 400, do: str = "") -> None:
        super().__init__(message, do=do)
        self.message_id = message_id
        self.status = status
        # Only a refusal of the value itself is worth another one; a missing right or resource is not.
        self.another_may_do = status in (400, 409, 422)


class BmcResourceMissing(BmcRefused):
    """404, 405, 410 or 501: this BMC does not offer that."""

    kind = "bmc-resource-missing"


class BmcLoginRefused(LoginRefused):
    """401: unknown user, wrong password, or a locked account that does not say so."""

    kind = "bmc-login-refused"


class PasswordChangeRequired(Rejected):
    """The login is right, but nothing is answered until the password has been changed."""

    kind = "password-change-required"


class BmcCertificateUntrusted(Rejected):
    """The certificate is not signed by the site's CA, has expired, or no pin is declared for it."""

    kind = "bmc-certificate-untrusted"


class BmcCertificateChanged(Conflict):
    """Another certificate than the pinned one: another BMC, a replaced certificate, or somebody in between."""

    kind = "bmc-certificate-changed"


# Where and how


class BmcAddress(Model):
    """Where something answers HTTPS."""

    host: str
    port: int = HTTPS_PORT

    def __str__(self) -> str:
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"


class Endpoint(Model):
    """A BMC as messages name it: `r1-s01 (10.3.7.12)`."""

    name: str
    address: BmcAddress

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


class DeviceTrust(Model):
    """How one device's certificate is checked, as payloads carry it: by reference, or by its public fingerprint."""

    ca: SecretRef | None = None
    pin: str | None = None
    first_use: bool = False

    @classmethod
    def declared(cls, trust: Trust, device: str) -> Self:
        """One device's part of a site's trust. Raises `BmcCertificateUntrusted` if pins are declared, but none for it."""
        if trust.pins and device not in trust.pins:
            raise BmcCertificateUntrusted(
                f"No certificate pin is declared for {device}.",
                do=f"Add its SHA-256 fingerprint under out_of_band.trust.pins.{device}.",
            )
        ca = SecretRef(path=trust.ca) if trust.ca is not None else None
        return cls(ca=ca, pin=trust.pins.get(device), first_use=trust.first_use)


class Certificates(Model):
    """How a client checks a certificate: exactly one of both. Resolved where the activity runs."""

    ca_pem: str | None = None
    sha256: str | None = None


class DeviceTarget(Model):
    """One device that we log in to. The secrets themselves are read where the activity runs."""

    site: Name
    device: Name
    address: BmcAddress
    trust: DeviceTrust
    factory: SecretRef
    """The login that the vendor or installer set: `credentials.bmc` or `credentials.switch` of the site's declaration."""
    lockout_window_s: float | None = Field(default=None, gt=0)
    """How long this device remembers a failed login; None: the worker's default, which is longer than vendors' own."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(name=self.device, address=self.address)


class BmcTarget(DeviceTarget):
    """One device's BMC."""


class Nameplate(Model):
    """What names a server for good: enough to find it in a declaration, cheaper than reading all its hardware."""

    bmc: BmcIdentity
    serial: str = ""
    manufacturer: str = ""
    model: str = ""
    mac: MacAddress | None = None


class PowerResult(Model):
    """`changed` is False if the server was in the wanted state already."""

    changed: bool
    before: PowerState
    power_state: PowerState


class Bmc(Account, ServerSetup, ServerMedia, ServerWork, Protocol):
    """One BMC, logged in. Sessions are few, and one not logged out stays for half an hour. It keeps its accounts by itself."""

    @property
    def identity(self) -> BmcIdentity: ...

    def read_hardware(self) -> ServerHardware:
        """Everything in one go. What the BMC does not offer is named in `missing`, never guessed."""
        ...

    def read_nameplate(self) -> Nameplate: ...

    def power_state(self) -> PowerState:
        """As the BMC says; some say the old state for a while after a reset."""
        ...

    def ensure_power(self, wanted: PowerState, *, patience_s: float, beat: Beat = no_beat) -> PowerResult:
        """Reads, resets if needed, and reads back until it stays `On` or `Off`.

        Raises:
            PowerUnchanged: not there within `patience_s`; calling again goes on waiting and resets only if needed.
            BmcRefused: the BMC rejected the reset.
        """
        ...


class BmcConnection(Door[Bmc], Protocol):
    """A trusted connection to one BMC, before a login.

    `log_in` raises `BmcLoginRefused`, or `BmcUnreachable`, `BmcBusy`, `BmcLocked`: the login is not known to be wrong.
    """

    @property
    def identity(self) -> BmcIdentity: ...


class BmcFactory(Protocol):
    """Reaches BMCs. Thread-safe."""

    def answering(
        self, candidates: tuple[BmcAddress, ...], *, timeout_s: float, at_once: int, beat: Beat = no_beat
    ) -> tuple[BmcAddress, ...]:
        """Which of these addresses complete a TLS handshake in time. Sends no request; several hundred at a time."""
        ...

    def identify(self, endpoint: Endpoint) -> BmcIdentity:
        """Reads the service root without a login and without trust: the fingerprint it carries is what was shown."""
        ...

    def connect(self, endpoint: Endpoint, certificates: Certificates) -> BmcConnection:
        """Checks the certificate and reads the service root; no secret is sent.

        Raises:
            BmcCertificateChanged, BmcCertificateUntrusted: before any request.
            BmcUnreachable, BmcBusy, BmcTroubled: as for every request.
        """
        ...


# One model in, one model out, for each activity


class Reached(Model):
    """Who answered, in the order of the addresses asked; `tried` counts addresses and ports."""

    bmcs: tuple[BmcAddress, ...] = ()
    switches: tuple[BmcAddress, ...] = ()
    tried: int = 0


class Goal(StrEnum):
    """What a take-over must end with."""

    OWN = "own"
    """A credential of ours that is known to work."""
    ROTATE = "rotate"
    """One made after `not_before`."""
    RECLAIM = "reclaim"
    """As OWN, but a person said that the BMC is back at its factory login: what we have in hand is not tried."""


class TakenOver(Model):
    """`changed`: the device has another password than before this operation. `notes` are for the report: no secret."""

    changed: bool
    policy: AccountPolicy = AccountPolicy()
    notes: tuple[str, ...] = ()
