"""The published NVUE schema, made strict: PyPI's `nvueschema` models ignore unknown keys, so a misspelt field would pass.

`extra="forbid"` only reaches nested models if every class is rebuilt, which changes classes that are not ours (or takes a second
copy of the module: 1 s and 30 MiB). So types are judged by the models as they are, and keys by a walk over tree and model fields
side by side, whose shapes are worked out once per class: 0.1 ms for a tenant's configuration.
"""

import importlib
import re
import types
import typing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from lab.virtual.switch.trees import stripped

_RELEASE = re.compile(r"^(\d+)\.(\d+)")
_OLDEST, _NEWEST = 0, 18


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (keys from the root) and why."""

    path: tuple[str, ...]
    reason: str

    @property
    def location(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class _Shape:
    """What a value may be: fields by key, entries of a map or list, or anything that has no keys."""

    model: type[BaseModel] | None = None
    entries: Any = None
    items: Any = None


@dataclass(frozen=True)
class StrictSchema:
    """The schema of one release."""

    release: str
    root: type[BaseModel]
    _fields: dict[type[BaseModel], dict[str, _Shape]] = field(default_factory=dict[type[BaseModel], dict[str, _Shape]])

    def unknown_keys(self, tree: dict[str, Any]) -> list[Problem]:
        """Keys that this release does not have. `null` (delete) is fine wherever its key is."""
        return [Problem(path, "unknown key") for path in self._unknown(tree, _Shape(model=self.root), ())]

    def wrong_values(self, tree: dict[str, Any]) -> list[Problem]:
        """Values of the wrong type or out of bounds, one per place."""
        whole = stripped(tree)
        try:
            self.root.model_validate(whole)
        except ValidationError as error:
            return list(_by_place(error, whole))
        return []

    def problems(self, tree: dict[str, Any]) -> list[Problem]:
        return [*self.unknown_keys(tree), *self.wrong_values(tree)]

    def _unknown(self, value: Any, shape: _Shape, path: tuple[str, ...]) -> typing.Iterator[tuple[str, ...]]:
        if isinstance(value, dict):
            if shape.model is not None:
                fields = self._shapes(shape.model)
                for key, inner in value.items():
                    if key not in fields:
                        yield (*path, key)
                    else:
                        yield from self._unknown(inner, fields[key], (*path, key))
            elif shape.entries is Any:
                # A presence container: `"up": {}`, or a set such as `"vlan": {"10": {}}`; nothing may stand below its keys.
                for key, inner in value.items():
                    if isinstance(inner, dict):
                        yield from ((*path, key, below) for below in inner)
                    elif inner is not None:
                        yield (*path, key)
            elif shape.entries is not None:
                entries = _shape_of(shape.entries)
                for key, inner in value.items():
                    yield from self._unknown(inner, entries, (*path, key))
            else:
                yield from ((*path, key) for key in value)
        elif isinstance(value, list) and shape.items is not None:
            for number, inner in enumerate(value):
                yield from self._unknown(inner, _shape_of(shape.items), (*path, str(number)))

    def _shapes(self, model: type[BaseModel]) -> dict[str, _Shape]:
        known = self._fields.get(model)
        if known is None:
            known = {f.alias or name: _shape_of(f.annotation) for name, f in model.model_fields.items()}
            self._fields[model] = known
        return known


def _shape_of(annotation: Any) -> _Shape:
    model: type[BaseModel] | None = None
    entries = items = None
    for option in _options(annotation):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            model = option
        elif origin is dict:
            entries = arguments[1]
        elif origin is list:
            items = arguments[0]
    return _Shape(model, entries, items)


def _options(annotation: Any) -> typing.Iterator[Any]:
    """The members of a union of unions, without what is annotated to them."""
    origin = typing.get_origin(annotation)
    if origin is typing.Union or origin is types.UnionType:
        for option in typing.get_args(annotation):
            yield from _options(option)
    elif origin is typing.Annotated:
        yield from _options(typing.get_args(annotation)[0])
    else:
        yield annotation


def _by_place(error: ValidationError, tree: Any) -> typing.Iterator[Problem]:
    """A union reports one error per member it tried, each with a step of its own: keep the keys that are in the tree, once."""
    seen: set[tuple[str, ...]] = set()
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        path: tuple[str, ...] = ()
        value: Any = tree
        for step in entry["loc"]:
            if isinstance(value, dict) and step in value:
                path, value = (*path, str(step)), value[step]
        if path not in seen:
            seen.add(path)
            yield Problem(path, entry["msg"])


@cache
def schema_for(release: str) -> StrictSchema:
    """The schema of a release (`5.11.1` → 5.11), or of the nearest one that is published. The first call imports for 1 to 3 s."""
    match = _RELEASE.match(release)
    minor = min(max(int(match[2]) if match else _NEWEST, _OLDEST), _NEWEST)
    module = importlib.import_module(f"nvueschema.models.v5_{minor}")
    return StrictSchema(f"5.{minor}", module.NvueConfig)
