"""`evidence`: what was proved about machines, and the check that nobody changed it since, which needs no server."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.client import connect
from cli.commands.options import SiteOption
from cli.output import Output, OutputOption, say, show_data

evidence = typer.Typer(name="evidence", help="What was proved, and that nobody changed it since.", no_args_is_help=True)


@evidence.command("list")
def list_evidence(site: SiteOption = "", output: OutputOption = Output.TABLE) -> None:
    """Lists the entries of the ledger."""
    from cli.commands.getting import get

    get("evidence", site=site, state="", of_kind="", severity="", limit=1000, output=output)


@evidence.command("show")
def show_evidence(entry: Annotated[str, typer.Argument(metavar="ENTRY")], output: OutputOption = Output.YAML) -> None:
    """Shows one entry whole, as it was signed."""
    show_data(connect().get(f"/v1/evidence/{entry}"), output)


@evidence.command("export")
def export_evidence(
    site: Annotated[str, typer.Argument(help="Whose evidence.")],
    to: Annotated[Path | None, typer.Option("--to", help="Write here instead of to standard output.")] = None,
    public_key_to: Annotated[Path | None, typer.Option(help="Also write the public key here.")] = None,
) -> None:
    """Writes a site's whole chain as JSON lines, which `evidence verify` checks without any server."""
    api = connect()
    bundle = api.get_bytes(f"/v1/sites/{site}/evidence-bundle")
    if public_key_to is not None:
        public_key_to.write_text(api.get("/v1/evidence-key")["public_key"] + "\n", encoding="utf-8")
    if to is None:
        sys.stdout.buffer.write(bundle)
    else:
        to.write_bytes(bundle)
        say(f"{to}: {len(bundle.splitlines())} entries.")
