"""Each activity that a workflow calls has a worker, on the queue that the workflow names."""

import ast
from pathlib import Path

import pytest

import workflows
from worker import wiring
from worker.settings import SettingsIncomplete, WorkerSettings
from worker.wiring import QueueUnknown, WiringIncomplete, activities_for, check_calls, registered
from workflows import calls
from workflows.activity import Activity

CALLS = {name: call for name, call in vars(calls).items() if isinstance(call, Activity)}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "MIGRATIONS_DATABASE_URL", "NETBOX_URL", "NETBOX_TOKEN_FILE"):
        monkeypatch.delenv(f"EDGEWRIGHT_{name}", raising=False)
    monkeypatch.setenv("EDGEWRIGHT_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("EDGEWRIGHT_ARTIFACTS_DIR", str(tmp_path / "artifacts"))


def queues_by_call() -> list[tuple[str, bool, str]]:
    """Every place in workflows/ that calls an activity: its constant, whether a queue is named, and where it stands."""
    found: list[tuple[str, bool, str]] = []
    for file in Path(workflows.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                named = any(keyword.arg == "queue" for keyword in node.keywords)
                found.append((node.func.id, named, f"{file.name}:{node.lineno}"))
    return found


def test_every_activity_that_workflows_call_is_registered() -> None:
    check_calls()


def test_workflows_name_a_queue_for_what_runs_at_devices_and_only_for_that() -> None:
    places = queues_by_call()
    assert len(places) > 10
    devices = registered(wiring.DEVICES)
    wrong = [where for constant, named, where in places if named is not (CALLS[constant].name in devices)]
    assert wrong == []


def test_a_call_without_an_activity_is_named() -> None:
    with pytest.raises(WiringIncomplete, match="polish_rack has no activity"):
        check_calls(wanted=frozenset({"polish_rack", "take_operation"}))


def test_an_activity_on_both_queues_is_named() -> None:
    both = frozenset({"take_operation"})
    with pytest.raises(WiringIncomplete, match="take_operation is on both queues"):
        check_calls(control=both, devices=both, wanted=both)


@pytest.mark.parametrize("queue", ["devices", "edge-oslo-3"])
def test_a_queue_at_devices_needs_no_netbox_and_no_postgres(queue: str) -> None:
    names = {activity.__name__ for activity in activities_for(queue, WorkerSettings())}
    assert names == registered(wiring.DEVICES)


def test_the_control_queue_says_what_is_not_set() -> None:
    with pytest.raises(SettingsIncomplete, match="EDGEWRIGHT_DATABASE_URL"):
        activities_for("control", WorkerSettings())


def test_an_unknown_queue_is_refused_with_those_that_exist() -> None:
    with pytest.raises(QueueUnknown, match=r"control, devices or edge-SITE"):
        activities_for("contol", WorkerSettings())
