"""Options that several commands share, so that they are spelt and explained once."""

import sys
from typing import Annotated

import typer

from cli.errors import CommandError
from cli.exit_codes import ExitCode


def _reason(context: typer.Context, given: str) -> str:
    """Asked for where somebody can answer; a script is told what it left out."""
    if given.strip() or context.resilient_parsing:
        return given
    if sys.stdin.isatty():
        return typer.prompt("Why", err=True)
    raise CommandError(
        "--why is missing: the reason is kept with what is done.",
        do=f'Say it: edgewright {context.info_name} … --why "…"',
        code=ExitCode.USAGE,
    )


WaitOption = Annotated[
    bool,
    typer.Option("--wait", help="Follow it until it ends or waits for a person; the exit code says how it stands."),
]
BehalfOption = Annotated[str, typer.Option("--on-behalf-of", help="For whom this is done; kept with the operation.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason; it is kept.", callback=_reason, show_default=False)]
SiteOption = Annotated[str, typer.Option("--site", help="Only this site.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
OperationArgument = Annotated[str, typer.Argument(metavar="OPERATION", help="Such as op-1d0k3ha9w2p4f.")]
