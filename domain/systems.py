"""Systems of a site that are neither servers nor switches (storage, gateway, DNS, NTP …), as drivers observe them. Read only.

What may change such a system comes with the capability that needs it, as a Protocol of its own.
"""

from typing import Protocol

from domain.beat import Beat
from domain.errors import Transient
from domain.model import Model, Name
from domain.recording_facts import DeviceFacts
from domain.site import SystemDeclaration, SystemKind, Trust

UNSYNCHRONISED_STRATUM = 16
"""RFC 5905 section 7.3: "unsynchronized"; in a packet it is sent as 0."""
NOT_SYNCHRONISED = 3
"""RFC 5905: leap indicator 3, "unknown (clock unsynchronized)"."""


class SystemUnreachable(Transient):
    """Nobody answers where the declaration says that the system is."""

    kind = "system-unreachable"


class SystemTroubled(Transient):
    """Something answers that does not speak the driver's protocol, or not whole."""

    kind = "system-troubled"


class SystemTarget(Model):
    """A system to be observed: as it is declared, how certificates are trusted at its site, where its driver asks."""

    site: Name
    system: SystemDeclaration
    trust: Trust
    ports: tuple[int, ...]
    """Tried in this order."""

    @property
    def name(self) -> str:
        return self.system.name

    @property
    def host(self) -> str:
        assert self.system.address is not None, "a system without an address has no target"
        return self.system.address

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"


class ClockSight(Model):
    """What an NTP server says of its clock (RFC 5905). Readings: they change while nothing changed."""

    stratum: int
    leap: int
    reference: str = ""
    """Stratum 1: the clock it hangs on (`GPS`); 0: the kiss code (`RATE`); else whom it follows, as an address."""
    offset_s: float
    """Its clock minus the asking machine's."""
    root_dispersion_s: float = 0.0

    @property
    def synchronised(self) -> bool:
        return self.leap != NOT_SYNCHRONISED and 0 < self.stratum < UNSYNCHRONISED_STRATUM


class ZoneSight(Model):
    """What a DNS server answers when it is asked for a zone's SOA."""

    zone: str
    rcode: str
    """`NOERROR`, `REFUSED`, `NXDOMAIN`, `SERVFAIL` …"""
    authoritative: bool = False
    primary: str = ""
    """The SOA's primary name server; empty: no SOA was in the answer."""
    serial: int | None = None

    @property
    def served(self) -> bool:
        return self.rcode == "NOERROR" and self.authoritative and bool(self.primary)


class SystemSight(Model):
    """What one driver saw of one system. Only `facts` is recorded; the rest is held against the declaration."""

    facts: DeviceFacts
    model: str = ""
    health: str = ""
    """Redfish's word: `OK`, `Warning`, `Critical`; empty: it does not say."""
    clock: ClockSight | None = None
    zones: tuple[ZoneSight, ...] = ()


class SystemDriver(Protocol):
    """How one kind of box is observed. Thread-safe; never changes anything, whoever the box belongs to."""

    def check_ready(self, target: SystemTarget) -> None:
        """Whether it may be asked now; asks it nothing. Raises `LoginBudgetSpent` while a login must not be tried again."""
        ...

    def observe(self, target: SystemTarget, beat: Beat) -> SystemSight:
        """Reads what the system tells of itself.

        Raises:
            SystemUnreachable, SystemTroubled: it does not answer, or not in its protocol.
            LoginRefused, LoginBudgetSpent and the client's own errors, where the driver logs in.
        """
        ...


type SystemDrivers = dict[tuple[SystemKind, str], SystemDriver]
"""By kind of system and the driver's name in a declaration."""
