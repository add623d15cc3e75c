"""Our image, built for real, its processes run as in docker-compose.yml with that file's secrets: as another user than root, on a
read-only root file system, without capabilities. Temporal and NetBox are the embedded ones; Postgres asks for passwords."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lab.embedded import netbox as embedded_netbox
from lab.embedded import netbox_environment, processes
from lab.embedded.ports import free_ports
from lab.embedded.stack import Stack
from tests.conftest import RunningNetBox, RunningTemporal
from tests.containers.engine import ROOT, Container, Engine, skip_loudly
from tests.containers.scram_postgres import ScramPostgres, running
from tests.containers.test_compose_secrets import files_in, make

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

INSIDE = "/run/secrets"


@dataclass(frozen=True)
class Product:
    """The four containers of ours, all up."""

    secrets: Path
    first: Container
    again: Container
    api: Container
    control: Container
    devices: Container
    api_url: str
    metrics: dict[str, str]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.ready()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.getuid() != 0:
        skip_loudly("the image's processes: secrets that belong to the containers' users need root")
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    assert make(folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def scram_postgres(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScramPostgres]:
    with running(tmp_path_factory.mktemp("pg"), secrets) as found:
        yield found


def ensure_access(stack: Stack, secrets: Path, mounted: Path) -> str:
    """What the service `netbox-setup` does: deploy/netbox/ensure_access.py inside NetBox."""
    mounted.mkdir(exist_ok=True)
    for name, file in (("netbox-admin-password", "admin-password"), ("netbox-token", "netbox-token")):
        (mounted / name).unlink(missing_ok=True)
        (mounted / name).symlink_to(secrets / "netbox" / file)
    settings = embedded_netbox.environment(stack.home, stack.ports)
    done = subprocess.run(
        [str(netbox_environment.python()), "-m", "netbox", "shell", "--interface", "python"],
        input=(ROOT / "deploy/netbox/ensure_access.py").read_text(),
        env=processes.clean_environment({**settings, "EDGEWRIGHT_NETBOX_SETUP_SECRETS": str(mounted)}),
        cwd=stack.home.netbox,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def product(
    engine: Engine,
    secrets: Path,
    scram_postgres: ScramPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    session_stack: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    mounted = tmp_path_factory.mktemp("netbox-setup")
    assert "ensured" in ensure_access(session_stack, secrets, mounted)
    assert ensure_access(session_stack, secrets, mounted).strip().endswith("administrator: there - token: there")
    ports = free_ports()
    own = secrets / "edgewright"
    login = {f"{INSIDE}/edgewright-pgpass": own / "pgpass", f"{INSIDE}/edgewright-netbox-token": own / "netbox-token"}
    control_settings = {
        "EDGEWRIGHT_DATABASE_URL": scram_postgres.url("edgewright_app", "edgewright", f"{INSIDE}/edgewright-pgpass"),
        "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address,
        "EDGEWRIGHT_NETBOX_URL": netbox.url,
        "EDGEWRIGHT_NETBOX_TOKEN_FILE": f"{INSIDE}/edgewright-netbox-token",
    }
    with ExitStack() as stack:
        volumes = {
            name: stack.enter_context(engine.volume()) for name in ("secrets", "artifacts", "ledger", "ledger-public")
        }

        def on(*names: str) -> dict[str, str]:
            return {f"/var/lib/edgewright/{name}": volumes[name] for name in names}

        def bootstrap() -> Container:
            owner = f"{INSIDE}/edgewright-pgpass-owner"
            token = f"{INSIDE}/edgewright-api-admin-token"
            return stack.enter_context(
                engine.container(
                    "bootstrap",
                    environment={
                        **control_settings,
                        "EDGEWRIGHT_MIGRATIONS_DATABASE_URL": scram_postgres.url("edgewright", "edgewright", owner),
                        "EDGEWRIGHT_TOKEN_FILE": token,
                    },
                    files={**login, owner: own / "pgpass-owner", token: own / "api-admin-token"},
                    volumes=on("ledger", "ledger-public"),
                )
            )

        first = bootstrap()
        assert first.exit_code() == 0, first.logs()
        again = bootstrap()
        assert again.exit_code() == 0, again.logs()
        api = stack.enter_context(
            engine.container(
                "serve",
                environment={
                    **control_settings,
                    "EDGEWRIGHT_API_HOST": "127.0.0.1",
                    "EDGEWRIGHT_API_PORT": str(ports.api),
                },
                files=login,
                volumes=on("secrets", "artifacts", "ledger-public"),
            )
        )
        metrics = {"control": ports.worker_metrics, "devices": ports.temporal_metrics}
        worker = {
            queue: {
                "EDGEWRIGHT_WORKER_QUEUES": queue,
                "EDGEWRIGHT_WORKER_METRICS_HOST": "127.0.0.1",
                "EDGEWRIGHT_WORKER_METRICS_PORT": str(port),
            }
            for queue, port in metrics.items()
        }
        control = stack.enter_context(
            engine.container(
                "worker",
                environment={**control_settings, **worker["control"]},
                files=login,
                volumes=on("artifacts", "ledger"),
            )
        )
        devices = stack.enter_context(
            engine.container(
                "worker",
                environment={"EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address, **worker["devices"]},
                files={},
                volumes=on("secrets", "artifacts"),
            )
        )
        yield Product(
            secrets,
            first,
            again,
            api,
            control,
            devices,
            api_url=f"http://127.0.0.1:{ports.api}",
            metrics={queue: f"http://127.0.0.1:{port}/metrics" for queue, port in metrics.items()},
        )


def eventually(condition: Callable[[], bool], container: Container, within_s: float = 90) -> None:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise AssertionError(container.logs()[-3000:])


def get(url: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(trust_env=False, timeout=20) as http:
        return http.get(url, headers=headers)


def test_the_image_runs_as_an_ordinary_user_and_says_what_it_is(engine: Engine) -> None:
    found = engine.inspected()
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Labels"]["org.opencontainers.image.version"] == engine.image.rpartition(":")[2]
    assert found["Config"]["Labels"]["org.opencontainers.image.revision"] != ""
    assert found["Healthcheck"]["Test"][:2] == ["CMD", "healthy"]
    assert not [value for value in found["Config"]["Env"] if "TOKEN=" in value or "PASSWORD" in value]


def test_the_image_brings_neither_pip_nor_the_lab_and_its_bytecode_is_compiled(engine: Engine) -> None:
    program = "import importlib.util as u, pathlib, api; print([n for n in ('pip', 'aiohttp') if u.find_spec(n)], "
    program += "len(list(pathlib.Path(api.__file__).parent.rglob('*.pyc'))) > 5)"
    done = engine.podman(
        "run", "--rm", *engine.run_options, "--network", "none", "--entrypoint", "python", engine.image, "-c", program
    )
    assert done.stdout.strip() == "[] True"


def test_how_pip_was_reached_is_in_no_layer(engine: Engine) -> None:
    history = engine.podman("history", "--no-trunc", engine.image).stdout
    assert "index-url" not in history
    listed = engine.podman(
        "run",
        "--rm",
        *engine.run_options,
        "--network",
        "none",
        "--entrypoint",
        "find",
        engine.image,
        "/run",
        "-type",
        "f",
    )
    assert "secrets" not in listed.stdout


def test_bootstrap_makes_what_is_missing_and_then_nothing(product: Product) -> None:
    assert "migration 0001" in product.first.logs()
    assert "nothing changed" in product.again.logs()


def test_the_api_is_alive_and_ready(product: Product) -> None:
    eventually(lambda: get(f"{product.api_url}/healthz").status_code == 200, product.api)
    eventually(lambda: get(f"{product.api_url}/readyz").status_code == 200, product.api)
    assert product.api.run("healthy", f"{product.api_url}/readyz").returncode == 0
    assert product.api.run("healthy", "http://127.0.0.1:1/readyz").returncode != 0


def test_the_first_administrators_token_opens_the_api_and_no_token_does_not(product: Product) -> None:
    token = (product.secrets / "edgewright/api-admin-token").read_text().strip()
    eventually(lambda: get(f"{product.api_url}/healthz").status_code == 200, product.api)
    assert get(f"{product.api_url}/v1/operations").status_code == 401
    assert get(f"{product.api_url}/v1/operations", token).status_code == 200
    # The API shows the public half of a key whose folder it may not see.
    assert len(get(f"{product.api_url}/v1/evidence-key", token).json()["public_key"]) == 64


@pytest.mark.parametrize("queue", ["control", "devices"])
def test_a_worker_works_on_its_queue(product: Product, queue: str) -> None:
    worker = product.control if queue == "control" else product.devices
    eventually(lambda: get(product.metrics[queue]).status_code == 200, worker)
    assert worker.run("healthy", product.metrics[queue]).returncode == 0
    eventually(lambda: f"working on {queue} of namespace edgewright" in worker.logs(), worker)


def test_the_root_file_system_is_read_only_and_the_volumes_are_not(product: Product) -> None:
    assert product.devices.run("touch", "/opt/edgewright/made").returncode != 0
    assert product.devices.run("touch", "/var/lib/edgewright/secrets/made").returncode == 0


def test_no_secret_is_in_a_log(product: Product) -> None:
    for container in (product.first, product.again, product.api, product.control, product.devices):
        logs = container.logs()
        for file in files_in(product.secrets):
            assert file.read_text().strip().rpartition(":")[2] not in logs


def test_a_stop_is_gentle(product: Product) -> None:
    for container in (product.devices, product.control, product.api):
        assert container.stop() == 0, container.logs()[-2000:]
