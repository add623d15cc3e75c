"""What a person on night shift does with an operation: watch it, ask why it waits, answer it, stop it."""

from collections.abc import Callable, Collection
from typing import Annotated

import typer

from cli.client import ApiClient, connect, quoted
from cli.commands.options import OperationArgument, WaitOption, WhyOption
from cli.exit_codes import ExitCode
from cli.output import Output, OutputOption, console, say, show_data
from cli.watching import OPEN, exit_code, until, waits_of, watch

StepOption = Annotated[str, typer.Option("--step", help="Which step is meant, where several wait.")]


def watch_operation(operation: OperationArgument, output: OutputOption = Output.TABLE) -> None:
    """Shows an operation live until it ends; the exit code says how. Stopping to watch stops nothing else.

    With `-o json` or `yaml`: waits, and prints the operation as it ended.
    """
    api = connect()
    if code := _watched(api, operation, output, until_blocked=False):
        raise typer.Exit(code)


def _watched(
    api: ApiClient,
    operation: str,
    output: Output,
    *,
    until_blocked: bool,
    answered: Collection[tuple[str, str]] = (),
) -> ExitCode:
    """Followed with lines for people, or in silence with the resource at the end for programs."""
    if output is Output.TABLE:
        return watch(api, operation, until_blocked=until_blocked, answered=answered)
    resource = until(api, operation, until_blocked=until_blocked, answered=answered)
    show_data(resource, output)
    return exit_code(resource)


def why(operation: OperationArgument, output: OutputOption = Output.TABLE) -> None:
    """Says why an operation waits, since when, the last error, the next try, and what is safe to do."""
    answer = connect().get(f"/v1/operations/{quoted(operation)}/why")
    if output is not Output.TABLE:
        show_data(answer, output)
        return
    for sentence in answer["sentences"]:
        console().print(sentence, markup=False)
    if answer.get("choices"):
        say("Safe now: " + "; ".join(_command(operation, choice) for choice in answer["choices"]))


def _command(operation: str, choice: str) -> str:
    if choice == "release":
        return "edgewright release HOLD"
    return f'edgewright {choice} {operation} --why "…"'


def _answering(choice: str, help_text: str) -> Callable[..., None]:
    def answer(
        operation: OperationArgument,
        why: WhyOption = "",
        step: StepOption = "",
        wait: WaitOption = False,
        output: OutputOption = Output.TABLE,
    ) -> None:
        api = connect()
        waited = waits_of(api.get(f"/v1/operations/{quoted(operation)}")) if wait else set()
        taken = api.post(f"/v1/operations/{quoted(operation)}/{choice}", {"why": why, "step": step})
        follow = taken["operation"]
        if follow != operation:
            version = taken.get("declaration_version")
            by = f", by version {version} of the declaration" if version else ""
            say(f"{operation} has ended; what it left undone is retried as {follow}{by}.")
        else:
            say(f"{operation}: {choice} taken at {taken['step'] or 'its waiting step'}.")
        if wait:
            answered = {(key, since) for key, since in waited if key == (taken["step"] or key)}
            if code := _watched(api, follow, output, until_blocked=True, answered=answered):
                raise typer.Exit(code)
        elif output is not Output.TABLE:
            show_data(taken, output)
        else:
            say(f"Follow it: edgewright watch {follow}")

    answer.__doc__ = help_text
    return answer


approve = _answering("approve", "Lets an operation that waits at a gate go on.")
retry = _answering("retry", "Tries the blocked step again; of an ended operation, what it left undone, as a new one.")
skip = _answering("skip", "Leaves the blocked step out and goes on without it.")
abandon = _answering("abandon", "Gives the operation up; it ends clean.")


def cancel(
    operation: OperationArgument,
    why: WhyOption = "",
    wait: WaitOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Asks an operation to stop. It cleans up first and then ends as cancelled."""
    api = connect()
    asked = api.post(f"/v1/operations/{quoted(operation)}/cancel", {"why": why})
    say(f"{operation} is asked to stop.")
    if wait:
        if code := _watched(api, operation, output, until_blocked=False):
            raise typer.Exit(code)
    elif output is not Output.TABLE:
        show_data(asked, output)


def terminate(
    operation: OperationArgument,
    why: WhyOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Ends an operation at once, WITHOUT clean-up (admins). Cancel is almost always right instead."""
    if not yes:
        typer.confirm(f"Terminate {operation} without any clean-up?", abort=True, err=True)
    resource = connect().post(f"/v1/operations/{quoted(operation)}/terminate", {"why": why})
    say(
        f"{operation} is {resource['state']}." if resource["state"] not in OPEN else f"{operation} is being terminated."
    )
