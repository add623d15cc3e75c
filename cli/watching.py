"""Follows an operation until it ends or needs a person: live lines on a terminal, one line per change in a pipe. A lost
connection is taken up again; the stream begins with the whole resource, so nothing in between can be missed."""

import json
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import httpx
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.client import ApiClient, quoted
from cli.errors import CommandError
from cli.exit_codes import OF_STATE, ExitCode
from cli.output import cell, console, say, when

OPEN = frozenset({"accepted", "running", "blocked"})
GIVE_UP_AFTER = 60
"""Connections in a row that failed, one a second, before watching gives up. The operation itself goes on."""
_MARKS = {"done": "✓", "running": "▸", "waiting": "⏸", "failed": "✗", "skipped": "↷", "pending": "·"}
_SERVERS_SHOWN = 40
type Stops = Callable[[Mapping[str, Any]], bool]


def follow(api: ApiClient, operation: str) -> Iterator[dict[str, Any]]:
    """The operation's resource each time it changes, the last time ended. Reconnects."""
    last_id, failures = "", 0
    while True:
        try:
            for event, identity, data in api.stream(f"/v1/operations/{quoted(operation)}/events", last_id):
                last_id, failures = identity, 0
                if event == "operation":
                    resource = json.loads(data)
                    yield resource
                    if resource["state"] not in OPEN:
                        return
        except httpx.HTTPError as error:
            failures += 1
            if failures > GIVE_UP_AFTER:
                raise CommandError(
                    f"The API at {api.url} does not answer any more; {operation} goes on without being watched.",
                    do=f"Look again later: edgewright watch {operation}",
                    code=ExitCode.UNREACHABLE,
                ) from error
        time.sleep(1 if failures else 0.2)


def watch(
    api: ApiClient, operation: str, *, until_blocked: bool, answered: Collection[tuple[str, str]] = ()
) -> ExitCode:
    """Shows the operation until it ends, or stands still for a person if `until_blocked`. Returns what scripts get.

    `answered`: waits (key and since) that were just answered: the row may show them for a moment longer.
    """
    show = _watch_live if sys.stdout.isatty() else _watch_lines
    resource = show(api, operation, partial(_stops, until_blocked, answered))
    _say_how_it_stands(resource)
    return exit_code(resource)


def until(
    api: ApiClient, operation: str, *, until_blocked: bool, answered: Collection[tuple[str, str]] = ()
) -> dict[str, Any]:
    """The same without a word: the resource as it is when it ends, or stands still."""
    resource: dict[str, Any] = {}
    for resource in follow(api, operation):
        if _stops(until_blocked, answered, resource):
            break
    return resource


def exit_code(resource: Mapping[str, Any]) -> ExitCode:
    outcome = resource.get("outcome") or {}
    if resource["state"] == "refused":
        stale = {"plan-stale": ExitCode.PLAN_STALE, "lock-taken": ExitCode.CONFLICT}
        return stale.get(outcome.get("kind", ""), ExitCode.REFUSED)
    return OF_STATE[resource["state"]]


def waits_of(resource: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(wait["key"], wait["since"]) for wait in resource.get("waiting", ())}


def _stops(until_blocked: bool, answered: Collection[tuple[str, str]], resource: Mapping[str, Any]) -> bool:
    if resource["state"] not in OPEN:
        return True
    stands = resource["state"] == "blocked" and not (answered and waits_of(resource) <= set(answered))
    return until_blocked and stands


def _watch_lines(api: ApiClient, operation: str, stops: Stops) -> dict[str, Any]:
    """Plain lines: one for each step, server or wait that changed."""
    seen: dict[str, str] = {}
    resource: dict[str, Any] = {}
    for resource in follow(api, operation):
        for key, line in _lines(resource):
            if seen.get(key) != line:
                seen[key] = line
                sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if stops(resource):
            break
    return resource


def _lines(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = resource["id"]
    for step in resource.get("steps", ()):
        if step["state"] != "pending":
            detail = f": {step['detail']}" if step.get("detail") else ""
            yield f"step {step['key']}", f"{name} {step['state']} {step['title']}{_count(step)}{detail}"
    for server in resource.get("servers", ()):
        reasons = f": {'; '.join(server['reasons'])}" if server.get("reasons") else ""
        yield f"server {server['server']}", f"{name} {server['server']} {server['state']} {server['step']}{reasons}"
    for wait in resource.get("waiting", ()):
        choices = f" [{', '.join(wait['choices'])}]" if wait.get("choices") else ""
        yield f"wait {wait['key']}", f"{name} waits at {wait['step']}: {wait['reason']}{choices}"
    yield "state", f"{name} is {resource['state']}"


def _watch_live(api: ApiClient, operation: str, stops: Stops) -> dict[str, Any]:
    resource: dict[str, Any] = {}
    with Live(Text(f"{operation}: connecting …"), console=console(), refresh_per_second=4) as live:
        for resource in follow(api, operation):
            live.update(_picture(resource))
            if stops(resource):
                break
    return resource


def _picture(resource: Mapping[str, Any]) -> Group:
    head = Text(
        f"{resource.get('title') or resource['kind']} · {resource['target']} · {resource['id']} · ", style="bold"
    )
    parts: list[Any] = [head.append_text(cell(resource["state"]))]
    steps = Table(box=None, show_header=False, pad_edge=False)
    for step in resource.get("steps", ()):
        mark = _MARKS.get(step["state"], "·")
        steps.add_row(
            mark, step["title"] + _count(step), cell(step["state"]), Text(step.get("detail", ""), style="dim")
        )
    parts.append(steps)
    servers = sorted(resource.get("servers", ()), key=lambda server: server["state"] == "done")
    if servers:
        lines = Table(box=None, show_header=False, pad_edge=False)
        for server in servers[:_SERVERS_SHOWN]:
            reasons = Text("; ".join(server.get("reasons", ())), style="yellow")
            lines.add_row("  " + server["server"], cell(server["state"]), server["step"], reasons)
        parts.append(lines)
        if len(servers) > _SERVERS_SHOWN:
            parts.append(Text(f"  … and {len(servers) - _SERVERS_SHOWN} more servers", style="dim"))
    for wait in resource.get("waiting", ()):
        parts.append(Text(f"⏸ {wait['step']}: {wait['reason']} [{', '.join(wait['choices'])}]", style="yellow"))
    return Group(*parts)


def _count(step: Mapping[str, Any]) -> str:
    return f" ({step['done']}/{step['total']})" if step.get("total") else ""


def _say_how_it_stands(resource: Mapping[str, Any]) -> None:
    name, state, outcome = resource["id"], resource["state"], resource.get("outcome") or {}
    if state == "blocked":
        say(f"{name} waits for a person. Next: edgewright why {name}")
        return
    ended = f" at {when(resource.get('ended_at'))} UTC" if resource.get("ended_at") else ""
    say(f"{name} {state}{ended}." + (f" {outcome['reason']}" if outcome.get("reason") else ""))
    for line in outcome.get("details", ()):
        say(f"  {line}")
    if outcome.get("do"):
        say(outcome["do"])
