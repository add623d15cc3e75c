"""`evidence`: what was proved about machines, and the check that nobody changed it since, which needs no server."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.client import connect, quoted
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.output import Output, OutputOption, say, show_data
from domain.evidence import PublicKeyUnreadable, Verification, verify_bundle

evidence = typer.Typer(name="evidence", help="What was proved, and that nobody changed it since.", no_args_is_help=True)


@evidence.command("list")
def list_evidence(
    site: Annotated[str, typer.Argument(help="Whose evidence.")], output: OutputOption = Output.TABLE
) -> None:
    """Lists the entries of a site's ledger, newest first."""
    from cli.commands.getting import get

    get("evidence", site=site, state="", of_kind="", severity="", limit=1000, output=output)


@evidence.command("show")
def show_evidence(entry: Annotated[str, typer.Argument(metavar="ENTRY")], output: OutputOption = Output.YAML) -> None:
    """Shows one entry whole, as it was signed."""
    show_data(connect().get(f"/v1/evidence/{quoted(entry)}"), output)


@evidence.command("export")
def export_evidence(
    site: Annotated[str, typer.Argument(help="Whose evidence.")],
    to: Annotated[Path | None, typer.Option("--to", help="Write here instead of to standard output.")] = None,
    public_key_to: Annotated[Path | None, typer.Option(help="Also write the public key here.")] = None,
) -> None:
    """Writes a site's whole chain as JSON lines, which `evidence verify` checks without any server."""
    api = connect()
    bundle = api.get_bytes(f"/v1/sites/{quoted(site)}/evidence-bundle")
    if public_key_to is not None:
        public_key_to.write_text(api.get("/v1/evidence-key")["public_key"] + "\n", encoding="utf-8")
    if to is None:
        sys.stdout.buffer.write(bundle)
    else:
        to.write_bytes(bundle)
        say(f"{to}: {len(bundle.splitlines())} entries.")


@evidence.command("verify")
def verify_evidence(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What `evidence export` wrote.")],
    public_key: Annotated[Path, typer.Option("--public-key", help="The file with the ledger's public key (hex).")],
    head: Annotated[str, typer.Option(help="A hash you saw before: it must still be in the chain.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Checks a bundle offline: every hash, the chain, every signature. Names the first entry that does not hold.

    Entries cut off at the end show only against a `--head` that you know, so keep the one this prints.
    """
    # Split at line feeds alone: other characters that end a line elsewhere would hide a change.
    lines = _bytes_of(bundle).split(b"\n")
    try:
        found = verify_bundle(lines, _bytes_of(public_key).decode("ascii", "replace"), head)
    except PublicKeyUnreadable as error:
        raise CommandError(f"{public_key}: {error.message}", do=error.do, code=ExitCode.USAGE) from error
    if output is not Output.TABLE:
        show_data(found.model_dump(mode="json") | {"good": found.good}, output)
    elif found.good:
        say(f"{bundle}: all {found.entries} entries hold. The head is {found.head}.")
        if not head:
            say("Whether the newest entries were cut off shows only against a head that you kept: --head HASH.")
    if not found.good:
        raise CommandError(_broken(bundle, found), do=_DO, code=ExitCode.INVALID_EVIDENCE)


_DO = "Do not rely on this entry or any after it: export again, compare, and ask who had the file in hand."


def _broken(bundle: Path, found: Verification) -> str:
    which = f"entry {found.broken}" + (f" ({found.entry})" if found.entry else "")
    before = f" The {found.entries} before it do." if found.entries else ""
    return f"{bundle}: {which} does not hold: {found.why}.{before}"


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", code=ExitCode.USAGE) from error
