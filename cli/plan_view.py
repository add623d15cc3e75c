"""A plan as a person reads it: what would be made, changed, adopted and flagged, grouped by system, differences marked."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from domain.differing import differing, short
from domain.plan import shown_hash

_MARKS = {"create": ("+", "green"), "update": ("~", "yellow"), "adopt": ("=", "cyan"), "delete": ("-", "red")}
_MARKS |= {"flag": ("!", "magenta")}
_TITLES = {"netbox": "NetBox", "bmc": "BMCs", "switch": "Switches", "edgewright": "Edgewright"}
SHOWN_FIELDS = 6
"""How many fields of a new object are shown; what is changed is always shown whole."""


def plan_lines(plan: Mapping[str, Any]) -> Iterator[Text]:
    """The lines of a plan; the last says what it is in sum."""
    changes: Sequence[Mapping[str, Any]] = plan.get("changes", ())
    for system in dict.fromkeys(change["system"] for change in changes):
        mine = [change for change in changes if change["system"] == system]
        yield Text(f"{_TITLES.get(system, system)} ({len(mine)})", style="bold")
        for change in mine:
            yield from _change_lines(change)
    for stage in plan.get("deferred", ()):
        bounds = ", ".join(stage["may"])
        yield Text(f"  … {stage['stage']} {stage['object']}: known when {stage['needs']}; may {bounds}", style="cyan")
    for flag in plan.get("flags", ()):
        yield Text(f"  ! {flag['object']}: {flag['message']}", style="magenta")
    for note in plan.get("notes", ()):
        yield Text(f"  · {note}", style="dim")
    yield Text(summary(plan), style="bold")


def summary(plan: Mapping[str, Any]) -> str:
    count = Counter(change["action"] for change in plan.get("changes", ()))
    words = [
        f"{count[action]} to {verb}"
        for action, verb in (("create", "create"), ("update", "change"), ("adopt", "adopt"), ("delete", "delete"))
        if count[action]
    ]
    words += [f"{len(plan['deferred'])} stages planned later"] if plan.get("deferred") else []
    words += [f"{len(plan['flags'])} flagged"] if plan.get("flags") else []
    disruptive = sum(1 for change in plan.get("changes", ()) if change.get("disruptive"))
    text = f"Plan {shown_hash(str(plan.get('hash', '')))}: " + (", ".join(words) or "nothing to change")
    return f"{text}. {disruptive} are DISRUPTIVE." if disruptive else f"{text}."


def _change_lines(change: Mapping[str, Any]) -> Iterator[Text]:
    mark, style = _MARKS.get(change["action"], ("?", ""))
    head = Text(f"  {mark} {change['object']}", style=style)
    if change.get("disruptive"):
        head.append("  DISRUPTIVE", style="bold red")
    if change.get("why"):
        head.append(f"  # {change['why']}", style="dim")
    yield head
    before, after = change.get("before"), change.get("after")
    if change["action"] == "create" and isinstance(after, dict):
        given = [(name, value) for name, value in after.items() if value not in (None, "", [], {})]
        for name, value in given[:SHOWN_FIELDS]:
            yield Text(f"      {name}: {short(value)}", style="dim")
        if len(given) > SHOWN_FIELDS:
            yield Text(f"      … {len(given) - SHOWN_FIELDS} more fields", style="dim")
    elif isinstance(after, dict):
        old = before if isinstance(before, dict) else {}
        for name, value in after.items():
            if old.get(name) != value:
                for place, there, wanted in differing(name, old.get(name), value):
                    yield Text(f"      {place}: {there} → {wanted}", style="dim")
    elif before is not None or after is not None:
        yield Text(f"      {short(before)} → {short(after)}", style="dim")
