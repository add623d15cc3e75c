"""`edgewright lab doctor | images | exec | ssh`: what the level `machines` adds to the lab's command line."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.machines import doctor


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


def register(lab: typer.Typer) -> None:
    lab.command("doctor")(examine)


def examine(
    output: Annotated[Output, typer.Option("-o", "--output", help="How to print it.")] = Output.TABLE,
) -> None:
    """Says which levels of fidelity this machine allows, and what the others lack. Changes nothing."""
    diagnosis = doctor.look()
    if output is Output.JSON:
        typer.echo(diagnosis.model_dump_json(indent=2))
        return
    console = Console()
    levels = Table("level", "allowed", "why not", box=None)
    for verdict in diagnosis.verdicts:
        allowed = "[green]yes[/]" if verdict.allowed else "[red]no[/]"
        levels.add_row(
            verdict.level, allowed, escape("; ".join(f"{fact.name}: {fact.found}" for fact in verdict.lacks))
        )
    console.print(levels)
    looked_up = Table("looked up", "", "found", box=None)
    for fact in diagnosis.facts:
        remark = f" ({doctor.REMARKS[fact.name]})" if fact.name in doctor.REMARKS and not fact.ok else ""
        looked_up.add_row(fact.name, "[green]yes[/]" if fact.ok else "[red]no[/]", escape(fact.found + remark))
    console.print()
    console.print(looked_up)
    if diagnosis.install:
        console.print(f"\nWhat is missing comes with:\n  {diagnosis.install}", highlight=False, soft_wrap=True)
