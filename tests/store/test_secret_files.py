import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.artifact import ArtifactRef
from domain.secret import CredentialSlot, Login, SecretMissing, SecretRef
from store.artifacts import ArtifactDamaged, ArtifactFolder, ArtifactMissing
from store.secret_files import SecretFiles, SecretPathRefused

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def login(password: str) -> Login:
    return Login(username="admin", password=SecretStr(password))


def test_a_secret_is_written_read_and_forgotten_for_us_alone(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path / "store")
    ref = secrets.put(SecretRef(path="site/oslo-1/bmc"), login("first"))
    secrets.put(ref, login("second"))
    assert SecretFiles(tmp_path / "store").get(ref) == login("second")
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    for _ in range(2):
        secrets.forget(ref)
    with pytest.raises(SecretMissing, match="site/oslo-1/bmc"):
        secrets.get(ref)


@pytest.mark.parametrize("path", ["../out", "site/../../out", "/etc/passwd", "", "site//x", ".hidden"])
def test_a_path_never_leaves_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(SecretPathRefused):
        SecretFiles(tmp_path).get(SecretRef(path=path))


def test_pending_becomes_current_in_one_step_and_twice_is_once(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path, clock=lambda: NOW)
    secrets.store_pending("oslo-1", "r1-s01", login("new"))
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.PENDING) == login("new")
    for _ in range(2):
        secrets.promote_pending("oslo-1", "r1-s01")
    state = secrets.credential_state("oslo-1", "r1-s01")
    assert (state.has_current, state.has_pending, state.current_since) == (True, False, NOW)
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.CURRENT) == login("new")


def test_nothing_pending_cannot_be_promoted(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing):
        SecretFiles(tmp_path).promote_pending("oslo-1", "r1-s01")


def test_of_many_tries_at_once_one_is_granted_per_window_and_slot(tmp_path: Path) -> None:
    def attempt(_: int) -> bool:
        return SecretFiles(tmp_path).record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW, 300)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(32))) == 1
    secrets = SecretFiles(tmp_path)
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.PENDING, NOW, 300)
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW + timedelta(seconds=300), 300)
    secrets.clear_try("oslo-1", "r1-s01", CredentialSlot.CURRENT)
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW, 300)


def test_an_artifact_is_kept_by_its_hash_and_checked_when_read(tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path)
    ref = artifacts.put(b"content", "text/plain")
    assert artifacts.put(b"content", "text/plain") == ref == artifacts.find(ref.sha256)
    assert artifacts.get(ref) == b"content"
    (tmp_path / ref.sha256[:2] / ref.sha256).write_bytes(b"c0ntent")
    with pytest.raises(ArtifactDamaged):
        artifacts.get(ref)
    artifacts.put(b"content")
    assert artifacts.get(ref) == b"content"


@pytest.mark.parametrize("sha256", ["0" * 64, "../../etc/passwd"])
def test_an_artifact_that_is_not_there_is_missing(tmp_path: Path, sha256: str) -> None:
    assert ArtifactFolder(tmp_path).find(sha256) is None
    with pytest.raises(ArtifactMissing):
        ArtifactFolder(tmp_path).get(ArtifactRef(sha256=sha256, size=1))
