"""How any service described by data is started, waited for, left alone and ended: with small programs in the place of ours."""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.embedded import Home, ServiceFailed, Stack, free_ports, processes
from lab.embedded.guard import guarded
from lab.embedded.progress import Step
from lab.embedded.service import Service
from lab.embedded.stack import State

SLEEPS = "import time; time.sleep(600)"


class Heard:
    """Keeps what was told, for tests of order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Step]] = []

    def step(self, title: str, step: Step, detail: str = "") -> None:
        self.steps.append((title, step))

    def close(self) -> None:
        """Nothing to close."""


class Bench:
    """A home with services of the test's choice; each `stack` is as another process's."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.services: list[Service] = []
        self.heard = Heard()

    def stack(self) -> Stack:
        return Stack(self.home, free_ports(), self.heard, services=lambda home, ports: self.services)

    def add(self, name: str, program: str = SLEEPS, **changes: object) -> Service:
        command = [sys.executable, "-c", program]
        service = Service(
            name=name, title=name.title(), command=lambda: command, folder=self.home.root, ready_within_s=20
        )
        self.services.append(replace(service, **changes))  # pyright: ignore[reportArgumentType]
        return self.services[-1]

    def state(self, name: str) -> State:
        return next(row.state for row in self.stack().status() if row.name == name)

    def pid(self, name: str) -> int | None:
        return next(row.pid for row in self.stack().status() if row.name == name)


@pytest.fixture
def bench(tmp_path: Path):
    made = Bench(Home.of(tmp_path / "home"))
    yield made
    made.stack().down()


def test_a_service_that_ends_while_starting_shows_its_last_lines(bench: Bench) -> None:
    bench.add("moody", "print('line one'); print('the disk is full'); raise SystemExit(7)", ready=lambda: False)
    with pytest.raises(ServiceFailed) as failed:
        bench.stack().up()
    assert "exit code 7" in str(failed.value)
    assert "the disk is full" in str(failed.value)
    assert "edgewright logs moody" in str(failed.value)


def test_a_service_that_never_becomes_ready_is_given_up_and_left_to_be_looked_at(bench: Bench) -> None:
    bench.add("slow", ready=lambda: False, ready_within_s=0.3)
    with pytest.raises(ServiceFailed, match="was not ready"):
        bench.stack().up()
    assert bench.state("slow") is State.UNREADY


def test_a_probe_that_raises_counts_as_not_ready(bench: Bench) -> None:
    answers = iter([ConnectionRefusedError(), ValueError()])

    def ready() -> bool:
        if error := next(answers, None):
            raise error
        return True

    bench.add("shy", ready=ready)
    bench.stack().up()
    assert bench.state("shy") is State.READY


def test_a_command_runs_to_its_end_before_what_depends_on_it_starts(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "migrated"
    bench.add("migrate", f"import time; time.sleep(0.5); open({str(mark)!r}, 'w')", once=True)
    bench.add(
        "server", f"import os, time; assert os.path.exists({str(mark)!r}); time.sleep(600)", depends_on=("migrate",)
    )
    bench.stack().up()
    time.sleep(0.3)  # an assertion that failed would have ended it
    assert bench.state("server") is State.READY
    assert bench.heard.steps.index(("Migrate", Step.READY)) < bench.heard.steps.index(("Server", Step.PREPARING))


def test_a_command_that_fails_keeps_its_dependants_from_starting(bench: Bench) -> None:
    bench.add("migrate", "print('no such column'); raise SystemExit(1)", once=True)
    bench.add("server", depends_on=("migrate",))
    with pytest.raises(ServiceFailed, match="no such column"):
        bench.stack().up()
    assert bench.state("server") is State.DOWN


def test_a_command_that_waits_itself_for_a_service_starts_beside_it(bench: Bench, tmp_path: Path) -> None:
    made = tmp_path / "made"
    bench.add(
        "slow", f"import pathlib, time; time.sleep(1); pathlib.Path({str(made)!r}).touch(); {SLEEPS}", ready=made.exists
    )
    until = f"import os, time\nwhile not os.path.exists({str(made)!r}): time.sleep(0.05)"
    bench.add("command", until, once=True, waits_itself_for=("slow",))
    bench.stack().up(["command"])  # brings the other along
    started, ready = (bench.heard.steps.index(each) for each in (("Command", Step.STARTING), ("Slow", Step.READY)))
    assert started < ready
    assert ("Command", Step.READY) in bench.heard.steps


def test_a_command_that_waits_itself_is_ended_when_what_it_waits_for_fails(bench: Bench) -> None:
    bench.add("broken", "import sys, time; time.sleep(0.5); sys.exit('no disk')", ready=lambda: False)
    bench.add("command", SLEEPS, once=True, waits_itself_for=("broken",))
    began = time.monotonic()
    with pytest.raises(ServiceFailed) as failed:
        bench.stack().up()
    assert time.monotonic() - began < 20, "it was waited for until its time was over"
    assert "no disk" in str(failed.value)
    assert "Command" not in str(failed.value)
    assert bench.pid("broken") is None


def test_nobody_waits_for_a_command_that_succeeded_before_but_it_runs_again(bench: Bench, tmp_path: Path) -> None:
    """So that a later `up` starts the worker while NetBox still boots and bootstrap waits for it."""
    count = tmp_path / "count"
    gate = tmp_path / "gate"
    gate.touch()
    program = f"import os, time\nopen({str(count)!r}, 'a').write('x')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    bench.add("migrate", program, once=True)
    # The second time the command ends only after the server is ready: if that waited for it, nothing ever would be.
    bench.add("server", depends_on=("migrate",), finish=gate.touch)
    bench.stack().up()
    bench.stack().down()
    gate.unlink()
    bench.stack().up()
    assert count.read_text() == "xx"


def test_a_command_of_a_new_build_is_waited_for_again(bench: Bench) -> None:
    bench.add("migrate", "pass", once=True, build="one")
    bench.add("server", depends_on=("migrate",))
    bench.stack().up()
    bench.stack().down()
    bench.services[0] = replace(bench.services[0], build="two")
    bench.heard.steps.clear()
    bench.stack().up()
    assert bench.heard.steps.index(("Migrate", Step.READY)) < bench.heard.steps.index(("Server", Step.PREPARING))


def test_a_new_build_is_started_in_the_place_of_the_old_one(bench: Bench) -> None:
    bench.add("server", build="one")
    bench.stack().up()
    old = bench.pid("server")
    bench.services[0] = replace(bench.services[0], build="two")
    bench.stack().up()
    assert bench.pid("server") not in (None, old)
    assert old
    assert not Path(f"/proc/{old}/cwd").exists()


def test_a_process_that_ignores_the_request_is_killed_with_its_children(bench: Bench) -> None:
    program = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
        "signal.pause()\n"
    )
    log = bench.home.log_of("stubborn")
    bench.add("stubborn", program, stop_grace_s=0.5, ready=lambda: log.stat().st_size > 0)
    bench.stack().up()
    child = int(log.read_text())
    bench.stack().down()
    assert ("Stubborn", Step.STOPPED) in bench.heard.steps
    assert not processes.works_in(child, bench.home.root)


def test_workers_whose_leader_was_killed_do_not_outlive_the_next_up(bench: Bench) -> None:
    log = bench.home.log_of("server")
    program = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    bench.add("server", program, ready=lambda: log.stat().st_size > 0)
    bench.stack().up()
    orphan, leader = int(log.read_text()), bench.pid("server")
    assert leader
    os.kill(leader, signal.SIGKILL)
    wait_until(lambda: bench.state("server") is State.CRASHED)
    assert processes.works_in(orphan, bench.home.root)
    bench.stack().up()
    assert not processes.works_in(orphan, bench.home.root)


def test_what_would_change_a_program_does_not_reach_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "REQUESTS_CA_BUNDLE", "PGHOST", "TEMPORAL_ADDRESS", "PYTHONPATH"):
        monkeypatch.setenv(name, "1")
    log = bench.home.log_of("server")
    program = "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"
    bench.add("server", program, environment={"OURS": "yes"}, ready=lambda: log.stat().st_size > 0)
    bench.stack().up()
    seen = log.read_text()
    assert "'OURS'" in seen
    for name in ("PYTHONDONTWRITEBYTECODE", "REQUESTS_CA_BUNDLE", "PGHOST", "TEMPORAL_ADDRESS", "PYTHONPATH"):
        assert name not in seen


def test_a_large_log_is_put_aside_at_the_next_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.embedded.runner.LOG_LIMIT_BYTES", 100)
    bench.home.prepare()
    log = bench.home.log_of("server")
    log.write_text("x" * 200)
    bench.add("server")
    bench.stack().up()
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").stat().st_size == 200


def test_down_ends_dependants_before_what_they_need(bench: Bench) -> None:
    bench.add("database")
    bench.add("server", depends_on=("database",))
    bench.stack().up()
    bench.stack().down()
    stopped = [title for title, step in bench.heard.steps if step is Step.STOPPED]
    assert stopped == ["Server", "Database"]


def test_no_zombie_is_left_in_the_process_that_started_the_services(bench: Bench) -> None:
    bench.add("server")
    with guarded(bench.stack()):
        bench.stack().up()
        pid = bench.pid("server")
        bench.stack().down()
    assert pid
    assert not Path(f"/proc/{pid}").exists()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)
