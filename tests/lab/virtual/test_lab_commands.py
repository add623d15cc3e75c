"""`edgewright lab` as a person uses it, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.virtual import running
from tests.lab.virtual.site_fixtures import TestSite, running_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("commands")) as started:
        yield started


def edgewright(site: TestSite, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("edgewright")
    environment = {**os.environ, "EDGEWRIGHT_HOME": str(site.home), "COLUMNS": "200"}
    command = [str(program), "lab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_up_again_changes_nothing(site: TestSite) -> None:
    again, started = running.start(site.options)
    assert not started
    assert again.record.pid == site.process.record.pid


def test_status_lists_every_device(site: TestSite) -> None:
    told = json.loads(edgewright(site, "status", "--json").stdout)
    assert len(told) == 11
    assert all(device["listening"] for device in told)


def test_a_fault_is_seeded_listed_and_mended(site: TestSite) -> None:
    seeded = edgewright(site, "fault", "seed", "gpu-missing", "r1-s02", "part=GPU3")
    assert seeded.returncode == 0, seeded.stderr
    assert site.device("r1-s02")["gpus"] == 3
    listed = edgewright(site, "fault", "list")
    assert "gpu-missing on r1-s02  part=GPU3" in listed.stdout
    assert edgewright(site, "fault", "mend", "r1-s02").returncode == 0
    assert site.device("r1-s02")["gpus"] == 4
    assert edgewright(site, "fault", "mend", "r1-s02").returncode == 1


def test_a_fault_that_cannot_be_ends_with_1_and_says_why(site: TestSite) -> None:
    refused = edgewright(site, "fault", "seed", "bad-luck", "r1-s02")
    assert refused.returncode == 1
    assert "edgewright lab fault list" in refused.stderr


def test_power_and_log_tell_of_each_other(site: TestSite) -> None:
    assert edgewright(site, "power", "r1-s03", "off").returncode == 0
    assert '"to": "ForceOff", "by": "hand"' in edgewright(site, "log", "r1-s03").stdout


def test_an_address_that_is_taken_is_said_with_the_device(site: TestSite, tmp_path: Path) -> None:
    other = running.Options(**{**vars(site.options), "home": tmp_path})
    with pytest.raises(Exception, match="Cannot serve r1-s01 at"):
        running.start(other)


def test_down_leaves_no_process_and_a_second_down_is_quiet(tmp_path: Path) -> None:
    with running_site("one-ru", tmp_path) as site:
        assert "is stopped" in edgewright(site, "down").stdout
        assert not site.process.alive
        assert edgewright(site, "down").returncode == 0
        refused = edgewright(site, "status")
        assert refused.returncode == 1
        assert "edgewright lab up" in refused.stderr
