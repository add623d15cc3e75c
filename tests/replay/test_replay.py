"""What an older build began, this build finishes: every stored history replays on the workflows of today."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.e2e.marker import decoded_texts
from tests.replay.recording import HISTORIES, IDENTITY, SCENARIOS
from worker.running import WORKFLOWS
from worker.sandbox import workflow_runner

FILES = sorted(HISTORIES.glob("*.json.gz"))
PATHS = {"happy", "quarantined-then-retried", "cancelled", "blocked-then-skipped", "grown", "planned", "audited"}


def stored(file: Path) -> dict[str, Any]:
    return json.loads(gzip.decompress(file.read_bytes()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".json.gz"))
async def test_a_stored_history_replays(file: Path) -> None:
    document = stored(file)
    history = WorkflowHistory.from_json(document["id"], document["history"])
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)


def test_every_workflow_and_every_path_has_a_history() -> None:
    """Whoever adds a workflow records it: scripts/record-histories."""
    kinds = {file.name.split(".")[1] for file in FILES}
    assert {workflow.__name__ for workflow in WORKFLOWS} - kinds == set()
    recorded = {file.name.split(".")[0] for file in FILES}
    assert recorded == set(SCENARIOS)
    assert recorded >= PATHS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".json.gz"))
def test_a_stored_history_names_no_secret_and_no_machine(file: Path) -> None:
    document = stored(file)
    text = json.dumps(document)
    assert set(re.findall(r'"identity": "([^"]*)"', text)) <= {IDENTITY, ""}
    for decoded in decoded_texts(document):
        assert "EWSECRET" not in decoded
        assert "password" not in decoded.lower()
