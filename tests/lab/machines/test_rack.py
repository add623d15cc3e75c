"""A rack of machines on one machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.machines import network
from lab.virtual.options import Image
from tests.lab.machines.machine_fixtures import MachinesSite, left_of, machines_site

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
SERVERS = [f"r1-s0{number}" for number in range(1, 7)]


def edgewright(site: MachinesSite, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("edgewright")
    environment = {**os.environ, "EDGEWRIGHT_HOME": str(site.options.home), "COLUMNS": "200"}
    return subprocess.run(
        [str(program), "lab", *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_six_servers_answer_each_a_system_of_its_own(rack: MachinesSite) -> None:
    rack.wait_for_ssh(*SERVERS)
    assert [rack.ssh(server, "hostname").stdout.strip() for server in SERVERS] == SERVERS
    keys = {rack.ssh(server, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout for server in SERVERS}
    assert len(keys) == 6
    assert len({rack.ssh(server, "cat", "/etc/machine-id").stdout for server in SERVERS}) == 6


def test_each_server_has_the_drives_of_its_model(rack: MachinesSite) -> None:
    rack.wait_for_ssh("r1-s01", "r1-s05")
    assert len(rack.ssh("r1-s01", "ls /dev/nvme*").stdout.split()) == 4
    assert len(rack.ssh("r1-s05", "ls /dev/nvme*").stdout.split()) == 2


def test_the_management_network_leads_to_no_other_server(rack: MachinesSite) -> None:
    rack.wait_for_ssh("r1-s01", "r1-s02")
    other = network.host_address(rack.process.spec.server_by_name["r1-s02"])
    reached = rack.ssh("r1-s01", f"ping -c 2 -W 1 {other}", check=False)
    assert "100% packet loss" in reached.stdout
    assert rack.ssh("r1-s01", f"ping -c 1 -W 1 {network.MANAGEMENT}").returncode == 0


def test_killing_one_machine_leaves_the_others(rack: MachinesSite) -> None:
    rack.wait_for_ssh(*SERVERS[:3])
    rack.power("r1-s02", "off")
    rack.wait_for_power("r1-s02", "Off")
    assert not rack.answers("r1-s02")
    assert rack.answers("r1-s01")
    assert rack.answers("r1-s03")


def test_a_person_logs_in_and_looks_around(rack: MachinesSite) -> None:
    rack.wait_for_ssh("r1-s03")
    assert edgewright(rack, "ssh", "r1-s03", "hostname").stdout == "r1-s03\n"
    assert edgewright(rack, "ssh", "r1-s03", "exit 7").returncode == 7
    assert "127.64.1.1:8765" in edgewright(rack, "exec", "--", "ss", "-Hltn").stdout
    assert "Multi-User System" in edgewright(rack, "console", "r1-s03").stdout
    refused = edgewright(rack, "ssh", "r1-s77")
    assert refused.returncode == 1
    assert "has no server r1-s77" in refused.stderr


def test_down_takes_every_machine_with_it(machines_level: None, tmp_path: Path) -> None:
    with machines_site("one-ru", tmp_path, stick=Image.AGENT) as site:
        drives = site.options.home / "lab/sites/lab-one-ru/drives"
        site.wait_for_ssh("r1-s01")
        there = left_of(site.run_id, drives)
        assert set(there) == {"namespaces", "cgroups", "loop devices", "files", "processes", "mounts"}
        assert "is stopped" in edgewright(site, "down").stdout
        assert left_of(site.run_id, drives) == {}
        assert len(list(drives.iterdir())) == 2
