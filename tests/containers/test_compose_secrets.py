"""The secrets of the compose deployment, and that a Postgres made from them lets each role in where it belongs and nowhere else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

import store
from tests.containers.scram_postgres import ScramPostgres, running

SCRIPT = Path(__file__).parents[2] / "scripts/compose-secrets"


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    done = make(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def compose_postgres(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScramPostgres]:
    with running(tmp_path_factory.mktemp("pg"), secrets) as found:
        yield found


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_secret_is_for_its_reader_alone(secrets: Path) -> None:
    modes = {str(path.relative_to(secrets)): oct(path.stat().st_mode & 0o777) for path in secrets.rglob("*")}
    assert {mode for name, mode in modes.items() if (secrets / name).is_file()} == {"0o600"}
    assert {mode for name, mode in modes.items() if (secrets / name).is_dir()} == {"0o700"}


def test_no_secret_is_printed(tmp_path: Path) -> None:
    done = make(tmp_path / "secrets")
    for file in files_in(tmp_path / "secrets"):
        assert file.read_text().strip() not in done.stdout + done.stderr


def test_a_folder_that_is_there_is_left_alone(secrets: Path) -> None:
    before = {path: path.read_text() for path in files_in(secrets)}
    done = make(secrets)
    assert done.returncode == 1
    assert "left alone" in done.stderr
    assert {path: path.read_text() for path in files_in(secrets)} == before


def test_two_installations_share_no_secret(secrets: Path, tmp_path: Path) -> None:
    assert make(tmp_path / "other").returncode == 0
    ours = {path.read_text() for path in files_in(secrets)}
    assert ours.isdisjoint(path.read_text() for path in files_in(tmp_path / "other"))


@pytest.mark.services
def test_bootstraps_role_migrates_and_the_products_role_sees_it(secrets: Path, compose_postgres: ScramPostgres) -> None:
    owner = compose_postgres.url("edgewright", "edgewright", secrets / "edgewright/pgpass-owner")
    app = compose_postgres.url("edgewright_app", "edgewright", secrets / "edgewright/pgpass")
    assert store.migrate(owner)
    assert store.pending_migrations(app) == ()
    engine = create_engine(app)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM operations")) == 0
    engine.dispose()


@pytest.mark.services
@pytest.mark.parametrize("database", ["netbox", "temporal", "temporal_visibility"])
def test_the_products_roles_may_not_enter_anothers_database(
    database: str, secrets: Path, compose_postgres: ScramPostgres
) -> None:
    for role, password_file in (("edgewright_app", "pgpass"), ("edgewright", "pgpass-owner")):
        engine = create_engine(compose_postgres.url(role, database, secrets / "edgewright" / password_file))
        with pytest.raises(OperationalError, match="permission denied for database"):
            engine.connect()


@pytest.mark.services
@pytest.mark.parametrize(
    ("role", "database", "file"),
    [
        ("netbox", "netbox", "netbox/database-password"),
        ("temporal", "temporal", "temporal/database-password"),
        ("temporal", "temporal_visibility", "temporal/database-password"),
    ],
)
def test_each_system_enters_its_database_with_its_own_password(
    role: str, database: str, file: str, secrets: Path, compose_postgres: ScramPostgres
) -> None:
    address = f"host=127.0.0.1 port={compose_postgres.port} dbname={database} user={role}"
    with psycopg.connect(address, password=(secrets / file).read_text().strip()) as connection:
        connection.execute("CREATE TABLE made (number int)")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address, password="another")
