"""One system per home: up, down, crashes and what they leave behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.embedded import Home, PortTaken, ServiceFailed, Stack, free_ports, processes
from lab.embedded import postgres as embedded_postgres
from lab.embedded.guard import guarded
from lab.embedded.processes import Record
from lab.embedded.stack import NoSuchService, State

pytestmark = pytest.mark.services

QUICK = ("postgres", "valkey", "temporal")


def pids(stack: Stack) -> dict[str, int | None]:
    return {row.name: row.pid for row in stack.status() if row.name in QUICK}


def processes_in(home: Home) -> list[str]:
    """Every living process that works in the home, or was told about it."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            command = processes.command_of(int(entry.name))
            if "lab.embedded.guard" not in command and (
                processes.works_in(int(entry.name), home.root) or str(home.root) in command
            ):
                found.append(command)
    return found


def kill_everything(stack: Stack) -> None:
    """SIGKILL to every process of the home at once, as the kernel's out-of-memory killer or a power cut would."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and processes.works_in(int(entry.name), stack.home.root):
            os.kill(int(entry.name), signal.SIGKILL)


def test_up_twice_is_one_system(own_stack: Callable[[], Stack]) -> None:
    own_stack().up(QUICK)
    first = pids(own_stack())
    own_stack().up(QUICK)
    assert pids(own_stack()) == first
    assert None not in first.values()


def test_two_ups_at_the_same_time_are_one_system(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.home.prepare()
    stack.home.ports_file.write_text(stack.ports.written())
    edgewright = [sys.executable, "-c", "from cli.main import main; main()", "up", "valkey"]
    environment = {**os.environ, "EDGEWRIGHT_HOME": str(stack.home.root)}
    both = [subprocess.Popen(edgewright, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("already running" in text for text in said) == [False, True]
    servers = [command for command in processes_in(stack.home) if "valkey-server" in command]
    assert len(servers) == 1


@pytest.mark.parametrize("victim", QUICK)
def test_a_killed_service_comes_back_and_the_others_stay(own_stack: Callable[[], Stack], victim: str) -> None:
    own_stack().up(QUICK)
    before = pids(own_stack())
    pid = before.pop(victim)
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: state_of(own_stack(), victim) is State.CRASHED)
    own_stack().up(QUICK)
    after = pids(own_stack())
    assert after.pop(victim) not in (None, pid)
    assert after == before


def test_down_leaves_no_process_no_socket_and_no_pid_file(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(QUICK)
    assert processes_in(stack.home)
    own_stack().down()
    assert processes_in(stack.home) == []
    assert sorted(file.name for file in stack.home.run.iterdir()) == ["lock"]
    assert {row.state for row in own_stack().status()} == {State.DOWN}


def test_down_of_what_never_was_up_is_fine(own_stack: Callable[[], Stack]) -> None:
    own_stack().down()
    own_stack().down()
    assert not own_stack().home.root.exists()


def test_after_a_kill_of_everything_up_continues_with_the_same_data(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(QUICK)
    with embedded_postgres.connect(stack.home, "edgewright", "edgewright") as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    workflows = stack.home.temporal_database.stat().st_ino
    kill_everything(stack)
    # postmaster.pid, the socket's lock and the pid files now name dead processes.
    assert (stack.home.postgres_data / "postmaster.pid").exists()
    own_stack().up(QUICK)
    with embedded_postgres.connect(stack.home, "edgewright", "edgewright") as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert stack.home.temporal_database.stat().st_ino == workflows


def test_a_stranger_with_a_recycled_pid_is_never_signalled(own_stack: Callable[[], Stack], stranger: int) -> None:
    stack = own_stack()
    stack.up(["valkey"])
    file = stack.home.run / "valkey.json"
    real = Record.read(file)
    assert real
    os.kill(real.pid, signal.SIGKILL)
    Record(stranger, real.boot_id, real.start_ticks, real.started_at, real.spec, real.command).write(file)
    assert state_of(own_stack(), "valkey") is State.CRASHED
    own_stack().up(["valkey"])
    assert pids(own_stack())["valkey"] not in (None, stranger)
    second = Record.read(file)
    assert second
    Record(stranger, real.boot_id, real.start_ticks, real.started_at, real.spec, real.command).write(file)
    own_stack().down()
    os.kill(stranger, 0)  # raises if it is gone
    # Nobody but this test knows of the second one any more.
    os.kill(second.pid, signal.SIGKILL)


def test_a_record_of_an_earlier_boot_is_stale(own_stack: Callable[[], Stack], stranger: int) -> None:
    stack = own_stack()
    stack.home.prepare()
    ticks = int(Path(f"/proc/{stranger}/stat").read_text().rpartition(")")[2].split()[19])
    Record(stranger, "another-boot", ticks, time.time(), "", []).write(stack.home.run / "valkey.json")
    stack.up(["valkey"])
    assert pids(own_stack())["valkey"] not in (None, stranger)
    os.kill(stranger, 0)


def test_a_half_written_pid_file_does_not_stop_an_up(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.home.prepare()
    (stack.home.run / "valkey.json").write_text('{"pid": 1')
    stack.up(["valkey"])
    assert state_of(own_stack(), "valkey") is State.READY


def test_a_taken_port_is_refused_before_anything_starts(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    with socket.create_server(("127.0.0.1", stack.ports.temporal_ui)), pytest.raises(PortTaken) as refused:
        stack.up(QUICK)
    said = str(refused.value)
    assert "Temporal" in said
    assert f"port {stack.ports.temporal_ui}" in said
    assert f"pid {os.getpid()}" in said
    assert "EDGEWRIGHT_PORT_TEMPORAL_UI=" in said
    assert processes_in(stack.home) == []


def test_a_service_that_fails_says_so_with_its_log_and_the_others_start(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.home.prepare()
    stack.home.temporal_database.write_bytes(b"this is no database" * 1000)
    with pytest.raises(ServiceFailed) as failed:
        stack.up(QUICK)
    said = str(failed.value)
    assert "file is not a database" in said
    assert "edgewright logs temporal" in said
    assert state_of(own_stack(), "valkey") is State.READY
    stack.home.temporal_database.unlink()
    own_stack().up(QUICK)
    assert state_of(own_stack(), "temporal") is State.READY


def test_what_depends_on_a_failed_service_is_not_tried(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.home.prepare()
    stack.home.postgres_data.mkdir()
    (stack.home.postgres_data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ServiceFailed, match="PostgreSQL ended while starting"):
        stack.up(["netbox"])
    assert state_of(own_stack(), "netbox") is State.DOWN
    assert state_of(own_stack(), "valkey") is State.READY


def test_a_service_asked_to_run_differently_is_started_anew(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["valkey", "temporal"])
    before = pids(own_stack())
    moved = stack.ports.model_copy(update={"valkey": free_ports().valkey})
    Stack(stack.home, moved).up(["valkey", "temporal"])
    after = pids(Stack(stack.home))  # the choice is kept in the ports file
    assert after["valkey"] not in (None, before["valkey"])
    assert after["temporal"] == before["temporal"]


def test_a_home_too_deep_for_sockets_gets_a_short_folder_until_down(
    tmp_path: Path, own_stack: Callable[[], Stack]
) -> None:
    deep = Home(own_stack().home.root / ("d" * 60) / ("e" * 60))
    stack = Stack(deep, own_stack().ports)
    try:
        stack.up(["postgres"])
        short = deep.sockets
        assert short.stat().st_mode & 0o777 == 0o700
        with embedded_postgres.connect(deep) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert short != deep.run
    finally:
        stack.down()
    assert not short.exists()


def test_postgres_acknowledges_only_what_is_safe(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["postgres"])
    with embedded_postgres.connect(stack.home) as connection:
        for setting, value in {"synchronous_commit": "on", "fsync": "on", "listen_addresses": ""}.items():
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


@pytest.mark.skipif(os.getuid() != 0, reason="only root must become somebody else")
def test_root_without_user_namespaces_runs_postgres_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "IN_USER_NAMESPACE", ("false",))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with guarded(Stack(Home.of(Path(folder) / "home"), free_ports())) as stack:
            for _ in range(2):
                stack.up(["postgres"])
                pid = pids(stack)["postgres"]
                assert Path(f"/proc/{pid}").stat().st_uid == embedded_postgres.NOBODY
                stack.down()
            assert [entry.name for entry in Path(folder).iterdir()] == ["home"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root must become somebody else")
def test_where_nobody_may_not_enter_the_home_root_is_told_where_to_put_it(
    own_stack: Callable[[], Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_postgres, "IN_USER_NAMESPACE", ("false",))
    with pytest.raises(ServiceFailed, match=r"(?s)may not enter .*EDGEWRIGHT_HOME=/var/lib/edgewright"):
        own_stack().up(["postgres"])


def test_the_runtime_role_owns_nothing_and_cannot_enter_netboxs_database(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["postgres"])
    with embedded_postgres.connect(stack.home, "edgewright", "edgewright_app") as database:
        assert database.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone() == (False,)
    with embedded_postgres.connect(stack.home) as connection:
        query = "SELECT has_database_privilege('edgewright_app', 'netbox', 'CONNECT')"
        assert connection.execute(query).fetchone() == (False,)


def test_temporal_keeps_closed_workflows_for_thirty_days(own_stack: Callable[[], Stack]) -> None:
    import httpx

    stack = own_stack()
    stack.up(["temporal"])
    url = f"http://127.0.0.1:{stack.ports.temporal_http}/api/v1/namespaces/edgewright"
    for _ in range(2):  # a restart must not bring the default back
        config = httpx.get(url, trust_env=False, timeout=10).json()["config"]
        assert config["workflowExecutionRetentionTtl"] == "2592000s"
        own_stack().down()
        own_stack().up(["temporal"])


def test_down_works_whatever_is_in_the_ports_file(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["valkey"])
    stack.home.ports_file.write_text("valkey=none\n")
    Stack(stack.home).down()
    assert processes_in(stack.home) == []


def test_a_service_nobody_knows_is_refused(own_stack: Callable[[], Stack]) -> None:
    with pytest.raises(NoSuchService, match="postgres, valkey"):
        own_stack().up(["oracle"])


def test_services_go_down_when_the_test_run_that_started_them_is_killed(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    script = (
        "import sys, json, os, signal\n"
        "from lab.embedded import Home, Ports, Stack\n"
        "from lab.embedded.guard import guarded\n"
        "ports = Ports(**json.loads(sys.argv[2]))\n"
        "with guarded(Stack(Home.of(sys.argv[1]), ports)) as stack:\n"
        "    stack.up(['valkey'])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    arguments = [str(stack.home.root), stack.ports.model_dump_json()]
    assert subprocess.run([sys.executable, "-c", script, *arguments], check=False).returncode == -signal.SIGKILL
    wait_until(lambda: not (stack.home.run / "valkey.json").exists())
    assert processes_in(stack.home) == []


def test_every_pid_file_names_the_process_and_its_command(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["valkey"])
    kept = json.loads((stack.home.run / "valkey.json").read_text())
    assert kept["pid"] == pids(own_stack())["valkey"]
    assert kept["command"][0].endswith("valkey-server")


def state_of(stack: Stack, name: str) -> State:
    return next(row.state for row in stack.status() if row.name == name)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)


@pytest.fixture
def stranger() -> Iterator[int]:
    """A process that has nothing to do with us."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()
