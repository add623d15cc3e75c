"""Findings: facts that somebody should know about. The same fact is one finding, resolved by the check that stops seeing it."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.access import Place
from domain.errors import Rejected
from domain.model import Json, Model
from domain.paging import Page, PageRequest


class FindingUnknown(Rejected):
    """No finding has this id."""

    kind = "finding-unknown"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class FindingState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Sighting(Model):
    """What a check saw. Object and kind are the finding's identity, so neither may hold a reading that changes."""

    object: str
    """Such as `site/oslo-1/server/r1-s01`."""
    kind: str
    """A stable kebab-case word, such as `cable-swapped`."""
    severity: Severity
    message: str
    do: str = ""
    evidence: Json = None
    place: Place | None = None
    """Where the object is; the report's place if not given."""


class Report(Model):
    """Everything one check saw in one place. What it saw there before and does not see now is resolved by it."""

    check: str
    """What is checked, not who runs it (`cabling`): onboarding and audit report under one name."""
    place: Place
    sightings: tuple[Sighting, ...] = ()
    unseen: tuple[str, ...] = ()
    """Objects that this time were not looked at: what stands about them is neither seen nor resolved."""
    operation: str = ""
    key: str = ""
    """Makes a repeated report count once. Empty in an activity: its run and activity id are taken."""


class Finding(Model):
    id: str
    object: str
    kind: str
    severity: Severity
    message: str
    do: str = ""
    evidence: Json = None
    state: FindingState
    place: Place = Place()
    checks: tuple[str, ...] = ()
    """The checks that see it now; the last of them to stop resolves it."""
    first_seen: datetime
    last_seen: datetime
    count: int
    operation: str = ""
    acknowledged_by: str = ""
    note: str = ""
    resolved_at: datetime | None = None


class Reported(Model):
    """What a report changed. Only new and worsened findings go out."""

    new: tuple[Finding, ...] = ()
    worsened: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()
    open: int = 0
    """Findings of this check that are open or acknowledged in this place now."""


class FindingFilter(Model):
    states: tuple[FindingState, ...] = (FindingState.OPEN, FindingState.ACKNOWLEDGED)
    severities: tuple[Severity, ...] = ()
    kind: str = ""
    object: str = ""
    operation: str = ""
    place: Place = Place()


class FindingStore(Protocol):
    def report(self, report: Report) -> Reported:
        """Raises or refreshes what was seen and resolves what was not, in one transaction with the webhooks' outbox."""
        ...

    def acknowledge(self, finding: str, who: str, note: str = "") -> Finding: ...

    def get(self, finding: str) -> Finding: ...

    def list(self, where: FindingFilter, reach: Place, page: PageRequest) -> Page[Finding]: ...
