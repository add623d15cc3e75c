"""The set-up of the tests of machines: what it says where the level is not allowed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AS_NOBODY = """
import os, sys
import encodings.idna
from lab.commands import register
import typer
app = typer.Typer()
register(app)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
app(["lab", "images"])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_images_end_with_a_code_of_its_own_where_the_level_is_not_allowed() -> None:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "This machine does not allow the level machines: root: user id 65534" in done.stderr


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (3, 0), (1, 1)])
def test_the_set_up_goes_on_without_the_level_and_not_without_its_images(tmp_path: Path, code: int, ends: int) -> None:
    script = tmp_path / "scripts/machines"
    script.parent.mkdir()
    script.write_bytes((ROOT / "scripts/machines").read_bytes())
    program = tmp_path / ".venv/bin/edgewright"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'said by $1 $2' >&2\nexit {code}\n".replace("$1 $2", '"$1 $2"'))
    program.chmod(0o755)
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == ends
    assert ("will be skipped" in done.stderr) == (code == 3)
    assert ("said by" in done.stderr) == (code != 0)
