"""A disk that is full, read-only or gone: both stores say so as trouble of their own, which is tried again and judges no device."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain import artifact, secret
from domain.artifact import ArtifactsAway
from domain.errors import EdgewrightError
from domain.secret import CredentialSlot, Login, SecretRef, SecretsAway, SecretsRefused
from store.artifacts import ArtifactFolder
from store.database import utc_now
from store.https_artifacts import ArtifactsUnreachable
from store.secret_files import SecretFiles
from store.vault import VaultRefused, VaultSealed, VaultUnreachable

LOGIN = Login(username="admin", password=SecretStr("first"))
REF = SecretRef(path="site/oslo-1/bmc")

CHANGES: dict[str, Callable[[SecretFiles], object]] = {
    "put": lambda s: s.put(REF, LOGIN),
    "forget": lambda s: s.forget(REF),
    "store_pending": lambda s: s.store_pending("oslo-1", "r1-s01", LOGIN),
    "record_try": lambda s: s.record_try("oslo-1", "r1-s01", CredentialSlot.FACTORY, utc_now(), 300),
}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel answers on a full disk, which no test can have without being root; tests/faults has a real one."""

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("store.files.tempfile.mkstemp", no_room)
    monkeypatch.setattr(Path, "unlink", no_room)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_secrets_that_cannot_be_written_are_away(
    tmp_path: Path, request: pytest.FixtureRequest, change: Callable[[SecretFiles], object]
) -> None:
    secrets = SecretFiles(tmp_path / "store")
    secrets.put(REF, LOGIN)
    request.getfixturevalue("full")
    with pytest.raises(SecretsAway, match="No space left on device") as told:
        change(secrets)
    assert str(tmp_path / "store") in told.value.message
    assert "first" not in str(told.value)
    assert told.value.do


def test_artifacts_that_cannot_be_written_are_away(tmp_path: Path, full: None) -> None:
    with pytest.raises(ArtifactsAway, match="No space left on device"):
        ArtifactFolder(tmp_path / "artifacts").put(b"{}")


@pytest.mark.parametrize(
    "error",
    [SecretsAway, SecretsRefused, VaultRefused, VaultSealed, VaultUnreachable, ArtifactsAway, ArtifactsUnreachable],
)
def test_a_workflow_knows_each_of_them_by_its_kind(error: type[EdgewrightError]) -> None:
    assert error.kind in secret.AWAY | artifact.AWAY
