"""What a command prints: a table for people, JSON or YAML for programs. Programs get the API's own resources, unchanged."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


PIPE_WIDTH = 10_000
"""Wider than any row: a program that reads a pipe must find whole ids."""

type Column = tuple[str, Callable[[Mapping[str, Any]], Any]]

OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print.", show_default=True)]

_COLOURS = {
    "succeeded": "green", "available": "green", "done": "green", "verified": "green", "allocated": "green",
    "running": "cyan", "accepted": "cyan", "blocked": "yellow", "partial": "yellow", "waiting": "yellow",
    "warning": "yellow", "discovered": "cyan", "quarantined": "red", "failed": "red", "refused": "red",
    "critical": "red", "cancelled": "magenta", "open": "yellow", "resolved": "green", "skipped": "magenta",
}  # fmt: skip


def console() -> Console:
    """Made anew for each use, so that it sees where the output goes now. In a pipe nothing is cut: one row, one line."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return Console(highlight=False)
    return Console(width=PIPE_WIDTH, soft_wrap=True, highlight=False)


def say(text: str = "") -> None:
    """A line for people, on standard error: standard output belongs to the result."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text))


def show(items: Sequence[Mapping[str, Any]], columns: Sequence[Column], output: Output, empty: str) -> None:
    """A list. An empty one is an empty list for programs and a sentence for people."""
    if output is not Output.TABLE:
        show_data(list(items), output)
    elif not items:
        say(empty)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title, _ in columns:
            table.add_column(title, no_wrap=not sys.stdout.isatty(), overflow="fold")
        for item in items:
            table.add_row(*(cell(read(item)) for _, read in columns))
        out = console()
        out.print(table, width=None if out.is_terminal else PIPE_WIDTH, crop=False)


def show_data(data: Any, output: Output) -> None:
    if output is Output.YAML:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    else:
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(text)


def show_fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """One resource as lines of name and value; what is empty is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}, ()):
            table.add_row(name, cell(value))
    console().print(table)


def cell(value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        return Text("; ".join(str(part) for part in value))
    text = str(value)
    return Text(text, style=_COLOURS.get(text, ""))


def when(stamp: Any) -> str:
    """`2026-11-24T02:14:05.123Z` → `2026-11-24 02:14:05`; always UTC."""
    if not stamp:
        return ""
    return f"{datetime.fromisoformat(str(stamp)).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def place_text(place: Mapping[str, str] | None) -> str:
    words = [f"{level}:{value}" for level, value in (place or {}).items() if value]
    return "/".join(words) or "fleet"


def field(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda item: item.get(name)


def time_field(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda item: when(item.get(name))
