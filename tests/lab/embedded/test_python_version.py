"""An old Python, or another system, is refused in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.embedded.stack import PlatformUnsupported, require_platform

FIND_PYTHON = Path(__file__).parents[3] / "scripts" / "find-python"


def test_an_old_python_is_told_what_is_needed_and_how_to_name_another() -> None:
    with pytest.raises(PlatformUnsupported, match=r"needs Python 3\.12 or newer .* this is 3\.11") as refused:
        require_platform((3, 11))
    assert "EDGEWRIGHT_PYTHON=" in str(refused.value)


def test_this_python_on_linux_is_welcome() -> None:
    require_platform()


def test_another_system_is_refused() -> None:
    with pytest.raises(PlatformUnsupported, match="darwin"):
        require_platform((3, 13), "darwin")


def test_setup_on_a_machine_with_only_an_old_python_says_so_clearly(tmp_path: Path) -> None:
    (programs := tmp_path / "bin").mkdir()
    old = programs / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.11.2"\nexit 1\n')  # a version test that fails
    old.chmod(0o755)
    for name in ("bash", "env", "cat"):
        (programs / name).symlink_to(shutil.which(name) or name)
    bare = {"PATH": str(programs), "HOME": str(tmp_path)}
    done = subprocess.run([FIND_PYTHON], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Python 3.12 or newer" in done.stderr
    assert "EDGEWRIGHT_PYTHON=" in done.stderr


def test_a_python_named_by_hand_is_taken_first(tmp_path: Path) -> None:
    mine = tmp_path / "mypython"
    mine.write_text("#!/bin/sh\nexit 0\n")
    mine.chmod(0o755)
    environment = {**os.environ, "EDGEWRIGHT_PYTHON": str(mine)}
    assert subprocess.run(
        [FIND_PYTHON], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip() == str(mine)
