"""What is wrong with something a person wrote: every problem with the path to its place, in words for that person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from domain.model import Json, Model


class Problem(Model):
    """One thing to correct. `path` is written as people read documents: `servers[3].unit`; empty means the whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Inconsistent(ValueError):
    """Raised by a model's own check when fields that are each right contradict each other; carries every contradiction."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def path_of(steps: Sequence[str | int]) -> str:
    """`("servers", 3, "unit")` → `servers[3].unit`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def problems_of(error: ValidationError, at: Sequence[str | int] = ()) -> tuple[Problem, ...]:
    """Every problem of a refused document, contradictions one by one; `at` is put in front of each path."""
    found: list[Problem] = []
    for detail in without_consequences(error.errors(include_url=False, include_input=True)):
        loc = (*at, *detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, Inconsistent):
            found.extend(Problem(path=join_paths(path_of(loc), p.path), message=p.message) for p in cause.problems)
        else:
            found.append(Problem(path=path_of(loc), message=_in_words(detail["type"], detail["msg"], detail["input"])))
    return tuple(found)


def without_consequences[T: Mapping[str, Any]](details: Sequence[T]) -> Iterator[T]:
    """Without lists that are called too short only because what is in them is wrong, which is told already."""
    places = [tuple(detail["loc"]) for detail in details]
    for detail, loc in zip(details, places, strict=True):
        if detail["type"] != "too_short" or not any(len(p) > len(loc) and p[: len(loc)] == loc for p in places):
            yield detail


def join_paths(front: str, rest: str) -> str:
    return f"{front}.{rest}" if front and rest else front or rest


_PLAIN: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is no field of ours: check the spelling",
}


def _in_words(kind: str, message: str, given: Json | object) -> str:
    if kind in _PLAIN:
        return _PLAIN[kind]
    text = message.removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    if kind.startswith(("value_error", "missing", "model", "dict")) or not isinstance(given, str | int | float | bool):
        return text
    return f"{text} (given: {given!r})"
