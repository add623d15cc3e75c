"""`edgewright`: the command line. Loads each package's own commands through the entry-point group `edgewright.commands`."""

from importlib.metadata import entry_points

import typer

app = typer.Typer(
    name="edgewright",
    help="Manages racks of GPU servers at many edge sites as one multi-tenant cloud.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def load_commands(app: typer.Typer) -> None:
    """Lets every installed package add its commands; `worker` and `serve` are absent where only the CLI is installed."""
    for entry_point in sorted(entry_points(group="edgewright.commands"), key=lambda e: e.name):
        entry_point.load()(app)


def main() -> None:
    load_commands(app)
    app()
