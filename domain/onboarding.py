"""What travels between the steps of onboarding. Sites, hardware and verdicts are large: they travel as artifacts."""

from domain.artifact import ArtifactRef
from domain.cabling import CableVerdict, SwitchSight
from domain.finding import Sighting
from domain.judgement import ServerReading, Trouble
from domain.model import Model, Name
from domain.operation import StepState
from domain.order import DeclarationRef, ServerStanding
from domain.plan import Difference, PlanSummary
from domain.recording_facts import DeviceFacts, ServerFacts
from domain.server_class import ServerClass
from domain.site import SiteDeclaration


class SiteBundle(Model):
    """A declaration with the classes it names, as one operation sees them from beginning to end."""

    site: SiteDeclaration
    classes: dict[Name, ServerClass]


class RackSize(Model):
    rack: Name
    servers: tuple[Name, ...]


class LoadOrder(Model):
    declaration: DeclarationRef


class SiteRef(Model):
    """A bundle by reference, with what a workflow needs to know of it."""

    name: Name
    region: str
    bundle: ArtifactRef
    racks: tuple[RackSize, ...]
    switches: tuple[Name, ...] = ()
    systems: tuple[Name, ...] = ()
    """Systems that name a driver."""


class ScanOrder(Model):
    site: SiteRef


class Scanned(Model):
    """How many addresses were tried and how many answered; who they are is the next step's."""

    tried: int
    answering: int
    answers: ArtifactRef


class DiscoverOrder(Model):
    site: SiteRef
    answers: ArtifactRef


class Discovered(Model):
    """Who is there, by reference, and what discovery alone has to say."""

    discovery: ArtifactRef
    survey: ArtifactRef | None = None
    """What it was made from."""
    nameable: bool = False
    """Unknown BMCs may be servers that are declared by serial or MAC: `name_bmcs` asks them."""
    servers: int
    switches: int
    missing: tuple[str, ...] = ()
    unexpected: int = 0
    sightings: tuple[Sighting, ...] = ()


class NameOrder(Model):
    site: SiteRef
    survey: ArtifactRef


class ReadSwitchesOrder(Model):
    site: SiteRef
    discovery: ArtifactRef


class SwitchReadings(Model):
    """What all switches of a site see, and what they are."""

    sights: tuple[SwitchSight, ...] = ()
    facts: tuple[DeviceFacts, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    not_ours: tuple[Name, ...] = ()
    """Switches that the installer's login opens, or whose take-over was cut off: onboarding takes them over."""


class SwitchesRead(Model):
    """Every switch was tried; those that would not be read are in the sightings."""

    readings: ArtifactRef
    read: int
    total: int
    sightings: tuple[Sighting, ...] = ()
    taken_over: tuple[Name, ...] = ()
    """Those that were given a password of ours just now."""


class TakeSwitchesOrder(Model):
    """`switches`: what reading them said."""

    site: SiteRef
    discovery: ArtifactRef
    switches: ArtifactRef


class ServerOrder(Model):
    """The input of one server's child."""

    operation_id: str
    site: SiteRef
    server: Name
    rack: Name
    discovery: ArtifactRef
    devices_queue: str
    parent: str
    """The rack's workflow id: it is told how far the server is."""


class ServerTask(Model):
    """One server at its site: what every activity on a single server is asked with."""

    site: SiteRef
    server: Name
    discovery: ArtifactRef


class Opened(Model):
    """A server whose BMC answers to a credential of ours. `changed`: it was taken over just now."""

    changed: bool
    detail: str = ""


class ServerRead(Model):
    """A server's reading, by reference."""

    server: Name
    reading: ArtifactRef
    serial: str = ""


class ReadKnownOrder(Model):
    site: SiteRef
    discovery: ArtifactRef


class ServerReadings(Model):
    """Every server that could be read without changing anything."""

    readings: tuple[ServerReading, ...] = ()


class KnownRead(Model):
    """`read` of `known` servers: those that have a credential of ours. The others show nothing until they are taken over."""

    readings: ArtifactRef
    known: int
    read: int


class PlanOrder(Model):
    """What was observed of a site, to be planned from or audited. `approved`: the hash the new plan must have."""

    operation_id: str
    site: SiteRef
    digest: str
    """Of the declaration."""
    discovery: ArtifactRef
    switches: ArtifactRef
    systems: ArtifactRef | None = None
    """None: no system names a driver, or an older build began the operation."""
    servers: ArtifactRef
    approved: str = ""
    author: str = ""


class Planned(Model):
    """A stored plan. `stale`: how it differs from the approved one; empty if it is the same, or none was named."""

    summary: PlanSummary
    stale: tuple[Difference, ...] = ()


class AuditReport(Model):
    """What a site audit reported. Findings that are no longer seen were resolved by it."""

    site: Name
    servers_read: int = 0
    sightings: int = 0
    new: int = 0
    resolved: int = 0
    open: int = 0
    unreached: str = ""
    """Why nothing could be looked at; empty where the site was reached."""


class RackOrder(Model):
    operation_id: str
    site: SiteRef
    rack: RackSize
    missing: tuple[Name, ...] = ()
    """Declared here and not found: nobody can be asked, and nothing is recorded."""
    discovery: ArtifactRef
    switches: ArtifactRef
    devices_queue: str
    parent: str


class Standing(Model):
    """The signal by which a server tells its rack what came of reading it."""

    server: Name
    rack: Name
    step: str
    state: StepState
    trouble: Trouble | None = None
    reading: ArtifactRef | None = None


class JudgeOrder(Model):
    """A rack's servers with their cables; without a rack, the cables that end at no server."""

    site: SiteRef
    rack: Name | None = None
    switches: ArtifactRef
    readings: tuple[ArtifactRef, ...] = ()
    troubles: dict[Name, Trouble] = {}
    """Servers that could not be read, and why."""
    missing: tuple[Name, ...] = ()


class RackVerdict(Model):
    """Everything that was made out about one rack, for recording it."""

    servers: tuple[ServerFacts, ...] = ()
    cables: tuple[CableVerdict, ...] = ()
    sightings: tuple[Sighting, ...] = ()


class Judged(Model):
    verdict: ArtifactRef
    good: int
    quarantined: tuple[Name, ...] = ()
    cables_verified: int = 0
    cables_wrong: int = 0
    cables_unverified: int = 0
    sightings: tuple[Sighting, ...] = ()
    unseen: tuple[str, ...] = ()
    """Objects whose findings this judgement says nothing about."""


class RecordOrder(Model):
    operation_id: str
    site: SiteRef
    switches: ArtifactRef
    systems: ArtifactRef | None = None
    rack: Name | None = None
    """None: the site itself, its racks' frames and what stands in no server's place."""
    verdict: ArtifactRef | None = None
    verdicts: tuple[ArtifactRef, ...] = ()
    """For the site's cables: every rack's verdict."""


class Recorded(Model):
    created: int = 0
    updated: int = 0
    adopted: int = 0
    already: int = 0
    refused: tuple[str, ...] = ()
    moved: int = 0
    quarantined: tuple[Name, ...] = ()
    """Servers that another hand quarantined: they stay so, however good they look."""
    flags: tuple[Sighting, ...] = ()


class RackProgress(Model):
    """The signal by which a rack tells its site how far its servers are: a few times in all, not once for each server."""

    rack: Name
    servers: tuple[ServerStanding, ...]


class RackReport(Model):
    rack: Name
    good: int = 0
    """Servers that are verified, or available by attestation."""
    quarantined: tuple[Name, ...] = ()
    busy: tuple[Name, ...] = ()
    verdict: ArtifactRef | None = None
    recorded: Recorded = Recorded()
    evidence: tuple[str, ...] = ()
    """The ledger's entries of what attests its new servers."""
    held: tuple[Name, ...] = ()
    """Servers that an operator holds: they were left alone."""


class OnboardingReport(Model):
    """How a site stands after onboarding."""

    site: Name
    racks: tuple[RackReport, ...] = ()
    missing: tuple[Name, ...] = ()
    switches_unread: int = 0
    """Declared switches that were not found or would not be read: their cables are unverified."""
    systems_left: tuple[Name, ...] = ()
    """Systems with a driver that did not answer, or are critically not as declared."""
    not_recorded: tuple[str, ...] = ()
    """Objects that NetBox would not have, each with its reason."""
    reported: tuple[str, ...] = ()
    """The ledger's entries of the installer's acceptance report."""
    critical: int = 0
    """Critical sightings of what is no server: switches, and cables between them."""
    skipped: tuple[str, ...] = ()
    """Titles of the steps that a person skipped."""
    unfinished: tuple[Name, ...] = ()
    """Servers of racks that were skipped before they were done."""

    @property
    def evidence(self) -> tuple[str, ...]:
        return (*(entry for rack in self.racks for entry in rack.evidence), *self.reported)

    @property
    def quarantined(self) -> tuple[str, ...]:
        return tuple(name for rack in self.racks for name in rack.quarantined)

    @property
    def good(self) -> int:
        return sum(rack.good for rack in self.racks)


class Attested(Model):
    """How many servers of a rack are handed over as available on the declaration's word, each with an entry in the ledger."""

    entries: tuple[str, ...] = ()
