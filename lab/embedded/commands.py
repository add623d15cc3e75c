"""`edgewright up | down | status | logs`."""

import json
import subprocess
from enum import StrEnum
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.embedded.home import Home
from lab.embedded.product import not_replaying
from lab.embedded.progress import shown
from lab.embedded.stack import ServiceStatus, Stack, State

STATE_STYLES = {State.READY: "green", State.UNREADY: "yellow", State.DOWN: "dim", State.CRASHED: "bold red"}


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(logs)


def up(
    services: Annotated[
        list[str] | None, typer.Argument(help="Only these services and what they need; by default all.")
    ] = None,
) -> None:
    """Starts Temporal, Postgres, Valkey, NetBox and Edgewright itself. Running it again starts only what is not running."""
    console = Console()
    home = Home.of()
    with shown(console) as progress:
        stack = Stack(home, progress=progress)
        stack.up(services or ())
    console.print()
    for row in stack.status():
        if row.state is State.READY and row.url.startswith("http"):
            console.print(f"{row.title:28}{row.url}", highlight=False, soft_wrap=True)
    if stuck := not_replaying(home):
        console.print(f"[bold yellow]Open operations of a former build:[/]\n{escape(stuck)}", highlight=False)
    where = f"Secrets are in {home.secrets} (NetBox: user admin, password in netbox-admin-password)"
    console.print(where, highlight=False, soft_wrap=True)


def down() -> None:
    """Stops everything that `up` started. State stays."""
    with shown(Console()) as progress:
        Stack(Home.of(), progress=progress).down()


def status(output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE) -> None:
    """Shows each service with state, process, memory and address. Ends with 1 if one is not ready."""
    rows = Stack(Home.of()).status()
    if output is Output.TABLE:
        Console().print(_table(rows))
    else:
        plain = [row.model_dump(mode="json") for row in rows]
        typer.echo(
            json.dumps(plain, indent=2) if output is Output.JSON else yaml.safe_dump(plain, sort_keys=False), nl=False
        )
        typer.echo()
    if any(row.state is not State.READY for row in rows):
        raise typer.Exit(1)


def logs(
    service: Annotated[str | None, typer.Argument(help="One service; by default all.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on showing what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 100,
) -> None:
    """Shows what the services wrote."""
    home = Home.of()
    known = [name for name in Stack(home).services() if home.log_of(name).exists()]
    if service and service not in known:
        typer.echo(f"There is no log of {service!r}. Logs: {', '.join(known) or 'none yet'}.", err=True)
        raise typer.Exit(2)
    files = [str(home.log_of(name)) for name in ([service] if service else known)]
    if not files:
        typer.echo("There are no logs yet. Run: edgewright up", err=True)
        raise typer.Exit(2)
    # -F: goes on with the new file after one has been rotated.
    raise typer.Exit(subprocess.call(["tail", "-n", str(lines), *(["-F"] if follow else []), *files]))


def _table(rows: list[ServiceStatus]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("service", "state", "pid", "since", "memory", "url"):
        table.add_column(heading, justify="right" if heading in ("pid", "memory") else "left", no_wrap=heading != "url")
    for row in rows:
        since = row.since.astimezone().strftime("%Y-%m-%d %H:%M:%S") if row.since else ""
        size = f"{row.pss / 2**20:.0f} MiB" if row.pss else ""
        table.add_row(row.name, f"[{STATE_STYLES[row.state]}]{row.state}[/]", str(row.pid or ""), since, size, row.url)
    total = sum(row.pss for row in rows)
    table.add_row("", "", "", "", f"{total / 2**20:.0f} MiB", "")
    return table
