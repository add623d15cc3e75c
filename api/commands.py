"""The commands that `api` adds to `edgewright`."""

import typer


def register(app: typer.Typer) -> None:
    """Adds this package's commands to the command line."""
    app.command("serve", rich_help_panel="Processes")(serve)


def serve() -> None:
    """Runs the API and the console until it is stopped. What it talks to is set by EDGEWRIGHT_… (see .env.example)."""
    # Loaded here: the command line has other commands, and these imports cost a second.
    from api.serving import serve_until_stopped

    serve_until_stopped()
