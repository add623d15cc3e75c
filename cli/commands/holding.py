"""Holds and findings: stop disruptive work somewhere, let it go on, take note of a fact."""

from typing import Annotated

import typer

from cli.client import connect, quoted
from cli.commands.options import WhyOption
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.output import Output, OutputOption, say, show_data
from domain.access import Place, PlaceUnreadable


def hold(
    scope: Annotated[
        str, typer.Argument(help="fleet, region:NAME, site:NAME, site:NAME/rack:R or site:NAME/server:S.")
    ],
    why: WhyOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Holds a place: no disruptive step starts there, running operations stop at their next boundary."""
    try:
        place = Place.parse(scope)
    except PlaceUnreadable as error:
        raise CommandError(error.message, do=error.do, code=ExitCode.USAGE) from error
    made = connect().post("/v1/holds", {"place": place.model_dump(), "reason": why})
    if output is not Output.TABLE:
        show_data(made, output)
    else:
        say(f"{place} is held: {made['id']}. Let it go on: edgewright release {made['id']}")


def release(
    hold: Annotated[str, typer.Argument(metavar="HOLD")],
    why: Annotated[str, typer.Option("--why", help="Why it may go on; kept with the hold.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Releases a hold; what waits for it goes on."""
    released = connect().post(f"/v1/holds/{quoted(hold)}/release", {"why": why})
    if output is not Output.TABLE:
        show_data(released, output)
        return
    told = released.get("told", ())
    say(f"{hold} is released." + (f" Told: {', '.join(told)}." if told else ""))


def acknowledge(
    finding: Annotated[str, typer.Argument(metavar="FINDING")],
    note: Annotated[str, typer.Option("--note", "--why", help="What you know about it.")] = "",
) -> None:
    """Takes note of a finding: it stays until the check that saw it stops seeing it."""
    connect().post(f"/v1/findings/{quoted(finding)}/acknowledge", {"note": note})
    say(f"{finding} is acknowledged.")
