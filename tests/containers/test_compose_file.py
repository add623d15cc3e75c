"""docker-compose.yml, read: by Debian's docker-compose where it is installed, and by rules of our own."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.settings import StoreSettings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = ("bootstrap", "api", "control-worker", "devices-worker")
INTERNAL = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}

each_service = pytest.mark.parametrize("name", SERVICES)


def image_of(name: str) -> str:
    """With the default of a variable: `${EDGEWRIGHT_IMAGE:-localhost/edgewright:0.1.0}`."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", SERVICES[name]["image"])


def networks_of(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


def runs_once(name: str) -> bool:
    """Others wait for its end, or it is the last of them: it may not be started again after it succeeded."""
    return SERVICES[name].get("restart") == "on-failure"


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [str(value)]


def test_every_part_of_a_production_like_deployment_is_there() -> None:
    wanted = {"postgres", "valkey", "temporal", "temporal-ui", "netbox", "netbox-worker", *OWN}
    assert wanted <= set(SERVICES)


@each_service
def test_an_image_has_an_exact_tag_and_no_invented_digest(name: str) -> None:
    image = image_of(name)
    tag = image.rpartition(":")[2]
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[\w.]+)?", tag), f"{image} may be another image tomorrow"
    assert "@" not in image


def test_our_image_has_the_version_of_this_checkout() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {image_of(name) for name in OWN} == {f"localhost/edgewright:{version}"}
    assert subprocess.check_output([ROOT / "scripts/build-image", "--print-tag"], text=True).strip() == image_of("api")


@each_service
def test_a_service_has_a_health_check_or_ends(name: str) -> None:
    health = SERVICES[name].get("healthcheck", {"disable": True})
    assert runs_once(name) or health.get("test")


@each_service
def test_nobody_waits_for_one_that_has_merely_started(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait["condition"] == ("service_completed_successfully" if runs_once(other) else "service_healthy")


@each_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("cap_add")
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"} & set(service)
    # Our own image names its user itself; see the Containerfile.
    assert name in OWN or not str(service["user"]).startswith(("0", "root"))
    mounts = [str(mount) for mount in service.get("volumes", [])]
    assert not any("docker.sock" in mount or mount.startswith("/") for mount in mounts)
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("./"))


@each_service
def test_no_password_stands_in_the_file(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    for key, value in environment.items():
        if re.search(r"PASS|PWD|SECRET|TOKEN|_KEY|PEPPER", key):
            assert key.endswith("_FILE"), f"{key} is a secret in an environment"
            assert str(value).startswith("/run/secrets/")
    for text in texts(SERVICES[name]):
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", text), "a password in an address"


@each_service
def test_a_published_port_is_on_loopback_by_default(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${EDGEWRIGHT_BIND:-127.0.0.1}:")
        assert networks_of(name) - INTERNAL, "a port cannot be published from an internal network"


def test_the_devices_worker_reaches_no_postgres_and_no_netbox() -> None:
    reached = {
        name for name in SERVICES if name != "devices-worker" and networks_of(name) & networks_of("devices-worker")
    }
    assert not {"postgres", "netbox", "netbox-worker", "valkey"} & reached
    assert "temporal" in reached
    settings = SERVICES["devices-worker"]["environment"]
    assert not [key for key in settings if "DATABASE" in key or "NETBOX" in key]
    assert not SERVICES["devices-worker"].get("secrets")


def test_only_bootstrap_may_sign_in_as_the_owner_of_the_tables() -> None:
    holders = {name for name in SERVICES if "edgewright-pgpass-owner" in texts(SERVICES[name].get("secrets", []))}
    assert holders == {"bootstrap"}


def test_the_signing_key_is_for_the_control_worker_alone() -> None:
    holders = {name for name in SERVICES if any("ledger:" in str(mount) for mount in SERVICES[name].get("volumes", []))}
    assert holders == {"bootstrap", "control-worker"}


def test_postgres_and_valkey_are_on_internal_networks_only() -> None:
    assert networks_of("postgres") | networks_of("valkey") <= INTERNAL


def test_each_service_has_the_folders_that_its_settings_name() -> None:
    """What the image's defaults name lies on a volume wherever a process writes it."""
    fields = StoreSettings.model_fields
    assert {"secrets_dir", "artifacts_dir", "ledger_key_file"} <= set(fields)
    mounted = {name: texts(SERVICES[name].get("volumes", [])) for name in OWN}
    for name, folders in {
        "api": ("secrets", "artifacts", "ledger-public"),
        "devices-worker": ("secrets", "artifacts"),
        "control-worker": ("artifacts", "ledger"),
        "bootstrap": ("ledger", "ledger-public"),
    }.items():
        found = [mount.removesuffix(":ro") for mount in mounted[name]]
        assert [f"{folder}:/var/lib/edgewright/{folder}" for folder in folders] == found


def test_every_secret_named_is_one_that_the_script_makes() -> None:
    source = (ROOT / "scripts/compose-secrets").read_text()
    scope: dict[str, Any] = {"__file__": str(ROOT / "scripts/compose-secrets"), "__name__": "compose_secrets"}
    exec(compile(source, "compose-secrets", "exec"), scope)
    made = set(scope["contents"]())
    named = {entry["file"].partition("}/")[2] for entry in COMPOSE["secrets"].values()}
    assert named == made


def test_dockers_own_reader_accepts_it() -> None:
    command = next(
        (
            candidate
            for candidate in (["docker-compose"], ["docker", "compose"])
            if shutil.which(candidate[0])
            and subprocess.run([*candidate, "version"], capture_output=True, check=False).returncode == 0
        ),
        None,
    )
    if command is None:
        sys.stderr.write(
            "\nNOTE: no docker-compose here, so it did not judge docker-compose.yml: apt-get install docker-compose\n"
        )
        pytest.skip("docker-compose is not installed: apt-get install docker-compose")
    contracts = ROOT / "tests/containers/compose.contracts.yml"
    for files in ([FILE], [FILE, contracts]):
        done = subprocess.run(
            [*command, *(part for file in files for part in ("-f", str(file))), "config"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "EDGEWRIGHT_PORT_POSTGRES": "15432", "EDGEWRIGHT_PORT_TEMPORAL": "17233"},
        )
        assert done.returncode == 0, done.stderr
        assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)
