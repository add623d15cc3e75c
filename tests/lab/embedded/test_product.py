"""`edgewright up` with the product itself: worker and API on all services, killed and brought back."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.embedded import Home, Stack, free_ports, processes
from lab.embedded.guard import guarded
from lab.embedded.product import build_digest
from lab.embedded.stack import State

pytestmark = pytest.mark.services
EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")
DECLARATION = Path(__file__).parents[3] / "sites" / "one-ru.declaration.yaml"
PRODUCT = ("worker", "api")
BLOCKED = 8
FAILED = 11


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system of this module's own, everything up; its tests kill what they like and bring it up again."""
    with guarded(Stack(Home.of(tmp_path_factory.mktemp("product")), free_ports())) as stack:
        assert stack.up() == []
        yield stack


def edgewright(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWRIGHT_")}
    environment = kept | {"EDGEWRIGHT_HOME": str(stack.home.root)}
    return subprocess.run(
        [EDGEWRIGHT, *arguments], env=environment, cwd="/", capture_output=True, text=True, timeout=250, check=False
    )


def apply_without_a_plan(stack: Stack, site: str) -> str:
    token = (stack.home.secrets / "api-admin-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{site}-applied"}
    url = f"http://127.0.0.1:{stack.ports.api}/v1/sites/{site}/apply"
    answer = httpx.post(url, headers=headers, json={}, trust_env=False, timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def pids(stack: Stack) -> dict[str, int | None]:
    return {row.name: row.pid for row in stack.status()}


def readiness(stack: Stack) -> dict[str, object]:
    return httpx.get(f"http://127.0.0.1:{stack.ports.api}/readyz", trust_env=False, timeout=60).json()


def until(seen: Callable[[], bool], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.2)


def test_everything_is_ready_after_up_and_within_its_memory(whole: Stack) -> None:
    assert {row.name: row.state for row in whole.status()} == dict.fromkeys(
        ("postgres", "valkey", "temporal", "netbox", *PRODUCT), State.READY
    )
    assert readiness(whole)["ready"] is True
    assert sum(row.pss for row in whole.status()) < 1.2 * 2**30


def test_up_again_starts_nothing_anew(whole: Stack) -> None:
    before = pids(whole)
    done = edgewright(whole, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert pids(whole) == before
    assert (whole.home.logs / "bootstrap.log").read_text().endswith("everything was there, nothing changed.\n")


def test_a_new_worker_replays_what_is_open_and_up_names_what_it_cannot_go_on_with(whole: Stack) -> None:
    kept = whole.home.run / "replay.done"
    first = json.loads(kept.read_text())
    assert (first["build"], first["said"]) == (build_digest(), "")
    by_hand = edgewright(whole, "replay")
    assert by_hand.returncode == 0, by_hand.stderr
    assert "open workflows replay with this build" in by_hand.stdout

    kept.write_text(json.dumps(first | {"said": "SiteOnboarding site/oslo-1/fabric: Nondeterminism error"}))
    assert "SiteOnboarding site/oslo-1/fabric" in edgewright(whole, "up").stdout
    kept.write_text(json.dumps(first))


@pytest.mark.parametrize("victim", PRODUCT)
def test_a_killed_process_of_the_product_comes_back_and_the_others_stay(whole: Stack, victim: str) -> None:
    before = pids(whole)
    killed = before.pop(victim)
    assert killed
    os.kill(killed, signal.SIGKILL)
    until(lambda: next(row.state for row in whole.status() if row.name == victim) is State.CRASHED)
    whole.up()
    after = pids(whole)
    assert after.pop(victim) not in (None, killed)
    assert after == before
    assert readiness(whole)["ready"] is True


def test_an_operation_goes_on_after_a_kill_of_every_process(whole: Stack, tmp_path: Path) -> None:
    # Addresses at which nobody answers: the operation blocks at its second step and waits for a person.
    file = tmp_path / "site.yaml"
    file.write_text(DECLARATION.read_text().replace("127.64.0.", "127.99.7."))
    for report in DECLARATION.parent.glob("one-ru.acceptance.json*"):
        shutil.copy(report, tmp_path)
    planned = edgewright(whole, "apply", "--yes", "--wait", "-f", str(file))
    assert planned.returncode == FAILED, "a plan waits for nobody: " + planned.stdout + planned.stderr
    operation = apply_without_a_plan(whole, "lab-one-ru")
    until(lambda: operation in edgewright(whole, "get", "operations", "--state", "blocked", "-o", "json").stdout)

    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and processes.works_in(int(entry.name), whole.home.root):
            os.kill(int(entry.name), signal.SIGKILL)
    whole.up()

    assert "Nothing answers at any of" in edgewright(whole, "why", operation).stdout
    # Its worker is another one now, and takes the answer: once more into the same wall, then the end.
    retried = edgewright(whole, "retry", operation, "--why", "after the power cut", "--wait")
    assert retried.returncode == BLOCKED, retried.stdout + retried.stderr
    given_up = edgewright(whole, "abandon", operation, "--why", "nobody there", "--wait")
    assert given_up.returncode == FAILED, given_up.stdout + given_up.stderr
    assert "nobody there" in edgewright(whole, "describe", operation).stdout
