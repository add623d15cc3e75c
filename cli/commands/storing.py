"""`secret`, `credentials`, `artifact`, `token`: what the API keeps. A password is read from a prompt or standard input, never from the
command line, where other users and the shell's history would see it."""

import hashlib
import mimetypes
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from cli.client import connect, quoted
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.output import Output, OutputOption, say, show_data, when
from domain.access import Place, PlaceUnreadable, Role

secrets = typer.Typer(
    name="secret", help="Secrets that declarations refer to; nobody can read one back.", no_args_is_help=True
)
credentials = typer.Typer(
    name="credentials", help="What opens a server's BMC or a switch; nobody can read one back.", no_args_is_help=True
)
artifacts = typer.Typer(name="artifact", help="Large things by their SHA-256.", no_args_is_help=True)
tokens = typer.Typer(name="token", help="Who may use the API (admins).", no_args_is_help=True)

DeviceArgument = Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="Such as oslo-1/r1-s01.")]
PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="Such as site/oslo-1/factory-bmc.")]


@secrets.command("put")
def put_secret(path: PathArgument, username: Annotated[str, typer.Option("--username", "-u")]) -> None:
    """Stores a user name and password. The password is asked for, or read from standard input."""
    connect().put(f"/v1/secrets/{quote(path)}", {"username": username, "password": _password()})
    say(f"{path} is stored.")


def _password() -> str:
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("No password was given.", do="Type it, or pipe it in.", code=ExitCode.USAGE)
    return password


@secrets.command("show")
def show_secret(path: PathArgument, output: OutputOption = Output.TABLE) -> None:
    """Says whether a secret is there and since when, never what it is."""
    found = connect().get(f"/v1/secrets/{quote(path)}")
    if output is not Output.TABLE:
        show_data(found, output)
    else:
        since = f" since {when(found.get('since'))} UTC" if found.get("since") else ""
        say(f"{path} is stored{since}." if found["exists"] else f"{path} is not stored.")
    if not found["exists"]:
        raise typer.Exit(ExitCode.NOT_FOUND)


@secrets.command("delete")
def delete_secret(path: PathArgument) -> None:
    """Forgets a secret."""
    connect().delete(f"/v1/secrets/{quote(path)}")
    say(f"{path} is forgotten.")


@credentials.command("set")
def set_credentials(device: DeviceArgument, username: Annotated[str, typer.Option("--username", "-u")]) -> None:
    """Enters the login that opens a device, where none that is known does; onboarding tries it first and replaces it by its own.

    The password is asked for, or read from standard input."""
    connect().put(_credentials_of(device), {"username": username, "password": _password()})
    say(f"The login of {device} is entered. Onboard its site, or retry the operation: it is tried first.")


@credentials.command("show")
def show_credentials(device: DeviceArgument, output: OutputOption = Output.TABLE) -> None:
    """Says whether a device is opened by a password of ours, never what it is."""
    found = connect().get(_credentials_of(device))
    if output is not Output.TABLE:
        show_data(found, output)
        return
    since = f" since {when(found.get('since'))} UTC" if found.get("since") else ""
    say(f"{device} has a password of ours{since}." if found["ours"] else f"{device} has no password of ours.")
    if found["pending"]:
        say("Another is on its way to the device: the next onboarding finds out which is right.")
    if found["entered"]:
        say("A login was entered: the next onboarding tries it first.")


def _credentials_of(device: str) -> str:
    site, slash, name = device.partition("/")
    if not (site and slash and name) or "/" in name:
        raise CommandError(f"{device!r} names no device.", do="Write SITE/DEVICE.", code=ExitCode.USAGE)
    return f"/v1/sites/{quoted(site)}/devices/{quoted(name)}/credentials"


@artifacts.command("put")
def put_artifact(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    media_type: Annotated[str, typer.Option(help="Guessed from the file's name if not given.")] = "",
) -> None:
    """Uploads a file and prints its SHA-256, by which declarations name it."""
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    kind = media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    connect().put_bytes(f"/v1/artifacts/{quoted(sha256)}", content, kind)
    sys.stdout.write(sha256 + "\n")


@artifacts.command("get")
def get_artifact(
    sha256: Annotated[str, typer.Argument()],
    to: Annotated[Path | None, typer.Option("--to", help="Write here instead of to standard output.")] = None,
) -> None:
    """Downloads an artifact and checks its hash."""
    content = connect().get_bytes(f"/v1/artifacts/{quoted(sha256)}")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CommandError("What arrived is not what was asked for: its hash differs.", code=ExitCode.INVALID_EVIDENCE)
    if to is None:
        sys.stdout.buffer.write(content)
    else:
        to.write_bytes(content)
        say(f"{to}: {len(content)} bytes.")


@tokens.command("create")
def create_token(
    label: Annotated[str, typer.Argument(help="Who or what it is for; shown wherever it acts.")],
    role: Annotated[Role, typer.Option()] = Role.VIEWER,
    scope: Annotated[str, typer.Option(help="fleet, region:NAME or site:NAME.")] = "fleet",
    days: Annotated[int | None, typer.Option(min=1, help="Expires after so many days.")] = None,
) -> None:
    """Creates a token and prints it. It is shown this once only: what is kept is its hash."""
    try:
        place = Place.parse(scope)
    except PlaceUnreadable as error:
        raise CommandError(error.message, do=error.do, code=ExitCode.USAGE) from error
    body = {"label": label, "role": role.value, "place": place.model_dump(), "expires_in_days": days}
    made = connect().post("/v1/tokens", body)
    if not made["secret"]:
        raise CommandError(
            f"{made['token']['id']} was created, but the answer with its secret was lost on the way.",
            do=f"Revoke it (edgewright token revoke {made['token']['id']}) and create another.",
        )
    say(f"{made['token']['id']} ({made['token']['role']}, {place}) is created. This is the only time it is shown:")
    sys.stdout.write(made["secret"] + "\n")


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id.")]) -> None:
    """Makes a token useless at once."""
    connect().post(f"/v1/tokens/{quoted(token)}/revoke", {})
    say(f"{token} is revoked.")


@tokens.command("list")
def list_tokens(output: OutputOption = Output.TABLE) -> None:
    """Lists tokens, never their secrets."""
    from cli.commands.getting import get

    get("tokens", site="", state="", of_kind="", severity="", limit=1000, output=output)
