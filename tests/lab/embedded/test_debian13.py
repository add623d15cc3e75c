"""The same system on Debian 13, started by an ordinary user with Debian's own Python 3.13."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
IN_DEBIAN_13 = CHECKOUT / "scripts" / "debian13"

pytestmark = [
    pytest.mark.debian13,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.getuid() != 0, reason="making a root file system needs root"),
    pytest.mark.skipif(not shutil.which("mmdebstrap"), reason="mmdebstrap is missing: apt-get install mmdebstrap"),
]

INSTALL_NETBOX = (
    "from pathlib import Path; from lab.embedded import netbox_environment as n; n.ensure(Path('/tmp/log'))"
)
SCENARIO = r"""
set -u
export PATH=~/edgewright/.venv/bin:$PATH
rm -rf ~/.edgewright
edgewright up; echo "first up: $?"
edgewright status -o json > /tmp/first.json
edgewright up; echo "second up: $?"
edgewright status -o json > /tmp/second.json
for file in /proc/[0-9]*/cwd; do case $(readlink $file) in "$HOME"/.edgewright*) kill -9 $(basename $(dirname $file));; esac; done
edgewright up; echo "up after kill -9: $?"
edgewright status -o json > /tmp/third.json
edgewright demo > /tmp/demo; echo "demo: $?"; tail -60 /tmp/demo
edgewright lab down; echo "lab down: $?"
ls -lR ~/.edgewright/secrets
edgewright down; echo "down: $?"
echo "left: $(readlink /proc/[0-9]*/cwd | grep -c '[.]edgewright')"
find ~/.edgewright -type s
echo ===
cat /tmp/first.json; echo ===; cat /tmp/second.json; echo ===; cat /tmp/third.json
"""


def test_an_ordinary_user_on_debian_13_starts_kills_restarts_and_stops_it_and_onboards_the_rack_without_a_network() -> (
    None
):
    subprocess.run([IN_DEBIAN_13, "make", "setup"], check=True)
    subprocess.run([IN_DEBIAN_13, ".venv/bin/python", "-c", INSTALL_NETBOX], check=True)
    done = subprocess.run(
        [IN_DEBIAN_13, "--offline", "bash", "-c", SCENARIO], capture_output=True, text=True, check=False
    )
    said, *reports = done.stdout.split("===")
    for step in (
        "first up: 0",
        "second up: 0",
        "up after kill -9: 0",
        "demo: 0",
        "lab down: 0",
        "down: 0",
        "left: 0\n===",
    ):
        assert step in done.stdout, done.stdout + done.stderr
    first, second, third = ({row["name"]: row for row in json.loads(report)} for report in reports)
    for name in ("postgres", "valkey", "temporal", "netbox", "worker", "api"):
        assert first[name]["state"] == second[name]["state"] == third[name]["state"] == "ready"
        assert first[name]["pid"] == second[name]["pid"] != third[name]["pid"]
    secrets = re.findall(r"^(-\S{9}).*-(?:token|password|key|pepper)$", said, re.MULTILINE)
    assert len(secrets) >= 5
    assert set(secrets) == {"-rw-------"}
