"""Reading request bodies: every property is checked before anything changes."""

from collections.abc import Callable
from typing import Any

from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import Problem, message, refuse

type Check = Callable[[str, Any], Any]


def text(longest: int = 256, *, shortest: int = 0) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _type(name, value)
        if not shortest <= len(value) <= longest:
            raise refuse(400, "PropertyValueFormatError", shown(name, value), name, properties=(name,))
        return value

    return check


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _type(name, value)
    return value


def whole(lowest: int, highest: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _type(name, value)
        if not lowest <= value <= highest:
            raise refuse(400, "PropertyValueOutOfRange", shown(name, value), name, properties=(name,))
        return value

    return check


def one_of(*allowed: str) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _type(name, value)
        if value not in allowed:
            raise refuse(400, "PropertyValueNotInList", shown(name, value), name, properties=(name,))
        return value

    return check


def texts(most: int = 16) -> Check:
    """A list of strings; null removes an element and {} leaves it, as the specification has it for arrays in a PATCH."""

    def check(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _type(name, value)
        if len(value) > most:
            raise refuse(400, "PropertyValueOutOfRange", shown(name, value), name, properties=(name,))
        for item in value:
            if item is not None and item != {} and not isinstance(item, str):
                raise _type(name, item)
        return value

    return check


def patched_list(old: list[str], new: list[Any]) -> list[str]:
    """What a list becomes: {} keeps the element at its place, null takes it out, a shorter list truncates."""
    kept = [(old[i] if i < len(old) else None) if item == {} else item for i, item in enumerate(new)]
    return [item for item in kept if item is not None]


def nested(**inner: Check) -> Check:
    def check(name: str, value: Any) -> Json:
        if not isinstance(value, dict):
            raise _type(name, value)
        return checked(value, inner, readable=set(), prefix=f"{name}/")

    return check


def anything(name: str, value: Any) -> Any:
    return value


def checked(body: Json, writable: dict[str, Check], *, readable: set[str], prefix: str = "") -> Json:
    """The checked properties, or 400 with one message for each that is wrong; nothing is done by halves."""
    answer: Json = {}
    problems: list[Json] = []
    annotations = 0
    for name, value in body.items():
        if name.startswith("@odata.") or "@odata." in name:
            annotations += 1
            continue
        if name not in writable:
            key = "PropertyNotWritable" if name in readable else "PropertyUnknown"
            problems.append(message(key, prefix + name, properties=(prefix + name,)))
            continue
        try:
            answer[name] = writable[name](prefix + name, value)
        except Problem as problem:
            problems.extend(problem.messages)
    if problems:
        raise Problem(400, *problems)
    if annotations and annotations == len(body):
        raise refuse(400, "NoOperation")
    if not body and not prefix:
        raise refuse(400, "EmptyJSON")
    return answer


def needed(body: Json, *names: str) -> None:
    """400 with one message for each property that is not there."""
    if absent := [name for name in names if name not in body]:
        raise Problem(400, *(message("PropertyMissing", name, properties=(name,)) for name in absent))


def action(body: Json, name: str, parameters: dict[str, tuple[str, ...]], *, required: tuple[str, ...] = ()) -> Json:
    """Parameters of an action, each with its allowed values (none listed: any string)."""
    for key, value in body.items():
        if key not in parameters:
            raise refuse(400, "ActionParameterUnknown", name, key, properties=(key,))
        if not isinstance(value, str):
            raise refuse(400, "ActionParameterValueTypeError", value, key, name, properties=(key,))
        if parameters[key] and value not in parameters[key]:
            raise refuse(400, "ActionParameterValueNotInList", value, key, name, properties=(key,))
    for key in required:
        if key not in body:
            raise refuse(400, "ActionParameterMissing", name, key, properties=(key,))
    return body


def shown(name: str, value: Any) -> str:
    """A value as an error may repeat it: never a password."""
    return "***" if "password" in name.lower() else str(value)[:80]


def _type(name: str, value: Any) -> Problem:
    return refuse(400, "PropertyValueTypeError", shown(name, value), name, properties=(name,))
