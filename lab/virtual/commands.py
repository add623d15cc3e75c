"""`edgewright lab`: the virtual edge site on the command line."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from domain.errors import EdgewrightError
from lab.virtual import running
from lab.virtual.options import ADMIN_PORT, POWER_ACTIONS, Image, LevelName, Options

lab = typer.Typer(help="The virtual edge site: start it, break it, mend it, look into it.", no_args_is_help=True)
fault = typer.Typer(help="The fault switchboard.", no_args_is_help=True)
lab.add_typer(fault, name="fault")

SiteName = Annotated[str, typer.Option("--site", help="Which site, where several run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(lab, name="lab")


def home() -> Path:
    """EDGEWRIGHT_HOME, as an absolute path."""
    return Path(os.environ.get("EDGEWRIGHT_HOME") or "~/.edgewright").expanduser().resolve()


def fail(error: EdgewrightError) -> NoReturn:
    """Ends the command with 1 and the error's message."""
    typer.echo(str(error), err=True)
    raise typer.Exit(1)


def _ask(site: str, method: str, path: str, body: Any = None) -> Any:
    try:
        return running.one(home(), site).call(method, path, body)
    except EdgewrightError as error:
        fail(error)


@lab.command()
def up(
    site_file: Annotated[Path, typer.Argument(help="What stands at the site, such as sites/one-rack.yaml.")],
    admin_port: Annotated[
        int, typer.Option(help="Loopback port of the lab's own interface; 0 picks one.")
    ] = ADMIN_PORT,
    address_offset: Annotated[int, typer.Option(help="Added to every device's address.")] = 0,
    time_factor: Annotated[float, typer.Option(help="Lab seconds per real second.")] = 1.0,
    redfish_port: Annotated[int | None, typer.Option(help="Instead of 443 (or 8443).")] = None,
    nvue_port: Annotated[int | None, typer.Option(help="Instead of 8765.")] = None,
    level: Annotated[
        LevelName, typer.Option(help="What stands behind the endpoints; see `lab doctor`.")
    ] = LevelName.SIM,
    stick: Annotated[
        Image | None, typer.Option(help="The image on a USB stick in every server from its first start.")
    ] = None,
) -> None:
    """Serves a site in the background. Running it again changes nothing."""
    where = (site_file.resolve(), home(), admin_port, address_offset, time_factor, redfish_port, nvue_port)
    options = Options(*where, level=level, stick=stick)
    try:
        site, started = running.start(options, lambda what: typer.echo(what, err=True))
    except EdgewrightError as error:
        fail(error)
    typer.echo(f"{site.name} {'is served' if started else 'was running already'}; its interface: {site.admin}")


@lab.command()
def down(site: Annotated[str, typer.Argument(help="Which site; by default all.")] = "") -> None:
    """Stops serving. What the devices keep stays."""
    for known in running.find(home()):
        if site in ("", known.name):
            running.stop(home(), known)
            typer.echo(f"{known.name} is stopped.")
    try:
        for site_name in running.clean_up():
            typer.echo(f"{site_name} had been killed; what was left of it is removed.")
    except EdgewrightError as error:
        fail(error)


@lab.command()
def status(site: SiteName = "", as_json: AsJson = False) -> None:
    """Shows the devices of the running site."""
    sites = running.find(home())
    for known in sites:
        if not known.alive:
            typer.echo(f"{known.name} was killed; start it again: edgewright lab up {known.site_file}", err=True)
    devices = _ask(site, "GET", "/devices")
    if as_json:
        typer.echo(json.dumps(devices, indent=2))
        return
    table = Table("device", "model", box=None)
    for column in ("address", "power", "W", "requests"):
        table.add_column(column, no_wrap=True)
    table.add_column("faults")
    for device in devices:
        power = device.get("power", "On") if device["listening"] else f"{device.get('power', '')} (not listening)"
        table.add_row(
            device["name"],
            device["model"],
            device["url"],
            power,
            str(device.get("power_w", "")),
            str(device["requests"]),
            ", ".join(device["faults"]),
        )
    Console().print(table)


@lab.command()
def log(
    device: str,
    site: SiteName = "",
    requests: Annotated[bool, typer.Option(help="The requests too, not only what changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows what a device noted about itself."""
    told = _ask(site, "GET", f"/devices/{device}/log")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for entry in told["changes"]:
        rest = {key: value for key, value in entry.items() if key not in ("id", "at", "what")}
        typer.echo(f"{entry['at']}  {entry.get('what', '')}  {json.dumps(rest)}")
    for entry in told["requests"] if requests else ():
        typer.echo(f"{entry['at']}  {entry['status']}  {entry['method']} {entry['path']}  {entry['user']}")


@lab.command()
def power(
    device: str,
    action: Annotated[str, typer.Argument(help="; ".join(f"{k}: {v}" for k, v in POWER_ACTIONS.items()))],
    site: SiteName = "",
) -> None:
    """A hand at the server: its power button, its cord."""
    told = _ask(site, "POST", f"/devices/{device}/power", {"action": action})
    typer.echo(f"{device}: {told['power']}")


@lab.command()
def stick(
    device: str,
    image: Annotated[Image | None, typer.Argument(help="What is on it; without it the stick is pulled out.")] = None,
    site: SiteName = "",
) -> None:
    """A hand at the server's USB port. What is in it counts at the next boot."""
    told = _ask(site, "POST", f"/devices/{device}/stick", {"image": image})
    typer.echo(f"{device}: {told['stick'] or 'no stick'}")


@lab.command()
def load(
    device: str, share: Annotated[float, typer.Argument(help="How busy the server is, 0 to 1.")], site: SiteName = ""
) -> None:
    """Lets a server work, so that it draws power."""
    told = _ask(site, "POST", f"/devices/{device}/load", {"load": share})
    typer.echo(f"{device}: {told['power_w']} W")


@fault.command("list")
def fault_list(site: SiteName = "", as_json: AsJson = False) -> None:
    """Shows every kind of fault and those that are seeded."""
    kinds, active = _ask(site, "GET", "/faults/kinds"), _ask(site, "GET", "/faults")
    if as_json:
        typer.echo(json.dumps({"kinds": kinds, "seeded": active}, indent=2))
        return
    table = Table("fault", "for", "what it does", "arguments", box=None)
    for kind in kinds:
        arguments = "\n".join(f"{name}: {text}" for name, text in kind["arguments"].items())
        table.add_row(kind["name"], ", ".join(kind["targets"]), kind["description"], arguments)
    Console().print(table)
    for seeded in active:
        rest = " ".join(f"{name}={value}" for name, value in seeded["arguments"].items())
        typer.echo(f"seeded: {seeded['id']}  {seeded['kind']} on {seeded['target']}  {rest}")


@fault.command("seed")
def fault_seed(
    kind: str,
    target: Annotated[str, typer.Argument(help="A device, or a port as device:port.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="name=value ...")] = None,
    times: Annotated[int | None, typer.Option(help="Mends itself after so many effects.")] = None,
    site: SiteName = "",
) -> None:
    """Breaks something."""
    pairs = [argument.partition("=") for argument in arguments or []]
    body = {"kind": kind, "target": target, "arguments": {name: value for name, _, value in pairs}, "times": times}
    told = _ask(site, "POST", "/faults", body)
    typer.echo(f"{told['id']}: {kind} on {target}")


@fault.command("mend")
def fault_mend(
    which: Annotated[str, typer.Argument(help="A fault's id, a device, or `all`.")], site: SiteName = ""
) -> None:
    """Repairs one fault, all of a device, or all."""
    active = _ask(site, "GET", "/faults")
    chosen = [f for f in active if which in ("all", f["id"], f["target"], f["kind"])]
    if not chosen:
        typer.echo(f"Nothing is seeded that fits {which}.", err=True)
        raise typer.Exit(1)
    for seeded in reversed(chosen):
        _ask(site, "DELETE", f"/faults/{seeded['id']}")
        typer.echo(f"mended: {seeded['kind']} on {seeded['target']}")
