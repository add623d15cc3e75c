"""`plan`, `apply`, `audit`: from a file to an operation, with the plan shown before anything changes."""

import sys
from typing import Annotated, Any

import typer

from cli.acceptance_report import with_report_uploaded
from cli.client import ApiClient, connect, quoted
from cli.commands.options import BehalfOption, WaitOption
from cli.documents import Document, read
from cli.errors import Answered, CommandError
from cli.exit_codes import ExitCode
from cli.output import Output, OutputOption, console, say, show_data
from cli.plan_view import plan_lines, summary
from cli.watching import OPEN, exit_code, follow, watch
from domain.site import SiteDeclaration

FilesOption = Annotated[
    list[str], typer.Option("--file", "-f", help="YAML file of Sites and ServerClasses; - is stdin.")
]


def plan(files: FilesOption, output: OutputOption = Output.TABLE) -> None:
    """Uploads the declarations and shows what an apply would change. Changes nothing at the sites."""
    api = connect()
    plans = [made_plan(api, site) for site in upload(api, files)]
    if output is not Output.TABLE:
        show_data(plans, output)
        return
    for made in plans:
        _show(made)
        if made["changes"] or made["deferred"]:
            say(f"Apply exactly this: edgewright apply -f {files[0]} --plan-hash {made['hash']}")


def apply(
    files: FilesOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    plan_hash: Annotated[str, typer.Option(help="Apply only if the plan still is this one (one site).")] = "",
    wait: WaitOption = False,
    on_behalf_of: BehalfOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Uploads the declarations, shows the plan, asks, and applies exactly that plan."""
    api = connect()
    sites = upload(api, files)
    if plan_hash and len(sites) != 1:
        raise CommandError("--plan-hash names one site's plan.", do="Give a file with one Site.", code=ExitCode.USAGE)
    if not sites:
        say("The server classes are stored. A Site document would be applied.")
        return
    operations = [_apply(api, site, yes, plan_hash, on_behalf_of) for site in sites]
    started = [operation for operation in operations if operation]
    _finish(api, started, wait, output)


def audit(
    site: Annotated[str, typer.Argument(help="The site to look at.")],
    wait: WaitOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Compares declaration, NetBox and devices, and reports drift as findings. Changes nothing."""
    api = connect()
    _finish(api, [api.post(f"/v1/sites/{quoted(site)}/audit", {})], wait, output)


def upload(api: ApiClient, files: list[str]) -> list[str]:
    """Stores every declaration that is new or changed, classes first. Returns the sites in the order of the files."""
    sites: list[str] = []
    for document in read(files):
        _upload(api, document)
        if isinstance(document.declared, SiteDeclaration):
            sites.append(document.declared.name)
    return sites


def _upload(api: ApiClient, document: Document) -> None:
    declared = document.declared
    if isinstance(declared, SiteDeclaration):
        declared = with_report_uploaded(api, document, declared)
    path = f"/v1/{'sites' if isinstance(declared, SiteDeclaration) else 'server-classes'}/{quoted(declared.name)}"
    try:
        _, etag = api.get_with_etag(path)
    except Answered as answer:
        if answer.status != 404:
            raise
        etag = ""
    try:
        stored, _ = api.put(path, declared.model_dump(mode="json", by_alias=True, exclude_unset=True), etag)
    except Answered as answer:
        if not answer.lines:
            raise
        lines = [f"{document.place}, {line}" for line in answer.lines]
        raise CommandError(answer.message, do=answer.do, code=answer.code, lines=lines) from answer
    say(
        f"{declared.kind} {declared.name}: version {stored['version']}{' (unchanged)' if stored.get('unchanged') else ''}"
    )


def made_plan(api: ApiClient, site: str) -> dict[str, Any]:
    """Runs a planning operation to its end and returns the plan. One that waits for a person is left waiting."""
    operation = api.post(f"/v1/sites/{quoted(site)}/plan", {})
    say(f"Planning {site}: {operation['id']}")
    name = operation["id"]
    for operation in follow(api, name):
        if operation["state"] == "blocked":
            raise CommandError(
                f"{site} cannot be planned yet: " + "; ".join(wait["reason"] for wait in operation["waiting"]),
                do=f'When it is mended: edgewright retry {name} --why "…" (or abandon), then once more from the start.',
                code=ExitCode.BLOCKED,
            )
    if operation["state"] != "succeeded":
        outcome = operation.get("outcome") or {}
        raise CommandError(
            f"{site} could not be planned: {outcome.get('reason') or operation['state']}",
            do=outcome.get("do") or f"edgewright why {operation['id']}",
            code=exit_code(operation),
            lines=outcome.get("details", ()),
        )
    if not operation["plan_hash"]:
        raise CommandError(
            f"{operation['id']} ended without a plan.", do=f"edgewright describe operation {operation['id']}"
        )
    return api.get(f"/v1/plans/{operation['plan_hash']}")


def _apply(api: ApiClient, site: str, yes: bool, plan_hash: str, on_behalf_of: str) -> dict[str, Any]:
    chosen = plan_hash
    if not chosen:
        made = _plan_if_possible(api, site, yes)
        if made is None:
            return _applied(api, site, "", on_behalf_of)
        _show(made)
        # An empty plan is applied too: what only deferred stages and findings bring is found by running it.
        if not yes and not _agreed(site, made):
            raise CommandError(f"{site} is left as it is.", code=ExitCode.CANCELLED)
        chosen = made["hash"]
    return _applied(api, site, chosen, on_behalf_of)


def _plan_if_possible(api: ApiClient, site: str, yes: bool) -> dict[str, Any] | None:
    """None: this API cannot plan, and --yes agrees to whatever is needed that destroys nothing."""
    try:
        return made_plan(api, site)
    except Answered as answer:
        if answer.kind != "operation-kind-unknown" or not yes:
            raise
        say("No plan can be shown: " + answer.message)
        return None


def _applied(api: ApiClient, site: str, plan_hash: str, on_behalf_of: str) -> dict[str, Any]:
    operation = api.post(f"/v1/sites/{quoted(site)}/apply", {"plan_hash": plan_hash, "on_behalf_of": on_behalf_of})
    say(f"Applying {site}: {operation['id']}")
    return operation


def _agreed(site: str, made: dict[str, Any]) -> bool:
    if not sys.stdin.isatty():
        raise CommandError(
            f"Nobody can be asked whether to apply this to {site}.",
            do=f"Read the plan, then: edgewright apply … --plan-hash {made['hash']}, or --yes",
            code=ExitCode.USAGE,
        )
    return typer.confirm(f"Apply this to {site}?", err=True)


def _show(made: dict[str, Any]) -> None:
    out = console()
    for line in plan_lines(made):
        out.print(line)


def _finish(api: ApiClient, operations: list[dict[str, Any]], wait: bool, output: Output) -> None:
    """Shows what was started; with --wait follows each and leaves with the worst exit code."""
    code = ExitCode.OK
    if wait:
        codes = [watch(api, operation["id"], until_blocked=True) for operation in operations]
        code = max(codes, default=ExitCode.OK)
        operations = [api.get(f"/v1/operations/{operation['id']}") for operation in operations]
    if output is not Output.TABLE:
        show_data(operations, output)
    elif not wait:
        for operation in operations:
            if operation["state"] in OPEN:
                say(f"Follow it: edgewright watch {operation['id']}")
            sys.stdout.write(operation["id"] + "\n")
    if code:
        raise typer.Exit(code)


__all__ = ["apply", "audit", "made_plan", "plan", "summary", "upload"]
