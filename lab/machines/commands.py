"""`edgewright lab doctor | images | exec | ssh | console`: what the level `machines` adds to the lab's command line."""

import os
from enum import StrEnum
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.exit_codes import ExitCode
from domain.errors import EdgewrightError, Rejected
from lab.machines import doctor, images, packages, tools
from lab.machines.login import login_key, ssh_command
from lab.machines.runs import CONSOLE, FOLDER
from lab.virtual import running
from lab.virtual.commands import SiteName, fail, home
from lab.virtual.running import RunningSite
from lab.virtual.sitefile import Server


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


_PASSED_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}
"""What follows is the other program's."""


def register(lab: typer.Typer) -> None:
    lab.command("doctor")(examine)
    lab.command("images")(build)
    lab.command("exec", context_settings=_PASSED_ON)(run)
    lab.command("ssh", context_settings=_PASSED_ON)(login)
    lab.command("console")(console)


def examine(
    output: Annotated[Output, typer.Option("-o", "--output", help="How to print it.")] = Output.TABLE,
) -> None:
    """Says which levels of fidelity this machine allows, and what the others lack. Changes nothing."""
    diagnosis = doctor.look()
    if output is Output.JSON:
        typer.echo(diagnosis.model_dump_json(indent=2))
        return
    console = Console()
    levels = Table("level", "allowed", "why not", box=None)
    for verdict in diagnosis.verdicts:
        allowed = "[green]yes[/]" if verdict.allowed else "[red]no[/]"
        levels.add_row(
            verdict.level, allowed, escape("; ".join(f"{fact.name}: {fact.found}" for fact in verdict.lacks))
        )
    console.print(levels)
    looked_up = Table("looked up", "", "found", box=None)
    for fact in diagnosis.facts:
        remark = f" ({doctor.REMARKS[fact.name]})" if fact.name in doctor.REMARKS and not fact.ok else ""
        looked_up.add_row(fact.name, "[green]yes[/]" if fact.ok else "[red]no[/]", escape(fact.found + remark))
    console.print()
    console.print(looked_up)
    if diagnosis.install:
        console.print(f"\nWhat is missing comes with:\n  {diagnosis.install}", highlight=False, soft_wrap=True)


def build() -> None:
    """Builds the root file systems of machines, and installs the Debian packages that needs. Again it changes nothing.

    Ends with 3 (refused) where the machine does not allow the level.
    """
    try:
        packages.ensure(lambda what: typer.echo(what, err=True))
        for image, root in images.ensure(lambda what: typer.echo(what, err=True)).items():
            typer.echo(f"{image}: {root}")
    except doctor.Unavailable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.REFUSED) from None
    except EdgewrightError as error:
        fail(error)


def run(
    command: Annotated[list[str], typer.Argument(help="The command with its arguments, after `--`.")],
    site: SiteName = "",
) -> None:
    """Runs a command where the site can be reached: in the management namespace, which has no way out."""
    _become(["ip", "netns", "exec", _machines(site).namespace, *command])


def login(
    server: str,
    command: Annotated[list[str] | None, typer.Argument(help="Instead of a shell.")] = None,
    site: SiteName = "",
) -> None:
    """Logs in to the operating system that runs on a server, as root."""
    running_site = _machines(site)
    spec = _server(running_site, server)
    key = login_key(home() / "lab" / "sites" / running_site.name)
    _become(ssh_command(running_site.namespace, key, spec, command or []))


def console(
    server: str, follow: Annotated[bool, typer.Option(help="Goes on as it grows.")] = False, site: SiteName = ""
) -> None:
    """Shows what a server's console showed in this run, boot by boot."""
    running_site = _machines(site)
    shown = FOLDER / running_site.run / _server(running_site, server).name / CONSOLE
    if not shown.exists():
        fail(Rejected(f"{server} has not booted anything yet.", do=f"See: edgewright lab log {server}"))
    _become(["tail", "--lines=+1", *(["--follow"] if follow else []), str(shown)])


def _server(site: RunningSite, name: str) -> Server:
    spec = site.spec.server_by_name.get(name)
    if spec is None:
        fail(Rejected(f"{site.name} has no server {name}.", do="See: edgewright lab status"))
    return spec


def _machines(name: str) -> RunningSite:
    try:
        site = running.one(home(), name)
    except EdgewrightError as error:
        fail(error)
    if not site.namespace:
        fail(Rejected(f"{site.name} is served at level {site.level}: it has no machines.", do=_LEVEL))
    if os.geteuid() != 0:
        fail(Rejected("Only root may enter the lab's namespaces.", do="Run it as root."))
    return site


def _become(command: list[str]) -> NoReturn:
    os.execvpe(command[0], command, tools.environment())  # noqa: S606 (a list, never a shell)


_LEVEL = "Start it with machines: edgewright lab down, then edgewright lab up --level machines SITEFILE"
