"""Running the system's programs: found also where an ordinary PATH does not look, bounded, and loud when they fail."""

import subprocess
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal

from domain.errors import Transient
from lab.embedded.processes import clean_environment
from lab.machines.facts import path_with_sbin

TOOL_S = 30.0


class ToolFailed(Transient):
    """A program of the system refused; the message has its words."""

    kind = "tool-failed"


def environment(**own: str) -> dict[str, str]:
    return clean_environment({"PATH": path_with_sbin(), "LC_ALL": "C", **own})


def script(name: str) -> str:
    """The path of one of our shell scripts."""
    return str(files("lab.machines").joinpath("data", name))


def run(*command: str, timeout_s: float = TOOL_S) -> str:
    """Its standard output. Raises `ToolFailed`."""
    done = attempt(*command, timeout_s=timeout_s)
    if done.returncode != 0:
        raise ToolFailed(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def attempt(*command: str, timeout_s: float = TOOL_S) -> subprocess.CompletedProcess[str]:
    """The same where failing is an answer. Raises `ToolFailed` only if it cannot be run or does not end."""
    try:
        return subprocess.run(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailed(f"`{' '.join(command)}` could not be run: {error}") from error


def batch(namespace: str, commands: Sequence[str], tool: Literal["ip", "tc"] = "ip") -> None:
    """`ip` (or `tc`) commands inside a network namespace, in one process, up to the first that fails. Raises `ToolFailed`."""
    if not commands:
        return
    try:
        done = subprocess.run(
            [tool, "-n", namespace, "-batch", "-"],
            env=environment(),
            input="\n".join(commands) + "\n",
            capture_output=True,
            text=True,
            timeout=TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailed(f"`{tool} -batch` could not be run: {error}") from error
    if done.returncode != 0:
        raise ToolFailed(f"`{tool}` refused in {namespace}: {done.stderr.strip()[-400:]}")
