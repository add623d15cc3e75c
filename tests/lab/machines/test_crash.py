"""The lab process is killed: whoever comes next finds nothing of it on this machine, and the servers' memory as it was."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.machines import runs
from lab.virtual import running
from lab.virtual.options import Image
from tests.lab.machines.machine_fixtures import MachinesSite, left_of, machines_site, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
NAME = "r1-s01"


def down(site: MachinesSite) -> None:
    for known in running.find(site.options.home):
        running.stop(site.options.home, known)
    running.clean_up()


def up_again(site: MachinesSite) -> None:
    site.process, started = running.start(site.options)
    assert started


@pytest.mark.parametrize("comes_next", [down, up_again])
def test_after_a_crash_nothing_is_left(
    machines_level: None, tmp_path: Path, comes_next: Callable[[MachinesSite], None]
) -> None:
    with machines_site("one-ru", tmp_path, stick=Image.AGENT) as site:
        drives = site.options.home / "lab/sites/lab-one-ru/drives"
        site.wait_for_ssh(NAME)
        killed = site.run_id
        assert set(left_of(killed, drives)) >= {"namespaces", "cgroups", "loop devices", "files", "processes", "mounts"}
        site.kill()
        comes_next(site)
        left = left_of(killed, drives)
        if comes_next is up_again:
            assert left.pop("loop devices")  # they are the new run's
        assert left == {}


def test_a_crash_while_machines_start_leaves_nothing(machines_level: None, tmp_path: Path) -> None:
    with machines_site("one-rack", tmp_path, stick=Image.AGENT) as site:
        drives = site.options.home / "lab/sites/lab-one-rack/drives"
        wait_until(lambda: len(list(runs.NAMESPACES.glob(f"ew{site.run_id}-r1-*"))) >= 2, "some machines start", 20)
        killed = site.run_id
        site.kill()
        down(site)
        assert left_of(killed, drives) == {}


def test_the_next_start_goes_on_with_the_power_boot_settings_and_disks_that_were(
    machines_level: None, tmp_path: Path
) -> None:
    with machines_site("one-ru", tmp_path, stick=Image.AGENT) as site:
        site.wait_for_ssh(NAME)
        site.ssh(NAME, "echo marker-1187 > /dev/nvme0n1; sync")
        site.kill()
        up_again(site)
        assert site.power_state(NAME) == "On"
        site.wait_for_ssh(NAME)
        assert "marker-1187" in site.ssh(NAME, "head -c 12 /dev/nvme0n1").stdout
        site.power(NAME, "off")
        site.wait_for_power(NAME, "Off")
        site.kill()
        up_again(site)
        assert site.power_state(NAME) == "Off"
        assert not site.answers(NAME)


def test_a_clean_up_leaves_living_sites_alone(machines_level: None, tmp_path: Path) -> None:
    with (
        machines_site("one-ru", tmp_path / "a", stick=Image.AGENT) as living,
        machines_site("one-rack", tmp_path / "b") as dead,
    ):
        living.wait_for_ssh(NAME)
        killed = dead.run_id
        dead.kill()
        running.clean_up()  # or somebody else's, if other labs come and go on this machine
        assert left_of(killed, dead.options.home / "lab/sites/lab-one-rack/drives") == {}
        assert living.answers(NAME)
        assert living.process.alive


def test_a_stop_by_signal_is_no_crash(machines_level: None, tmp_path: Path) -> None:
    with machines_site("one-ru", tmp_path, stick=Image.AGENT) as site:
        drives = site.options.home / "lab/sites/lab-one-ru/drives"
        site.wait_for_ssh(NAME)
        os.kill(site.process.record.pid, signal.SIGINT)
        wait_until(lambda: not site.process.alive, "the lab process ends", 15)
        assert left_of(site.run_id, drives) == {}
