"""How two JSON values differ, in words: only what differs, however deep, and never a wall of text. Pure."""

from collections.abc import Iterator

from domain.model import Json

SHORT = 60
"""Longer values are cut: what differs is named, its whole text is in the resource."""


def differing(name: str, before: Json, after: Json) -> Iterator[tuple[str, str, str]]:
    """Each place that differs: its name, the text of what was, the text of what is."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield from differing(f"{name} {key}".strip(), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        gone = [each for each in before if each not in after]
        new = [each for each in after if each not in before]
        yield name, _each(gone), _each(new)
    else:
        yield name, short(before), short(after)


def short(value: Json) -> str:
    """`nothing`, a link's name, or the value's own text, cut where it is long."""
    if isinstance(value, dict) and set(value) == {"link"}:
        value = value["link"]
    text = "nothing" if value is None or value == "" else str(value)
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _each(values: list[Json]) -> str:
    if len(values) > 3:
        return f"{len(values)} entries"
    return "; ".join(short(_name(value)) for value in values) or "nothing"


def _name(value: Json) -> Json:
    """What a part is called, if it says so: the rest of it would fill the line."""
    if isinstance(value, dict):
        return next((value[key] for key in ("slot", "name", "id") if value.get(key)), value)
    return value
