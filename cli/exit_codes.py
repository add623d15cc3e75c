"""What a script can tell from the exit code. Stable: a code never changes its meaning."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    ERROR = 1
    """Something went wrong that has no code of its own."""
    USAGE = 2
    """The command line itself is wrong."""
    REFUSED = 3
    """The request or the declaration is wrong; nothing was changed."""
    NOT_FOUND = 4
    UNAUTHORISED = 5
    """The token is missing, unknown, expired, or may not do this here."""
    CONFLICT = 6
    """Somebody else holds the lock, or changed the thing meanwhile."""
    PLAN_STALE = 7
    """The world, the plan or the declaration is not what was approved; nothing was changed."""
    BLOCKED = 8
    """The operation waits for a person: `edgewright why OPERATION`."""
    PARTIAL = 9
    """It ended and left findings: some servers are not in."""
    UNREACHABLE = 10
    """The API does not answer, or says that something behind it does not."""
    FAILED = 11
    """The operation ended without reaching its goal."""
    CANCELLED = 12
    """The operation was cancelled, or the person said no."""
    INVALID_EVIDENCE = 13
    """A bundle of evidence does not verify."""


_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "any other error",
    ExitCode.USAGE: "wrong command line",
    ExitCode.REFUSED: "refused: the request or declaration is wrong, nothing was changed",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.UNAUTHORISED: "token missing, unknown, expired, or not allowed to do this",
    ExitCode.CONFLICT: "conflict: a lock is taken, or somebody changed it meanwhile",
    ExitCode.PLAN_STALE: "plan stale: the world is not what was approved, nothing was changed",
    ExitCode.BLOCKED: "blocked: the operation waits for a person",
    ExitCode.PARTIAL: "partial: ended with findings, some servers are not in",
    ExitCode.UNREACHABLE: "the API, or something behind it, does not answer",
    ExitCode.FAILED: "the operation failed",
    ExitCode.CANCELLED: "cancelled",
    ExitCode.INVALID_EVIDENCE: "the evidence does not verify",
}


def meaning(code: ExitCode) -> str:
    return _MEANINGS[code]


EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in _MEANINGS.items()) + "."

OF_STATE = {
    "accepted": ExitCode.OK,
    "running": ExitCode.OK,
    "blocked": ExitCode.BLOCKED,
    "succeeded": ExitCode.OK,
    "partial": ExitCode.PARTIAL,
    "failed": ExitCode.FAILED,
    "refused": ExitCode.REFUSED,
    "cancelled": ExitCode.CANCELLED,
}
"""What `--wait` and `watch` end with."""
