"""A fault that is added to the lab's switchboard fails here until its cell, or the reason why it has none, is written."""

import re
from pathlib import Path
from typing import Any

from tests.e2e.sites import declared_site
from tests.faults.expected import CELLS, DNS, NOT_ONBOARDINGS, NTP, Cell

HERE = Path(__file__).parent
LIES = ("about", "what")
"""Arguments that say which of several faults is meant; all their values are told in their descriptions."""


def switchboard(folder: Path) -> list[dict[str, Any]]:
    """As the lab itself tells it."""
    with declared_site("two-servers", folder, of=HERE) as site:
        return site.lab.process.call("GET", "/faults/kinds")  # pyright: ignore[reportReturnType]


def target_of(cell: Cell) -> str:
    if ":" in cell.target:
        return "cable"
    if cell.target in (NTP, DNS):
        return "system"
    return "switch" if "leaf" in cell.target else "server"


def test_every_fault_has_a_cell_at_every_kind_of_device_or_a_reason(tmp_path: Path) -> None:
    kinds = switchboard(tmp_path)
    there = {(kind["name"], target) for kind in kinds for target in kind["targets"]}
    covered = {(cell.fault, target_of(cell)) for cell in CELLS}
    assert {fault for fault in there - covered if fault[0] not in NOT_ONBOARDINGS} == set()
    assert covered <= there, "a cell of a fault that is no more proves nothing"
    assert {name for name, _ in there} >= set(NOT_ONBOARDINGS)
    assert {name for name, _ in covered} & set(NOT_ONBOARDINGS) == set(), "a reason beside a cell"


def test_every_lie_has_a_cell(tmp_path: Path) -> None:
    told = {
        (kind["name"], name, value)
        for kind in switchboard(tmp_path)
        for name, text in kind["arguments"].items()
        if name in LIES
        for value in re.split(r", ", re.sub(r"^(what: |one of )", "", text))
    }
    assert told, "the descriptions name the values"
    proved = {(cell.fault, name, value) for cell in CELLS for name, value in cell.arguments.items() if name in LIES}
    assert proved == told
