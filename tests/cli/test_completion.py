"""Completion as a shell asks for it: the installed command, with the question in its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")
QUESTIONS = {
    "bash": lambda words: {"_EDGEWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
    "zsh": lambda words: {"_EDGEWRIGHT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {
        "_EDGEWRIGHT_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": words,
    },
}  # fmt: skip


def ask(shell: str, words: str) -> str:
    environment = dict(os.environ) | QUESTIONS[shell](words)
    return subprocess.run([EDGEWRIGHT], env=environment, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("shell", sorted(QUESTIONS))
def test_commands_and_kinds_are_completed(shell: str) -> None:
    assert "describe" in ask(shell, "edgewright des")
    assert "serve" in ask(shell, "edgewright ser"), "the commands that packages add are completed too"
    said = ask(shell, "edgewright get s")
    assert all(kind in said for kind in ("sites", "servers", "switches", "systems"))
    assert "findings" not in said


@pytest.mark.parametrize(("shell", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_it_installs_itself(shell: str, file: str, tmp_path: Path) -> None:
    """Asked from the shell itself, as a person does: that is how the shell is recognised."""
    runs = subprocess.run(["sh", "-c", f"command -v {shell}"], capture_output=True, check=False)
    if runs.returncode:
        pytest.skip(f"no {shell} here")
    environment = dict(os.environ) | {"HOME": str(tmp_path)}
    script = f"'{EDGEWRIGHT}' --install-completion; echo left with $?"
    ran = subprocess.run([shell, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert "left with 0" in ran.stdout, ran.stderr
    installed = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert "_EDGEWRIGHT_COMPLETE" in installed
    assert (tmp_path / file).exists()
