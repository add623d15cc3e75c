"""The level where only cgroup v2 is mounted, as on most distributions of today: shown in a mount namespace that has nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
ONLY_V2 = 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
PROGRAM = """
import sys
from pathlib import Path
from lab.machines.facts import cgroup_mounts
from lab.virtual.options import Image
from tests.lab.machines.machine_fixtures import left_of, machines_site

assert [version for _, version in cgroup_mounts()] == [2]
with machines_site("one-ru", Path(sys.argv[1]), stick=Image.AGENT) as site:
    drives = site.options.home / "lab/sites/lab-one-ru/drives"
    site.wait_for_ssh("r1-s01")
    print(site.ssh("r1-s01", "systemctl is-system-running --wait; mkdir /sys/fs/cgroup/of-its-own").stdout)
    assert left_of(site.run_id, drives)["cgroups"]
assert left_of(site.run_id, drives) == {}, left_of(site.run_id, drives)
"""


def test_a_machine_runs_with_cgroup_v2_alone(machines_level: None, tmp_path: Path) -> None:
    command = ["unshare", "--mount", "sh", "-c", ONLY_V2, "sh", sys.executable, "-c", PROGRAM, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["running"]
