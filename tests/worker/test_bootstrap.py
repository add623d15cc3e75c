"""`edgewright bootstrap` on real systems that hold nothing of ours yet."""

import asyncio
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from temporalio.client import Client

import store
from clients.netbox import NetBoxInventory, NetBoxSession
from domain.access import Role, token_digest
from store.access import TokenRows
from store.roles import RoleMissing
from tests.conftest import Database, RunningNetBox, RunningTemporal
from worker.temporal import missing

pytestmark = pytest.mark.services
EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")


@pytest.fixture
def environment(
    database: Database, temporal: RunningTemporal, clean_netbox: RunningNetBox, tmp_path: Path
) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWRIGHT_")}
    return kept | {
        "EDGEWRIGHT_HOME": str(tmp_path),
        "EDGEWRIGHT_DATABASE_URL": database.url,
        "EDGEWRIGHT_MIGRATIONS_DATABASE_URL": database.owner_url,
        "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address,
        "EDGEWRIGHT_TEMPORAL_NAMESPACE": f"bootstrap-{uuid.uuid4().hex[:8]}",
        "EDGEWRIGHT_NETBOX_URL": clean_netbox.url,
        "EDGEWRIGHT_NETBOX_TOKEN_FILE": str(clean_netbox.token_file),
        "EDGEWRIGHT_LEDGER_KEY_FILE": str(tmp_path / "keys" / "ledger"),
        "EDGEWRIGHT_LEDGER_PUBLIC_KEY_FILE": str(tmp_path / "shown" / "ledger.pub"),
        "EDGEWRIGHT_TOKEN_FILE": str(tmp_path / "token"),
    }


def bootstrap(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EDGEWRIGHT, "bootstrap"], env=environment, capture_output=True, text=True, timeout=200)


async def wanting_in_temporal(environment: dict[str, str]) -> tuple[str, ...]:
    namespace = environment["EDGEWRIGHT_TEMPORAL_NAMESPACE"]
    return await missing(await Client.connect(environment["EDGEWRIGHT_TEMPORAL_ADDRESS"], namespace=namespace))


def test_it_makes_everything_once_and_the_second_time_changes_nothing(
    environment: dict[str, str], database: Database, clean_netbox: RunningNetBox, tmp_path: Path
) -> None:
    first = bootstrap(environment)
    assert first.returncode == 0, first.stderr
    for made in (
        "postgres: migration 0001",
        "postgres: first administrator's token registered",
        "temporal: namespace bootstrap-",
        "temporal: search attribute EwOperation",
        "netbox: custom field ",
        "netbox: tag edgewright",
    ):
        assert made in first.stdout

    assert store.pending_migrations(database.url) == ()
    assert asyncio.run(wanting_in_temporal(environment)) == ()
    assert NetBoxInventory(NetBoxSession(clean_netbox.url, clean_netbox.token)).check_bootstrap().ready
    assert (tmp_path / "shown/ledger.pub").read_text() == (tmp_path / "keys/ledger.pub").read_text()
    token = tmp_path / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    admin = TokenRows(store.connect(database.url)).find(token_digest(token.read_text().strip()))
    assert admin is not None
    assert admin.role is Role.ADMIN
    assert token.read_text().strip() not in first.stdout + first.stderr

    kept = token.read_text()
    second = bootstrap(environment)
    assert second.returncode == 0, second.stderr
    assert second.stdout == "Bootstrap: everything was there, nothing changed.\n"
    assert token.read_text() == kept


def test_a_token_that_was_revoked_stays_revoked(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    assert bootstrap(environment).returncode == 0
    tokens = TokenRows(store.connect(database.url))
    digest = token_digest((tmp_path / "token").read_text().strip())
    admin = tokens.find(digest)
    assert admin is not None
    tokens.revoke(admin.id)
    assert bootstrap(environment).returncode == 0
    again = tokens.find(digest)
    assert again is not None
    assert again.revoked_at is not None


def test_what_can_be_made_is_made_although_another_system_does_not_answer(
    environment: dict[str, str], database: Database
) -> None:
    silent = environment | {"EDGEWRIGHT_NETBOX_URL": "http://127.0.0.1:9", "EDGEWRIGHT_BOOTSTRAP_WAIT_S": "0"}
    done = bootstrap(silent)
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
    assert store.pending_migrations(database.url) == ()


def test_what_is_not_set_is_said_before_anything_is_changed(environment: dict[str, str], database: Database) -> None:
    del environment["EDGEWRIGHT_NETBOX_URL"]
    done = bootstrap(environment)
    assert done.returncode == 1
    assert "EDGEWRIGHT_NETBOX_URL" in done.stderr
    assert store.pending_migrations(database.url) != ()


def test_a_missing_role_that_we_may_not_make_is_for_an_administrator(database: Database) -> None:
    with pytest.raises(RoleMissing, match="edgewright may not make it"):
        store.ensure_role(database.owner_url, "somebody_else")
