import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.acceptance_report import InstallerReport, check_report, report_bytes
from domain.canonical import canonical
from domain.documents import read_documents
from domain.site import SiteDeclaration
from tests.domain.test_declaration_checks import SITE

SITES = Path(__file__).parents[2] / "sites"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
SERIALS = [server["serial"] for server in SITE["servers"]]


def document(**changes: Any) -> dict[str, Any]:
    tests = [
        {"name": "gpu-burn", "result": "passed", "measured": 3600, "unit": "s", "by": "Kari", "at": "2026-11-01T10:00:00Z"},
        {"name": "nccl-all-reduce", "result": "passed", "measured": 387.5, "unit": "GB/s", "by": "Kari",
         "at": "2026-11-01T11:00:00Z"},
    ]  # fmt: skip
    return {
        "format": "edgewright.acceptance-report/1", "report": "LI-2026-117", "site": "oslo-1", "installer": "lab-installer",
        "issued_at": "2026-11-01T12:00:00Z", "servers": [{"serial": serial, "tests": tests} for serial in SERIALS],
    } | changes  # fmt: skip


def signed(content: bytes, *, by: Ed25519PrivateKey = KEY, **changes: Any) -> SiteDeclaration:
    report = {
        "installer": "lab-installer", "artifact": "a" * 64, "signature": base64.b64encode(by.sign(content)).decode()
    }  # fmt: skip
    installers = [{"name": "lab-installer", "public_key": PUBLIC}]
    return SiteDeclaration.model_validate(SITE | {"installers": installers, "acceptance_report": report} | changes)


def paths(checked: Any) -> set[str]:
    return {problem.path for problem in checked.problems}


def test_the_report_of_the_shipped_lights_out_site_holds() -> None:
    documents = read_documents((SITES / "one-ru.declaration.yaml").read_text())
    body = next(d for d in documents if isinstance(d, dict) and d["kind"] == "Site")
    file = SITES / "one-ru.acceptance.json"
    named: Any = body["acceptance_report"]
    assert named["file"] == file.name
    stored = {
        "installer": named["installer"],
        "artifact": "a" * 64,
        "signature": (SITES / f"{file.name}.sig").read_text().strip(),
    }
    site = SiteDeclaration.model_validate(
        {k: v for k, v in body.items() if k != "kind"} | {"acceptance_report": stored}
    )
    checked = check_report(site, file.read_bytes(), "op-1")
    assert (checked.problems, checked.sightings, len(checked.drafts)) == ((), (), 1)


def test_a_report_becomes_one_draft_of_evidence_for_each_server_by_its_serial() -> None:
    content = canonical(document())
    checked = check_report(signed(content), content, "op-1")
    assert (checked.problems, checked.sightings) == ((), ())
    assert [draft.subjects for draft in checked.drafts] == [(serial,) for serial in SERIALS]
    body: Any = checked.drafts[0].body
    assert (body["report"], body["tests"][1]["measured"], body["tests"][1]["unit"]) == ("LI-2026-117", 387.5, "GB/s")
    assert (body["report_sha256"], body["installer_public_key"]) == ("a" * 64, PUBLIC)
    assert len({draft.key for draft in checked.drafts}) == len(SERIALS)


def test_a_report_that_any_byte_was_changed_in_or_another_key_signed_is_refused_before_it_is_read() -> None:
    content = canonical(document())
    changed = content.replace(b"387.5", b"397.5")
    for site, given in ((signed(content), changed), (signed(content, by=Ed25519PrivateKey.generate()), content)):
        checked = check_report(site, given)
        assert checked.drafts == ()
        assert paths(checked) == {"signature"}
        assert "lab-installer's key" in checked.problems[0].message


def test_every_problem_of_a_document_is_named_with_its_path() -> None:
    good = document()["servers"]
    tests = [
        good[0]["tests"][0] | {"unit": ""},
        good[0]["tests"][1] | {"result": "fine", "colour": "red"},
        {"name": "fans", "result": "passed"},
    ]
    content = canonical(document(servers=[{"serial": SERIALS[0], "tests": tests}], format="v0"))
    checked = check_report(signed(content), content)
    at = "servers[0].tests"
    assert paths(checked) == {"format", f"{at}[0]", f"{at}[1].result", f"{at}[1].colour", f"{at}[2].by", f"{at}[2].at"}
    assert checked.sightings[0].kind == "acceptance-report-refused"


def test_what_is_no_json_is_refused() -> None:
    content = b"PASS PASS PASS"
    assert check_report(signed(content), content).problems


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"site": "rome-1"}, "site"),
        ({"installer": "somebody"}, "installer"),
        ({"servers": [*document()["servers"], document()["servers"][0]]}, f"servers[{len(SERIALS)}].serial"),
        ({"servers": [document()["servers"][0] | {"serial": "FOREIGN"}]}, "servers[0].serial"),
        ({"issued_at": "2026-11-01T10:30:00Z", "servers": document()["servers"][:1]}, "servers[0].tests[1].at"),
    ],
)
def test_a_report_that_contradicts_itself_or_the_declaration_is_refused(changes: dict[str, Any], path: str) -> None:
    content = canonical(document(**changes))
    checked = check_report(signed(content), content)
    assert paths(checked) == {path}
    assert checked.drafts == ()


def test_a_failed_test_is_kept_as_evidence_and_found_and_so_is_a_server_that_is_not_in_the_report() -> None:
    first = document()["servers"][0]
    failed = first | {"tests": [first["tests"][0] | {"result": "failed"}]}
    content = canonical(document(servers=[failed]))
    checked = check_report(signed(content), content)
    assert len(checked.drafts) == 1
    assert [(s.object.split("/")[-1], s.kind) for s in checked.sightings] == [
        (SITE["servers"][0]["name"], "acceptance-failed"),
        (SITE["servers"][1]["name"], "acceptance-not-reported"),
    ]


def test_a_declaration_names_its_installer_and_one_source_of_the_report() -> None:
    content = canonical(document())
    with pytest.raises(ValueError, match="not declared under `installers`"):
        signed(content, installers=[])
    with pytest.raises(ValueError, match="32 bytes in base64"):
        signed(content, installers=[{"name": "lab-installer", "public_key": "c2hvcnQ="}])
    with pytest.raises(ValueError, match="an uploaded `artifact`"):
        signed(content, acceptance_report={"installer": "lab-installer", "artifact": "a" * 64})
    with pytest.raises(ValueError, match="an uploaded `artifact`"):
        signed(content, acceptance_report={"installer": "lab-installer", "artifact": "a" * 64, "file": "r.json"})


def test_what_report_bytes_writes_reads_back() -> None:
    report = InstallerReport.model_validate(document())
    assert report.issued_at == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert InstallerReport.model_validate_json(report_bytes(report)) == report
