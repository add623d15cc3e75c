"""Options that several commands share, so that they are spelt and explained once."""

from typing import Annotated

import typer

WaitOption = Annotated[
    bool,
    typer.Option("--wait", help="Follow it until it ends or waits for a person; the exit code says how it stands."),
]
BehalfOption = Annotated[str, typer.Option("--on-behalf-of", help="For whom this is done; kept with the operation.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason; it is kept.", prompt="Why")]
SiteOption = Annotated[str, typer.Option("--site", help="Only this site.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
OperationArgument = Annotated[str, typer.Argument(metavar="OPERATION", help="Such as op-1d0k3ha9w2p4f.")]
