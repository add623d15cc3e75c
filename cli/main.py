"""`edgewright`: the command line. Loads each package's own commands through the entry-point group `edgewright.commands`."""

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

import typer
from rich.console import Console
from rich.text import Text

from cli.commands import applying, evidence, getting, holding, operating, storing
from cli.errors import CommandError
from cli.exit_codes import EPILOG, ExitCode
from domain.errors import EdgewrightError

app = typer.Typer(
    name="edgewright",
    help="Manages racks of GPU servers at many edge sites as one multi-tenant cloud.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_DECLARE, _OPERATE, _LOOK, _KEEP = "Declare and apply", "Operations", "Look", "Keep"
for command, name, panel in (
    (applying.plan, "plan", _DECLARE),
    (applying.apply, "apply", _DECLARE),
    (applying.audit, "audit", _DECLARE),
    (getting.get, "get", _LOOK),
    (getting.describe, "describe", _LOOK),
    (operating.watch_operation, "watch", _LOOK),
    (operating.why, "why", _LOOK),
    (operating.approve, "approve", _OPERATE),
    (operating.retry, "retry", _OPERATE),
    (operating.skip, "skip", _OPERATE),
    (operating.abandon, "abandon", _OPERATE),
    (operating.cancel, "cancel", _OPERATE),
    (operating.terminate, "terminate", _OPERATE),
    (holding.hold, "hold", _OPERATE),
    (holding.release, "release", _OPERATE),
    (holding.acknowledge, "ack", _OPERATE),
):
    app.command(name, rich_help_panel=panel)(command)
for group in (evidence.evidence, storing.secrets, storing.credentials, storing.artifacts, storing.tokens):
    app.add_typer(group, rich_help_panel=_KEEP)


def load_commands(app: typer.Typer) -> None:
    """Lets every installed package add its commands; `worker` and `serve` are absent where only the CLI is installed."""
    for entry_point in sorted(entry_points(group="edgewright.commands"), key=lambda e: e.name):
        entry_point.load()(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code. What we raise on purpose becomes sentences, never a traceback."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except CommandError as error:
        _explain(error.message, error.lines, error.do)
        return error.code
    except EdgewrightError as error:
        _explain(error.message, (), error.do)
        return ExitCode.ERROR
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return ExitCode.OK


def _explain(message: str, lines: Sequence[str], do: str) -> None:
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    out.print(Text("Error: ", style="bold red").append(message, style="none"))
    for line in lines:
        out.print(Text(f"  {line}"))
    if do:
        out.print(Text(do))


def main() -> None:
    load_commands(app)
    sys.exit(run())
