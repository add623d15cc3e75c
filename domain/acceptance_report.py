"""The installer's acceptance report: what was tested on site before we came, signed by the installer.

The document is JSON. Its signature is detached (Ed25519 over the very bytes) and its signer is named in the site declaration.
A report is taken whole or not at all: one problem refuses it, and every problem is named.
"""

import base64
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, ValidationError, model_validator

from domain.access import Place
from domain.canonical import canonical
from domain.checking import Inconsistent, Problem, problems_of
from domain.evidence import EvidenceDraft
from domain.finding import Severity, Sighting
from domain.model import Declared, Model, Name, SerialNumber
from domain.onboarding import SiteRef
from domain.site import AcceptanceReport, Installer, ServerDeclaration, SiteDeclaration

EVIDENCE_KIND = "installer-acceptance"
CHECK = "acceptance-report"
"""The name under which its findings are reported."""

SIZE_LIMIT_BYTES = 16 * 1024 * 1024

type Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


def _at_least_one[T](items: tuple[T, ...]) -> tuple[T, ...]:
    # pydantic's own `min_length` also complains where the items that are there are only wrong.
    if not items:
        raise ValueError("must hold at least one")
    return items


class TestResult(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class AcceptanceTest(Declared):
    """One test on one server: what came out, what was measured in which unit, who did it and when."""

    name: Line
    result: TestResult
    measured: float | None = Field(default=None, allow_inf_nan=False)
    unit: str = Field(default="", max_length=40)
    by: Line
    at: AwareDatetime
    note: str = Field(default="", max_length=1000)

    @model_validator(mode="after")
    def _measured_in_something(self) -> Self:
        if (self.measured is not None) != bool(self.unit):
            raise ValueError("`measured` and `unit` go together (a plain count has the unit `1`)")
        return self


class TestedServer(Declared):
    serial: SerialNumber
    tests: Annotated[tuple[AcceptanceTest, ...], AfterValidator(_at_least_one)]


class InstallerReport(Declared):
    """The document an installer hands over."""

    format: Literal["edgewright.acceptance-report/1"]
    report: Line
    """The installer's own number of it."""
    site: Name
    installer: Name
    issued_at: AwareDatetime
    servers: Annotated[tuple[TestedServer, ...], AfterValidator(_at_least_one)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._doubles(), *self._late_tests()]
        if problems:
            raise Inconsistent(problems)
        return self

    def _doubles(self) -> Iterator[Problem]:
        servers: set[str] = set()
        for index, server in enumerate(self.servers):
            if server.serial in servers:
                yield Problem(path=f"servers[{index}].serial", message=f"{server.serial} is reported more than once")
            servers.add(server.serial)
            names: set[str] = set()
            for number, test in enumerate(server.tests):
                if test.name in names:
                    path = f"servers[{index}].tests[{number}].name"
                    yield Problem(path=path, message=f"the test {test.name} is reported more than once")
                names.add(test.name)

    def _late_tests(self) -> Iterator[Problem]:
        for index, server in enumerate(self.servers):
            for number, test in enumerate(server.tests):
                if test.at > self.issued_at:
                    path = f"servers[{index}].tests[{number}].at"
                    yield Problem(path=path, message="lies after `issued_at`: a report tells of what was done")


class CheckedReport(Model):
    """Either `problems`, and nothing is taken; or one draft of evidence for each server."""

    report: str = ""
    drafts: tuple[EvidenceDraft, ...] = ()
    problems: tuple[Problem, ...] = ()
    sightings: tuple[Sighting, ...] = ()


# --- what the activity takes and gives -------------------------------------------------------------------------------


class ImportReportOrder(Model):
    operation_id: str
    site: SiteRef


class ReportImported(Model):
    """`present`: the declaration names a report. Refused if it has problems; then nothing was kept as evidence."""

    present: bool
    report: str = ""
    evidence: tuple[str, ...] = ()
    """The ledger's entries, one for each server."""
    problems: tuple[Problem, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    """For the findings of the check `acceptance-report`; none resolves those that stand."""

    @property
    def refused(self) -> bool:
        return bool(self.problems)


def check_report(site: SiteDeclaration, content: bytes, operation: str = "") -> CheckedReport:
    """Signature first, then schema, then what it says against the declaration. The site must name a report.

    A failed test is no problem of the report: it is kept as evidence and becomes a finding.
    """
    named = site.acceptance_report
    assert named is not None, "only a site with a report is checked"
    # A declaration is refused if it does not hold its report's installer.
    installer = next(i for i in site.installers if i.name == named.installer)
    problems = _signature_problems(named, installer, content)
    if problems:
        return refused(site, problems)
    try:
        report = InstallerReport.model_validate_json(content)
    except ValidationError as error:
        return refused(site, problems_of(error))
    problems = tuple(_contradictions(site, named, report))
    if problems:
        return refused(site, problems)
    return CheckedReport(
        report=report.report,
        drafts=tuple(_draft(named, installer, report, server, operation) for server in report.servers),
        sightings=tuple(_sightings(site, report)),
    )


def refused(site: SiteDeclaration, problems: tuple[Problem, ...]) -> CheckedReport:
    sighting = Sighting(
        object=f"site/{site.name}",
        kind="acceptance-report-refused",
        severity=Severity.WARNING,
        message="The installer's acceptance report was refused: "
        + "; ".join(str(p) for p in problems[:5])
        + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""),
        do="Have the installer correct and sign it again, declare the new file, and apply.",
        evidence=[str(problem) for problem in problems],
    )
    return CheckedReport(problems=problems, sightings=(sighting,))


def _signature_problems(named: AcceptanceReport, installer: Installer, content: bytes) -> tuple[Problem, ...]:
    if len(content) > SIZE_LIMIT_BYTES:
        return (Problem(path="", message=f"has {len(content)} bytes; at most {SIZE_LIMIT_BYTES} are read"),)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(installer.public_key))
    try:
        key.verify(base64.b64decode(named.signature or ""), content)
    except InvalidSignature:
        message = f"is not by {installer.name}'s key over these bytes: the report or its signature was changed"
        return (Problem(path="signature", message=message),)
    return ()


def _contradictions(site: SiteDeclaration, named: AcceptanceReport, report: InstallerReport) -> Iterator[Problem]:
    if report.site != site.name:
        yield Problem(path="site", message=f"is {report.site}; the declaration is of {site.name}")
    if report.installer != named.installer:
        yield Problem(path="installer", message=f"is {report.installer}; the declaration names {named.installer}")
    known = {server.serial for server in site.servers}
    if None in known:
        # Some servers are found by MAC or address: a serial that we do not know may be theirs.
        return
    for index, server in enumerate(report.servers):
        if server.serial not in known:
            message = f"no server with the serial {server.serial} is declared for {site.name}"
            yield Problem(path=f"servers[{index}].serial", message=message)


def _draft(
    named: AcceptanceReport, installer: Installer, report: InstallerReport, server: TestedServer, operation: str
) -> EvidenceDraft:
    return EvidenceDraft(
        site=report.site,
        key=f"{EVIDENCE_KIND}/{named.artifact}/{server.serial}",
        kind=EVIDENCE_KIND,
        subjects=(server.serial,),
        operation=operation,
        body={
            "report": report.report,
            "report_sha256": named.artifact,
            "signature": named.signature,
            "installer": installer.name,
            "installer_public_key": installer.public_key,
            "issued_at": report.issued_at.isoformat(),
            "tests": [test.model_dump(mode="json") for test in server.tests],
        },
    )


def _sightings(site: SiteDeclaration, report: InstallerReport) -> Iterator[Sighting]:
    declared = {server.serial: server for server in site.servers if server.serial is not None}
    for server in report.servers:
        failed = [test for test in server.tests if test.result is TestResult.FAILED]
        if failed and server.serial in declared:
            yield _sighting(
                site,
                declared[server.serial],
                "acceptance-failed",
                f"The installer's report {report.report} says that it failed: "
                + ", ".join(t.name for t in failed)
                + ".",
                "Repair it and have it tested again; a new report replaces this one.",
            )
    reported = {server.serial for server in report.servers}
    for serial, server in declared.items():
        if serial not in reported:
            yield _sighting(
                site,
                server,
                "acceptance-not-reported",
                f"The installer's report {report.report} does not tell of it (serial {serial}).",
                "Ask the installer for a report that covers it.",
            )


def _sighting(site: SiteDeclaration, server: ServerDeclaration, kind: str, message: str, do: str) -> Sighting:
    place = Place(region=site.region.name, site=site.name, rack=server.rack, server=server.name)
    return Sighting(
        object=f"site/{site.name}/server/{server.name}",
        kind=kind,
        severity=Severity.WARNING,
        message=message,
        do=do,
        place=place,
    )


def report_bytes(report: InstallerReport) -> bytes:
    """A report as an installer's tool may write it: what is signed are these bytes."""
    return canonical(report)
