"""One contract, every secret store: files, and Vault's KV version 2.

The Vault is the double of `kv2_server.py`; with EDGEWRIGHT_TEST_VAULT_URL and EDGEWRIGHT_TEST_VAULT_TOKEN it is a real one too.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.secret import CredentialSlot, Login, SecretMissing, SecretRef, SecretStore
from store.device_logins import SecretPathRefused
from store.secret_files import SecretFiles
from store.vault import VaultAddress, VaultSecrets
from tests.store.kv2_server import Kv2, serving

NOW = datetime(2026, 11, 24, tzinfo=UTC)
REAL = os.environ.get("EDGEWRIGHT_TEST_VAULT_URL", "")

type Opener = Callable[[], SecretStore]
"""Opens the same store once more, as another process would."""


def login(password: str) -> Login:
    return Login(username="admin", password=SecretStr(password))


def vault(url: str, token: str, folder: Path, prefix: str = "edgewright") -> VaultSecrets:
    file = folder / "vault-token"
    file.write_text(token)
    return VaultSecrets(VaultAddress(url=url, token_file=file, prefix=prefix), clock=lambda: NOW)


@pytest.fixture(
    params=[
        "files",
        "vault",
        pytest.param(
            "real-vault",
            marks=pytest.mark.skipif(not REAL, reason="no real Vault: EDGEWRIGHT_TEST_VAULT_URL is not set"),
        ),
    ]
)
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    if request.param == "files":
        yield lambda: SecretFiles(tmp_path / "store", clock=lambda: NOW)
    elif request.param == "vault":
        with serving(Kv2(policies={"t": ("secret/",)})) as kv2:
            yield lambda: vault(kv2.url, "t", tmp_path)
    else:
        prefix = f"test-{uuid.uuid4().hex[:8]}"
        yield lambda: vault(REAL, os.environ["EDGEWRIGHT_TEST_VAULT_TOKEN"], tmp_path, prefix)


@pytest.fixture
def secrets(another: Opener) -> SecretStore:
    return another()


def test_a_secret_is_written_read_and_forgotten(another: Opener, secrets: SecretStore) -> None:
    ref = secrets.put(SecretRef(path="site/oslo-1/bmc"), login("first"))
    secrets.put(ref, login("second"))
    assert another().get(ref) == login("second")
    for _ in range(2):
        secrets.forget(ref)
    with pytest.raises(SecretMissing, match="site/oslo-1/bmc"):
        secrets.get(ref)
    secrets.put(ref, login("third"))
    assert another().get(ref) == login("third")


@pytest.mark.parametrize("path", ["../out", "site/../../out", "/etc/passwd", "", "site//x", ".hidden", "a?b", "a#b"])
def test_a_path_never_leaves_the_store(secrets: SecretStore, path: str) -> None:
    with pytest.raises(SecretPathRefused):
        secrets.get(SecretRef(path=path))


def test_pending_becomes_current_in_one_step_and_twice_is_once(another: Opener, secrets: SecretStore) -> None:
    secrets.store_pending("oslo-1", "r1-s01", login("new"))
    assert another().credential("oslo-1", "r1-s01", CredentialSlot.PENDING) == login("new")
    for _ in range(2):
        secrets.promote_pending("oslo-1", "r1-s01")
    state = another().credential_state("oslo-1", "r1-s01")
    assert (state.has_current, state.has_pending, state.current_since) == (True, False, NOW)
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.CURRENT) == login("new")
    secrets.store_pending("oslo-1", "r1-s01", login("newer"))
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.CURRENT) == login("new")


def test_an_entered_login_forgets_nothing_until_a_password_of_ours_is_proved(
    another: Opener, secrets: SecretStore
) -> None:
    secrets.store_pending("oslo-1", "r1-s01", login("ours"))
    secrets.promote_pending("oslo-1", "r1-s01")
    secrets.enter("oslo-1", "r1-s01", login("mistyped"))
    secrets.record_try("oslo-1", "r1-s01", CredentialSlot.ENTERED, NOW, 300)
    secrets.enter("oslo-1", "r1-s01", login("right"))
    state = another().credential_state("oslo-1", "r1-s01")
    assert (state.has_entered, state.has_current, state.tries) == (True, True, ())
    assert another().credential("oslo-1", "r1-s01", CredentialSlot.ENTERED) == login("right")
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.CURRENT) == login("ours")
    secrets.store_pending("oslo-1", "r1-s01", login("newer"))
    assert secrets.credential_state("oslo-1", "r1-s01").has_entered
    secrets.promote_pending("oslo-1", "r1-s01")
    assert not another().credential_state("oslo-1", "r1-s01").has_entered


def test_nothing_pending_cannot_be_promoted(secrets: SecretStore) -> None:
    with pytest.raises(SecretMissing):
        secrets.promote_pending("oslo-1", "r1-s01")


def test_a_device_nobody_knows_has_no_login_and_no_tries(secrets: SecretStore) -> None:
    state = secrets.credential_state("oslo-1", "r1-s01")
    assert (state.has_current, state.has_pending, state.tries) == (False, False, ())


def test_of_many_tries_at_once_one_is_granted_per_window_and_slot(another: Opener, secrets: SecretStore) -> None:
    stores = [another() for _ in range(8)]

    def attempt(number: int) -> bool:
        return stores[number % 8].record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW, 300)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(32))) == 1
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.PENDING, NOW, 300)
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW + timedelta(seconds=300), 300)
    secrets.clear_try("oslo-1", "r1-s01", CredentialSlot.CURRENT)
    assert secrets.record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW, 300)


def test_changes_by_many_at_once_lose_none(another: Opener) -> None:
    """A password that is being stored and a try that is being counted meanwhile are both kept."""
    stores = [another() for _ in range(6)]
    changes: list[Callable[[SecretStore], object]] = [
        lambda s: s.store_pending("oslo-1", "r1-s01", login("new")),
        lambda s: s.record_try("oslo-1", "r1-s01", CredentialSlot.CURRENT, NOW, 300),
        lambda s: s.record_try("oslo-1", "r1-s01", CredentialSlot.FACTORY, NOW, 300),
    ]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: changes[n % 3](stores[n]), range(6)))
    state = another().credential_state("oslo-1", "r1-s01")
    assert state.has_pending
    assert {t.slot for t in state.tries} == {CredentialSlot.CURRENT, CredentialSlot.FACTORY}
