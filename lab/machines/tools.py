"""Running the system's programs: found also where an ordinary PATH does not look, bounded, and loud when they fail."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
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


def attempt(*command: str, timeout_s: float = TOOL_S, told: str = "") -> subprocess.CompletedProcess[str]:
    """The same where failing is an answer; `told`: its standard input. Raises `ToolFailed` only if it cannot be run or does not end."""
    try:
        return subprocess.run(
            command,
            env=environment(),
            input=told,
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
    done = attempt(tool, "-n", namespace, "-batch", "-", told="\n".join(commands) + "\n")
    if done.returncode != 0:
        raise ToolFailed(f"`{tool}` refused in {namespace}: {done.stderr.strip()[-400:]}")


async def begin(*command: str, environment: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    """Starts what lives on by itself, in a session of its own; all that it says is added to the log."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
