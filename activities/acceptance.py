"""What others vouch for, into the ledger: the installer's acceptance report, attestations of new servers. Queue `control`."""

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.evidence import EvidenceLedger
from domain.acceptance_report import CheckedReport, ImportReportOrder, ReportImported, check_report, refused
from domain.artifact import ArtifactStore
from domain.attestation import attestations
from domain.checking import Problem
from domain.evidence import EvidenceBatch
from domain.onboarding import Attested, RackVerdict, RecordOrder, SiteBundle
from domain.site import SiteDeclaration


class AcceptanceActivities:
    def __init__(self, artifacts: ArtifactStore, ledger: EvidenceLedger) -> None:
        self._artifacts = artifacts
        self._shelf = ModelShelf(artifacts)
        self._ledger = ledger

    @activity.defn
    def import_acceptance_report(self, order: ImportReportOrder) -> ReportImported:
        """Checks the report that the declaration names and keeps one entry of evidence for each server, all or none.

        A retry, and a later operation on the same report, find their entries and write nothing twice. A report that does not
        hold is refused with every problem, and nothing of it is kept.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        if site.acceptance_report is None:
            return ReportImported(present=False)
        checked = self._checked(site, site.acceptance_report.artifact, order.operation_id)
        entries = self._ledger.append(EvidenceBatch(entries=checked.drafts)).ids if checked.drafts else ()
        return ReportImported(
            present=True,
            report=checked.report,
            evidence=entries,
            problems=checked.problems,
            sightings=checked.sightings,
        )

    @activity.defn
    def keep_attestations(self, order: RecordOrder) -> Attested:
        """What makes a rack's servers available is in the ledger before they are. Once per machine and attestation."""
        assert order.verdict is not None, "a rack's attestations follow its judgement"
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        drafts = attestations(site, self._shelf.get(RackVerdict, order.verdict).servers, order.operation_id)
        return Attested(entries=self._ledger.append(EvidenceBatch(entries=drafts)).ids if drafts else ())

    def _checked(self, site: SiteDeclaration, sha256: str | None, operation: str) -> CheckedReport:
        ref = self._artifacts.find(sha256) if sha256 else None
        if ref is None:
            message = "the report is not in the artifact store: apply the declaration from where the file is"
            return refused(site, (Problem(path="", message=message),))
        return check_report(site, self._artifacts.get(ref), operation)
