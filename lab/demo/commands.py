"""`edgewright demo`: starts everything, onboards a rack with two faults in it, explains and mends them, and retries."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.client import connect
from cli.commands.applying import made_plan, summary, upload
from cli.watching import watch
from domain.errors import EdgewrightError
from domain.plan import shown_hash
from lab.demo.story import FAULTS, Story, moved, site_files
from lab.embedded.home import Home
from lab.embedded.progress import shown
from lab.embedded.stack import Stack
from lab.virtual import running
from lab.virtual.options import ADMIN_PORT, Options
from lab.virtual.sitefile import load


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Run here")(demo)


def demo(
    pause: Annotated[bool, typer.Option(help="Wait for Enter before mending, so that you can look around.")] = False,
    admin_port: Annotated[
        int, typer.Option(help="Loopback port of the lab's own interface; 0 picks one.")
    ] = ADMIN_PORT,
    address_offset: Annotated[int, typer.Option(help="Added to every device's address, beside another lab.")] = 0,
) -> None:
    """Onboards a virtual rack while you watch: two faults are found, explained, mended and retried. Run it again at will."""
    try:
        _demo(pause, admin_port, address_offset)
    except EdgewrightError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


def _demo(pause: bool, admin_port: int, address_offset: int) -> None:
    out = Console(highlight=False, soft_wrap=True)
    home = Home.of()
    site_file, declaration = site_files("one-rack")

    _heading(out, 1, "Start the control plane and a virtual rack")
    with shown(out) as progress:
        stack = Stack(home, progress=progress)
        stack.up()
    lab, _ = running.start(Options(site_file, home.root, admin_port, address_offset))
    declaration = moved(declaration, address_offset, home.root / "lab" / declaration.name)
    out.print(
        f"{lab.name} is served: six servers, two leaves, an out-of-band switch, all speaking their own protocols."
    )

    story = Story(connect(), lab, load(site_file), out)
    story.store_factory_logins()
    story.wait_for_earlier_operations()

    _heading(out, 2, "Break two things before anybody looks")
    story.break_things()

    _heading(out, 3, "Declare the site, plan, and onboard it")
    for site in upload(story.api, [str(declaration)]):
        plan = made_plan(story.api, site)
        out.print(summary(plan))
        out.print(f"All of it: edgewright describe plan {shown_hash(plan['hash'])}")
        operation = story.apply(plan["hash"])
        watch(story.api, operation, until_blocked=True)

        _heading(out, 4, "What is wrong, where, and what to do")
        story.show_servers()
        story.explain(operation)

        _heading(out, 5, "Mend it in the lab, and retry")
        if pause:
            typer.prompt("Look around (console, NetBox, Temporal), then press Enter", default="", show_default=False)
        story.mend_things()
        watch(story.api, story.retry(operation), until_blocked=True)

    _heading(out, 6, "The rack")
    good = story.show_servers()
    _next_steps(out, stack, lab.name, declaration)
    if not good:
        raise typer.Exit(1)


def _heading(out: Console, number: int, text: str) -> None:
    out.print(f"\n[bold]{number}. {text}[/bold]")


def _next_steps(out: Console, stack: Stack, site: str, declaration: Path) -> None:
    urls = {row.name: row.url for row in stack.status()}
    secrets = stack.home.secrets
    out.print()
    out.print(f"Console      {urls['api']}/console/   sign in with the token in {secrets / 'api-admin-token'}")
    out.print(
        f"NetBox       {urls['netbox']}/dcim/devices/?site={site}   admin, password in {secrets / 'netbox-admin-password'}"
    )
    ui = next((url for name, url in urls.items() if name == "temporal"), "")
    out.print(f"Temporal UI  {ui}/namespaces/edgewright/workflows")
    out.print("\nIt goes on running. Try next:")
    for line in (
        "edgewright get servers",
        f"edgewright describe server {site}/r1-s04",
        f"edgewright plan -f {declaration}            # nothing left to change",
        f"edgewright lab fault seed {FAULTS[1].kind} r1-s05 part=GPU0; edgewright audit {site} --wait; edgewright get findings",
        "edgewright lab fault mend all",
        f'edgewright hold site:{site} --why "a look around"; edgewright release HOLD --why "seen"',
        "make down                                     # stops everything",
    ):
        out.print(f"  {line}")
    out.print("(`edgewright` is .venv/bin/edgewright in a checkout.)")
