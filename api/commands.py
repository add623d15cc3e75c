"""The commands that `api` adds to `edgewright`."""

import typer


def register(app: typer.Typer) -> None:
    """Adds this package's commands to the command line."""
