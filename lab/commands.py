"""The commands that `lab` adds to `edgewright`."""

import typer

from lab.embedded import commands as embedded
from lab.virtual import commands as virtual


def register(app: typer.Typer) -> None:
    """Adds this package's commands to the command line."""
    embedded.register(app)
    virtual.register(app)
