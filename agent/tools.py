"""Running the system's programs, and the errors that go out over the interface."""

import subprocess
from collections.abc import Sequence

TOOL_S = 120.0


class Refused(Exception):
    """The order cannot be carried out. `kind` is what the other side decides by."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status


class Failed(Exception):
    """The work was begun and ended badly; the message says what happened to what."""


def run(*command: str, timeout_s: float = TOOL_S) -> str:
    """Its standard output. Raises `Failed` with its last words."""
    done = attempt(command, timeout_s=timeout_s)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def attempt(command: Sequence[str], timeout_s: float = TOOL_S) -> subprocess.CompletedProcess[str]:
    """The same where failing is an answer."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
