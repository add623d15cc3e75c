"""The commands that `worker` adds to `edgewright`."""

import typer

PANEL = "Processes"


def register(app: typer.Typer) -> None:
    """Adds this package's commands to the command line."""
    app.command("worker", rich_help_panel=PANEL)(worker)
    app.command("bootstrap", rich_help_panel=PANEL)(bootstrap)
    app.command("replay", rich_help_panel=PANEL)(replay)


# Each loads what it needs when it is called: the command line has other commands, and these imports cost a second.


def worker() -> None:
    """Runs workflows and activities until it is stopped. Its queues and what it talks to are set by EDGEWRIGHT_… (see .env.example)."""
    from worker.leaving import run_and_leave
    from worker.working import work

    run_and_leave(work())


def bootstrap() -> None:
    """Makes what we need in Postgres, Temporal and NetBox, and says what it did. Running it again changes nothing."""
    from worker.bootstrap import bootstrap_from_environment
    from worker.leaving import run_and_leave

    run_and_leave(bootstrap_from_environment(typer.echo))


def replay() -> None:
    """Replays every open workflow with this build and names those that it cannot go on with. Changes nothing."""
    from worker.leaving import run_and_leave
    from worker.replaying import replay_from_environment

    run_and_leave(replay_from_environment(typer.echo))
