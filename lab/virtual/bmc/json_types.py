"""JSON as it goes over the wire."""

from typing import Any

type Json = dict[str, Any]


def link(path: str) -> Json:
    """A reference to another resource."""
    return {"@odata.id": path}


def links(paths: list[str]) -> list[Json]:
    return [link(path) for path in paths]


def ok(state: str = "Enabled", health: str = "OK") -> Json:
    """A Status object; what is not enabled has no health to report."""
    return {"State": state, "Health": health} if state == "Enabled" else {"State": state}
