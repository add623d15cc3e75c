"""`evidence verify` needs a file and a key, and no server."""

from pathlib import Path

import pytest

from cli.exit_codes import ExitCode
from cli.main import run
from tests.domain.test_evidence import HEADS, LINES, PUBLIC


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A bundle and its key, on a machine that reaches no API."""
    monkeypatch.setenv("EDGEWRIGHT_API_URL", "http://127.0.0.1:9")
    bundle, key = tmp_path / "oslo.jsonl", tmp_path / "ledger.pub"
    bundle.write_bytes(b"".join(line + b"\n" for line in LINES))
    key.write_text(PUBLIC + "\n")
    return bundle, key


def test_a_bundle_that_holds_says_so_and_tells_its_head(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, key = files
    assert run(["evidence", "verify", str(bundle), "--public-key", str(key), "--head", HEADS[1]]) == ExitCode.OK
    said = capsys.readouterr().err
    assert f"all 3 entries hold. The head is {HEADS[2]}." in said
    assert "--head" not in said
    assert run(["evidence", "verify", str(bundle), "--public-key", str(key)]) == ExitCode.OK
    assert "only against a head that you kept: --head HASH" in capsys.readouterr().err


def test_an_empty_bundle_proves_nothing(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bundle, key = files
    bundle.write_bytes(b"\n")
    assert run(["evidence", "verify", str(bundle), "--public-key", str(key)]) == ExitCode.INVALID_EVIDENCE
    assert "a file without entries proves nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda lines: [lines[0], lines[1].replace(b'"gpus":8', b'"gpus":7'), lines[2]], "entry 2 (ev-2)"),
        (lambda lines: [lines[0], lines[2]], "entry 2 is missing"),
        (lambda lines: [lines[1], lines[0], lines[2]], "out of order"),
        (lambda lines: lines[:2], "cut off"),
    ],
)
def test_a_bundle_that_was_touched_names_the_first_broken_entry(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], break_it: object, said: str
) -> None:
    bundle, key = files
    bundle.write_bytes(b"\n".join(break_it(LINES)))  # pyright: ignore
    code = run(["evidence", "verify", str(bundle), "--public-key", str(key), "--head", HEADS[2]])
    assert code == ExitCode.INVALID_EVIDENCE
    assert said in capsys.readouterr().err


def test_another_key_and_no_key_are_told_apart(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bundle, key = files
    key.write_text("11" * 32)
    assert run(["evidence", "verify", str(bundle), "--public-key", str(key)]) == ExitCode.INVALID_EVIDENCE
    assert "the signature is not by this key" in capsys.readouterr().err
    key.write_text("hello")
    assert run(["evidence", "verify", str(bundle), "--public-key", str(key)]) == ExitCode.USAGE
    assert "is no Ed25519 key" in capsys.readouterr().err
