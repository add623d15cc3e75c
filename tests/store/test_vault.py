"""What is particular to Vault: how it says no, and what it must never keep."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.secret import CredentialSlot, SecretMissing, SecretRef
from store.vault import VaultAddress, VaultRefused, VaultSealed, VaultSecrets, VaultThrottled, VaultUnreachable
from tests.store.kv2_server import Kv2, serving
from tests.store.test_secret_stores import login, vault

OSLO = ("secret/data/edgewright/secrets/site/oslo-1/", "secret/metadata/edgewright/secrets/site/oslo-1/",
        "secret/data/edgewright/devices/oslo-1/", "secret/metadata/edgewright/devices/oslo-1/")  # fmt: skip


@pytest.fixture
def kv2() -> Iterator[Kv2]:
    with serving(Kv2(policies={"all": ("secret/",), "oslo": OSLO})) as served:
        yield served


def test_a_sites_token_opens_its_own_sites_secrets_and_no_others(kv2: Kv2, tmp_path: Path) -> None:
    vault(kv2.url, "all", tmp_path).put(SecretRef(path="site/rome-1/bmc"), login("hunter2"))
    site = vault(kv2.url, "oslo", tmp_path)
    site.put(SecretRef(path="site/oslo-1/bmc"), login("x"))
    site.store_pending("oslo-1", "r1-s01", login("x"))
    with pytest.raises(VaultRefused, match="secret/data/edgewright/secrets/site/rome-1/bmc") as refused:
        site.get(SecretRef(path="site/rome-1/bmc"))
    assert "hunter2" not in str(refused.value)
    with pytest.raises(VaultRefused, match="permission denied"):
        site.credential_state("rome-1", "r1-s01")


def test_a_replaced_password_is_in_no_older_version(kv2: Kv2, tmp_path: Path) -> None:
    secrets = vault(kv2.url, "all", tmp_path)
    for password in ("old", "new"):
        secrets.store_pending("oslo-1", "r1-s01", login(password))
        secrets.promote_pending("oslo-1", "r1-s01")
        secrets.put(SecretRef(path="fleet/bmc"), login(password))
    kept = repr(kv2.keys)
    assert "'new'" in kept
    assert "'old'" not in kept


def test_what_somebody_deleted_by_hand_is_missing_and_can_be_written_again(kv2: Kv2, tmp_path: Path) -> None:
    secrets = vault(kv2.url, "all", tmp_path)
    secrets.store_pending("oslo-1", "r1-s01", login("x"))
    kv2.delete_newest("edgewright/devices/oslo-1/r1-s01")
    with pytest.raises(SecretMissing):
        secrets.credential("oslo-1", "r1-s01", CredentialSlot.PENDING)
    secrets.store_pending("oslo-1", "r1-s01", login("y"))
    assert secrets.credential("oslo-1", "r1-s01", CredentialSlot.PENDING) == login("y")


def test_a_seal_a_limit_and_silence_are_retried_and_a_wrong_mount_is_not(kv2: Kv2, tmp_path: Path) -> None:
    secrets, ref = vault(kv2.url, "all", tmp_path), SecretRef(path="fleet/bmc")
    kv2.sealed = True
    with pytest.raises(VaultSealed, match="sealed"):
        secrets.get(ref)
    kv2.sealed, kv2.throttled = False, True
    with pytest.raises(VaultThrottled):
        secrets.get(ref)
    with pytest.raises(VaultUnreachable, match="does not answer"):
        vault("http://127.0.0.1:9", "all", tmp_path).get(ref)
    absent = VaultSecrets(VaultAddress(url=kv2.url, token_file=tmp_path / "absent"))
    with pytest.raises(VaultUnreachable, match="token file"):
        absent.get(ref)
    kv2.throttled = False
    kv2.policies["all"] = ("",)
    elsewhere = VaultSecrets(VaultAddress(url=kv2.url, token_file=tmp_path / "vault-token", mount="kv"))
    with pytest.raises(VaultRefused, match="no handler for route"):
        elsewhere.get(ref)


def test_a_token_that_vault_agent_renews_is_read_again(kv2: Kv2, tmp_path: Path) -> None:
    secrets, ref = vault(kv2.url, "expired", tmp_path), SecretRef(path="fleet/bmc")
    with pytest.raises(VaultRefused, match="expired"):
        secrets.put(ref, login("x"))
    (tmp_path / "vault-token").write_text("all\n")
    assert secrets.put(ref, login("x")) == ref
