"""`edgewright lab doctor`: what it looks up, and what it makes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.machines import doctor, facts
from lab.machines.doctor import NEEDS, Fidelity
from lab.machines.facts import Fact

ALL = {name for needs in NEEDS.values() for name in needs} | set(doctor.REMARKS)
AS_NOBODY = """
import os, sys
import encodings.idna
from lab.commands import register
from lab.machines import doctor
import typer
app = typer.Typer()
register(app)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
app(sys.argv[1:])
"""


def found(*missing: str, package: str = "") -> list[Fact]:
    return [Fact(name=name, ok=name not in missing, found="x", package=package) for name in sorted(ALL)]


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_is_missing_takes_away_the_levels_that_need_it_and_no_other(name: str) -> None:
    diagnosis = doctor.judge(found(name))
    denied = {verdict.level for verdict in diagnosis.verdicts if not verdict.allowed}
    assert denied == {level for level, needs in NEEDS.items() if name in needs}


def test_a_missing_package_is_named_once_with_the_command() -> None:
    diagnosis = doctor.judge(found("ip", "tc", package="iproute2"))
    assert diagnosis.install == "apt-get install --no-install-recommends iproute2"
    with pytest.raises(doctor.Unavailable, match=r"ip: x; tc: x[^$]*apt-get install .* iproute2"):
        diagnosis.require(Fidelity.MACHINES)


def test_a_whole_machine_needs_nothing() -> None:
    diagnosis = doctor.judge(found())
    assert all(verdict.allowed for verdict in diagnosis.verdicts)
    assert diagnosis.install == ""
    diagnosis.require(Fidelity.QEMU)


def test_every_fact_a_level_needs_is_looked_up() -> None:
    assert {fact.name for fact in doctor.look().facts} >= ALL


def test_a_program_is_looked_up_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "path_with_sbin", lambda: str(tmp_path))
    assert facts.program("ip") == Fact(name="ip", ok=False, found="not installed", package="iproute2")
    (tmp_path / "ip").write_text("#!/bin/sh\n")
    (tmp_path / "ip").chmod(0o755)
    assert facts.program("ip").found == str(tmp_path / "ip")


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become an ordinary user; as one, the other tests show this"
)
def test_an_ordinary_user_is_told_what_root_is_needed_for() -> None:
    command = [sys.executable, "-c", AS_NOBODY, "lab", "doctor", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    allowed = {verdict["level"]: verdict["allowed"] for verdict in told["verdicts"]}
    assert allowed["sim"]
    assert not allowed["machines"]
    assert {"name": "root", "ok": False, "found": "user id 65534", "package": ""} in told["facts"]
