"""Why a command ends early: a sentence for a person, what to do next, and the exit code for a script."""

from collections.abc import Sequence

from cli.exit_codes import ExitCode


class CommandError(Exception):
    def __init__(
        self, message: str, *, do: str = "", code: ExitCode = ExitCode.ERROR, lines: Sequence[str] = ()
    ) -> None:
        """`lines` are listed below the message: each wrong field of a file, for example."""
        self.message, self.do, self.code, self.lines = message, do, code, tuple(lines)
        super().__init__(message)


class Answered(CommandError):
    """The API answered with a problem. `kind` is the stable last word of its type."""

    def __init__(self, message: str, *, kind: str, status: int, do: str, code: ExitCode, lines: Sequence[str]) -> None:
        self.kind, self.status = kind, status
        super().__init__(message, do=do, code=code, lines=lines)
