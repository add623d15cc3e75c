"""docker-compose.yml brought up by testcontainers, and in the place of the embedded services for the contract tests beside it.

Needs Docker with its compose plugin, root (the secrets belong to the containers' users), and a registry or the images. Skipped loudly
where one is missing. The first start takes some ten minutes: NetBox makes its tables.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import sql
from sqlalchemy import Engine
from testcontainers.compose import DockerCompose

import store
from lab.embedded.ports import free_ports
from tests.conftest import Database, RunningNetBox, RunningTemporal
from tests.containers.engine import ROOT, skip_loudly
from tests.containers.test_compose_secrets import make

FILES = ["docker-compose.yml", "tests/containers/compose.contracts.yml"]


@dataclass(frozen=True)
class ComposeStack:
    compose: DockerCompose
    secrets: Path
    api_port: int
    netbox_port: int
    postgres_port: int
    temporal_port: int

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def url(self, role: str, database: str, password_file: str) -> str:
        password_file = str(self.secrets / "edgewright" / password_file)
        return f"postgresql+psycopg://{role}@127.0.0.1:{self.postgres_port}/{database}?passfile={password_file}"

    def superuser(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.postgres_port,
            dbname="postgres",
            user="postgres",
            password=self.secret("postgres/superuser-password"),
            autocommit=True,
        )


def _answers(*command: str, within_s: float = 60) -> str:
    """Empty if the command succeeds, else why not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=within_s, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip())[-300:]


def _require_engine_and_registry() -> None:
    what = "the compose stack as a whole"
    if not shutil.which("docker"):
        skip_loudly(f"{what}: there is no docker")
    if why := _answers("docker", "info"):
        skip_loudly(f"{what}: no container engine answers: {why}")
    if why := _answers("docker", "compose", "version"):
        skip_loudly(f"{what}: docker has no compose plugin: {why}")
    if os.getuid() != 0:
        skip_loudly(f"{what}: secrets that belong to the containers' users need root")
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    for image in sorted({service["image"] for service in services if not service["image"].startswith("${")}):
        if _answers("docker", "image", "inspect", image) and (why := _answers("docker", "pull", image, within_s=900)):
            skip_loudly(f"{what}: no registry gives {image}: {why}")


@pytest.fixture(scope="session")
def compose_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    _require_engine_and_registry()
    tag = subprocess.check_output([ROOT / "scripts/build-image", "--print-tag"], text=True).strip()
    if why := _answers("docker", "build", "--tag", tag, "--file", "Containerfile", ".", within_s=1800):
        pytest.fail(f"docker could not build our image: {why}")
    secrets = tmp_path_factory.mktemp("compose") / "secrets"
    assert make(secrets).returncode == 0
    ports = free_ports()
    settings = {
        "COMPOSE_PROJECT_NAME": f"edgewright-test-{uuid.uuid4().hex[:8]}",
        "EDGEWRIGHT_COMPOSE_SECRETS": str(secrets),
        "EDGEWRIGHT_PORT_API": str(ports.api),
        "EDGEWRIGHT_PORT_NETBOX": str(ports.netbox),
        "EDGEWRIGHT_PORT_TEMPORAL_UI": str(ports.temporal_ui),
        "EDGEWRIGHT_PORT_TEMPORAL": str(ports.temporal),
        "EDGEWRIGHT_PORT_POSTGRES": str(ports.valkey),
    }
    environment = tmp_path_factory.mktemp("environment") / "compose.env"
    environment.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    compose = DockerCompose(ROOT, compose_file_name=FILES, env_file=str(environment), wait=True)
    with compose:
        yield ComposeStack(compose, secrets, ports.api, ports.netbox, ports.valkey, ports.temporal)


@pytest.fixture(scope="session")
def netbox(compose_stack: ComposeStack) -> RunningNetBox:
    file = compose_stack.secrets / "netbox/netbox-token"
    return RunningNetBox(
        f"http://127.0.0.1:{compose_stack.netbox_port}", compose_stack.secret("netbox/netbox-token"), file
    )


@pytest.fixture(scope="session")
def temporal(compose_stack: ComposeStack) -> RunningTemporal:
    return RunningTemporal(f"127.0.0.1:{compose_stack.temporal_port}", "edgewright", "")


@pytest.fixture
def database(compose_stack: ComposeStack) -> Iterator[Database]:
    """An empty database of the test's own in the stack's Postgres."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with compose_stack.superuser() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER edgewright").format(sql.Identifier(name)))
        yield Database(
            name,
            owner_url=compose_stack.url("edgewright", name, "pgpass-owner"),
            url=compose_stack.url("edgewright_app", name, "pgpass"),
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def migrated_database(database: Database) -> Database:
    store.migrate(database.owner_url)
    return database


@pytest.fixture
def engine(migrated_database: Database) -> Iterator[Engine]:
    made = store.connect(migrated_database.url)
    yield made
    made.dispose()
