"""The report's way from the artifact store into the ledger on a real Postgres."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

import store
from activities.acceptance import AcceptanceActivities
from activities.artifacts import ModelShelf
from domain.acceptance_report import ImportReportOrder
from domain.canonical import canonical
from domain.evidence import verify_bundle
from domain.onboarding import SiteBundle, SiteRef
from domain.site import SiteDeclaration
from store.artifacts import ArtifactFolder
from store.ledger import Ledger, LedgerReader, signing_key
from tests.conftest import Database
from tests.domain.test_acceptance_report import KEY, PUBLIC, SERIALS, document
from tests.domain.test_declaration_checks import SITE

pytestmark = pytest.mark.services


@pytest.fixture
def engine(migrated_database: Database) -> Iterator[Engine]:
    made = store.connect(migrated_database.url)
    yield made
    made.dispose()


def test_an_imported_report_is_kept_once_and_a_changed_one_is_refused(engine: Engine, tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path / "artifacts")
    steps = AcceptanceActivities(artifacts, Ledger(engine, signing_key(tmp_path / "ledger.pem")))
    reader = LedgerReader(engine, tmp_path / "ledger.pub")
    content = canonical(document())

    def order(**report: str) -> ImportReportOrder:
        named = {
            "installer": "lab-installer", "artifact": artifacts.put(content).sha256,
            "signature": base64.b64encode(KEY.sign(content)).decode(),
        }  # fmt: skip
        installers = [{"name": "lab-installer", "public_key": PUBLIC}]
        site = SiteDeclaration.model_validate(SITE | {"installers": installers, "acceptance_report": named | report})
        bundle = ModelShelf(artifacts).put(SiteBundle(site=site, classes={}))
        return ImportReportOrder(operation_id="op-1", site=SiteRef(name="oslo-1", region="n", bundle=bundle, racks=()))

    first = steps.import_acceptance_report(order())
    assert steps.import_acceptance_report(order()) == first
    assert (first.present, first.refused, first.report) == (True, False, "LI-2026-117")
    assert len(first.evidence) == len(SERIALS) == len(reader.export("oslo-1"))
    assert verify_bundle(reader.export("oslo-1"), reader.public_key()).good

    forged = steps.import_acceptance_report(order(artifact=artifacts.put(content.replace(b"387.5", b"400")).sha256))
    absent = steps.import_acceptance_report(order(artifact="0" * 64))
    assert (forged.refused, forged.evidence, forged.problems[0].path) == (True, (), "signature")
    assert "not in the artifact store" in absent.problems[0].message
    assert len(reader.export("oslo-1")) == len(SERIALS)


def test_a_site_without_a_report_has_nothing_to_import(engine: Engine, tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path / "artifacts")
    steps = AcceptanceActivities(artifacts, Ledger(engine, signing_key(tmp_path / "ledger.pem")))
    bundle = ModelShelf(artifacts).put(SiteBundle(site=SiteDeclaration.model_validate(SITE), classes={}))
    site = SiteRef(name="oslo-1", region="n", bundle=bundle, racks=())
    assert not steps.import_acceptance_report(ImportReportOrder(operation_id="op-1", site=site)).present
