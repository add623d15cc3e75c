"""The real services for tests: one system per test session, in a folder and on ports of its own, brought up as far as tests ask.

A test that wants to break a service makes a Stack of its own (`own_stack`); these are shared.
"""

import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from lab.embedded import Home, Stack, free_ports
from lab.embedded import postgres as embedded_postgres
from lab.embedded import temporal as embedded_temporal
from lab.embedded.guard import guarded
from lab.embedded.secret_files import SecretFiles
from tests import matrix

# They override verify=False in requests, and slow each process we start; see lab.embedded.processes.
for _unwanted in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(_unwanted, None)

# What a person's shell says of their own system must not steer those that tests start.
_OF_THE_TESTS = ("EDGEWRIGHT_PROOF", "EDGEWRIGHT_SAMPLE_SEED", "EDGEWRIGHT_REDFISH_STANDARDS", "EDGEWRIGHT_PYTHON")
for _name in list(os.environ):
    if _name.startswith("EDGEWRIGHT_") and not _name.startswith((*_OF_THE_TESTS, "EDGEWRIGHT_TEST_")):
        del os.environ[_name]


@dataclass(frozen=True)
class Database:
    """One database of a test's own. `owner_url` is the role that migrates, `url` the one the product runs as."""

    name: str
    owner_url: str
    url: str


@dataclass(frozen=True)
class RunningPostgres:
    """The session's Postgres. Give each test a database; roles are shared by all."""

    home: Home

    def create(self, template: str = "template1") -> Database:
        name = f"test_{uuid.uuid4().hex[:12]}"
        owner, runtime = embedded_postgres.OWNER, embedded_postgres.RUNTIME_ROLE
        with embedded_postgres.connect(self.home) as connection:
            make = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            connection.execute(make.format(sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)))
        return Database(
            name,
            owner_url=embedded_postgres.url(self.home, owner, name),
            url=embedded_postgres.url(self.home, runtime, name),
        )

    def drop(self, name: str) -> None:
        with embedded_postgres.connect(self.home) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class RunningTemporal:
    address: str
    namespace: str
    ui_url: str


@dataclass(frozen=True)
class RunningNetBox:
    url: str
    token: str
    token_file: Path


@pytest.fixture(scope="session")
def session_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The session's system, nothing started yet. Goes down with the session, also when that is killed."""
    home = Home.of(tmp_path_factory.mktemp("home"))
    with guarded(Stack(home, free_ports())) as stack:
        yield stack
    _forget_databases(home)


@pytest.fixture(scope="session")
def stack(session_stack: Stack) -> Stack:
    """Everything `edgewright up` starts."""
    session_stack.up()
    return session_stack


@pytest.fixture(scope="session")
def postgres(session_stack: Stack) -> RunningPostgres:
    session_stack.up(["postgres"])
    return RunningPostgres(session_stack.home)


@pytest.fixture(scope="session")
def temporal(session_stack: Stack) -> RunningTemporal:
    """The development server. Tests share its namespace: use workflow ids and queues of your own."""
    session_stack.up(["temporal"])
    ports = session_stack.ports
    return RunningTemporal(
        address=embedded_temporal.address(ports),
        namespace=embedded_temporal.NAMESPACE,
        ui_url=f"http://127.0.0.1:{ports.temporal_ui}",
    )


@pytest.fixture(scope="session")
def netbox(session_stack: Stack) -> RunningNetBox:
    """A real NetBox with what earlier tests left in it; `clean_netbox` has none of that."""
    session_stack.up(["netbox"])
    files = SecretFiles(session_stack.home.secrets)
    return RunningNetBox(
        f"http://127.0.0.1:{session_stack.ports.netbox}", files.netbox_token(), files.netbox_token_file
    )


@pytest.fixture
def database(postgres: RunningPostgres) -> Iterator[Database]:
    """An empty database of the test's own."""
    made = postgres.create()
    yield made
    postgres.drop(made.name)


@pytest.fixture
def database_url(database: Database) -> str:
    """The URL of an empty database of the test's own, as its owner."""
    return database.owner_url


@pytest.fixture(scope="session")
def migrated_template(postgres: RunningPostgres) -> str:
    """A database with the product's tables, to be cloned."""
    import store

    made = postgres.create()
    store.migrate(made.owner_url)
    return made.name


@pytest.fixture
def migrated_database(postgres: RunningPostgres, migrated_template: str) -> Iterator[Database]:
    """A database of the test's own with the product's tables."""
    made = postgres.create(migrated_template)
    yield made
    postgres.drop(made.name)


@pytest.fixture(scope="session")
def pristine_netbox_database(
    netbox: RunningNetBox, session_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """NetBox's database as it is restored, beside the one in use."""
    from lab.embedded.netbox import restore_into

    with embedded_postgres.connect(session_stack.home) as connection:
        embedded_postgres.ensure_database(connection, "netbox_pristine", embedded_postgres.NETBOX)
    restore_into(session_stack.home, "netbox_pristine")
    return "netbox_pristine"


@pytest.fixture
def clean_netbox(netbox: RunningNetBox, pristine_netbox_database: str, session_stack: Stack) -> RunningNetBox:
    """NetBox with nothing in it but its schema, the administrator and the token. Takes under a second, no restart.

    Not for a test that uses `stack`: what bootstrap made is gone as well.
    """
    from lab.embedded.netbox import replace_database

    replace_database(session_stack.home, session_stack.ports, pristine_netbox_database)
    return netbox


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Makes stacks of the test's own home and ports, to be killed at will; each call is as another `edgewright` process."""
    home, ports = Home.of(tmp_path / "home"), free_ports()
    with ExitStack() as stacks:
        stacks.enter_context(guarded(Stack(home, ports)))
        yield lambda: Stack(home, ports)
    _forget_databases(home)


def _forget_databases(home: Home) -> None:
    """pytest keeps the folders of its last runs: logs are worth keeping, 60 MB of tables for each test are not."""
    shutil.rmtree(home.postgres_data, ignore_errors=True)
    home.temporal_database.unlink(missing_ok=True)


def pytest_report_header() -> str:
    return f"matrices: EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}"


def pytest_unconfigure() -> None:
    """A process that used a Temporal client and ends at once may crash at exit, after all tests passed."""
    if "temporalio" in sys.modules:
        time.sleep(0.5)
