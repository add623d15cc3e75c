import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.exit_codes import ExitCode
from tests.cli.conftest import Ran, Running
from tests.domain.test_acceptance_report import KEY, PUBLIC

DECLARED = {
    "installers": [{"name": "lab-installer", "public_key": PUBLIC}],
    "acceptance_report": {"installer": "lab-installer", "file": "report.json"},
}
NO_PLAN = "0" * 64
REPORT = b'{"report": "LI-2026-117"}'


def upload(served: Running, file: str) -> Ran:
    """Uploads and goes no further: nobody has made this plan."""
    return served.edgewright("apply", "-f", file, "--plan-hash", NO_PLAN)


@pytest.mark.parametrize("written", [KEY.sign(REPORT), base64.b64encode(KEY.sign(REPORT)) + b"\n"])
def test_the_report_beside_a_declaration_is_uploaded_and_named_by_its_hash(
    served: Running, site_file: Callable[..., str], tmp_path: Path, written: bytes
) -> None:
    (tmp_path / "report.json").write_bytes(REPORT)
    (tmp_path / "report.json.sig").write_bytes(written)
    upload(served, site_file(**DECLARED))
    body: Any = served.services.declarations.head("Site", "oslo-1").body["acceptance_report"]
    assert served.services.artifacts.kept[body["artifact"]][1] == REPORT
    assert base64.b64decode(body["signature"]) == KEY.sign(REPORT)
    assert body.get("file") is None


def test_a_missing_or_broken_signature_is_told_before_anything_is_sent(
    served: Running, site_file: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_bytes(REPORT)
    absent = upload(served, site_file(**DECLARED))
    (tmp_path / "report.json.sig").write_bytes(b"signed, honestly")
    broken = upload(served, site_file(**DECLARED))
    assert absent.code == broken.code == ExitCode.REFUSED
    assert "report.json.sig cannot be read" in absent.err
    assert "holds no Ed25519 signature" in broken.err
    assert served.services.declarations.head("Site", "oslo-1") is None
