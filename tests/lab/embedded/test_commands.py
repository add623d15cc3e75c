"""`edgewright up, down, status, logs`, as a shell sees them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml

from lab.embedded import Stack
from lab.embedded.secret_files import SecretFiles

pytestmark = pytest.mark.services


def run(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`edgewright` in a process of its own, with its output in a pipe."""
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    environment = {**os.environ, "EDGEWRIGHT_HOME": str(stack.home.root), **variables}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=200)


@pytest.fixture
def chosen(own_stack: Callable[[], Stack]) -> Stack:
    """A stack whose home already knows its free ports."""
    stack = own_stack()
    stack.home.root.mkdir()
    stack.home.ports_file.write_text(stack.ports.written())
    return stack


def test_up_in_a_pipe_speaks_in_plain_lines_and_tells_where_secrets_are(chosen: Stack) -> None:
    done = run(chosen, "up", "valkey", "temporal")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert any("Valkey: ready" in line for line in lines)
    assert any("Temporal" in line and f"http://127.0.0.1:{chosen.ports.temporal_ui}" in line for line in lines)
    assert sum(str(chosen.home.secrets) in line for line in lines) == 1


def test_no_secret_is_ever_printed_or_logged(chosen: Stack) -> None:
    said = run(chosen, "up", "postgres", "valkey").stdout + run(chosen, "status").stdout + run(chosen, "logs").stdout
    said += chosen.home.settings_file.read_text()
    files = SecretFiles(chosen.home.secrets)
    for secret in (files.api_admin_token(), files.netbox_token(), files.netbox_admin_password(), files.netbox_pepper()):
        assert secret not in said


def test_status_ends_with_one_if_something_is_down_and_says_what(chosen: Stack) -> None:
    run(chosen, "up", "valkey")
    done = run(chosen, "status", "-o", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert rows["valkey"]["state"] == "ready"
    assert rows["valkey"]["pid"] > 1
    assert rows["valkey"]["rss"] >= rows["valkey"]["pss"] > 1_000_000
    assert rows["netbox"]["state"] == "down"
    assert yaml.safe_load(run(chosen, "status", "-o", "yaml").stdout)[1]["name"] == "valkey"


def test_status_before_the_first_up_shows_everything_down(chosen: Stack) -> None:
    done = run(chosen, "status")
    assert done.returncode == 1
    assert "postgres" in done.stdout


def test_a_taken_port_is_told_on_standard_error_with_what_to_do(chosen: Stack) -> None:
    run(chosen, "up", "valkey")
    done = run(
        chosen, "up", "temporal", EDGEWRIGHT_PORT_TEMPORAL=str(chosen.ports.valkey), EDGEWRIGHT_PORT_VALKEY="9999"
    )
    assert done.returncode == 1
    assert "valkey-server" in done.stderr
    assert "EDGEWRIGHT_PORT_TEMPORAL=" in done.stderr
    assert "Traceback" not in done.stderr
    assert chosen.home.ports_file.read_text() == chosen.ports.written()  # a choice that failed is not kept


def test_logs_shows_the_last_lines_of_one_service(chosen: Stack) -> None:
    run(chosen, "up", "valkey")
    done = run(chosen, "logs", "valkey", "-n", "50")
    assert done.returncode == 0
    assert "Ready to accept connections" in done.stdout


def test_logs_of_nothing_says_which_there_are(chosen: Stack) -> None:
    run(chosen, "up", "valkey")
    done = run(chosen, "logs", "oracle")
    assert done.returncode == 2
    assert "valkey" in done.stderr


def test_any_shell_finds_the_running_system_by_its_settings_file(chosen: Stack) -> None:
    from cli.settings import load_settings

    run(chosen, "up", "valkey")
    environment = {"EDGEWRIGHT_HOME": str(chosen.home.root), "EDGEWRIGHT_API_URL": "https://elsewhere"}
    load_settings(environment)
    assert environment["EDGEWRIGHT_API_URL"] == "https://elsewhere"
    assert environment | {"EDGEWRIGHT_API_URL": ""} == chosen.environment() | {"EDGEWRIGHT_API_URL": ""}
