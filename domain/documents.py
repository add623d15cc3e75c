"""Reading what people write: YAML documents, by the rules of YAML 1.2.

PyYAML follows YAML 1.1, in which `on`, `yes` and `NO` are booleans (so Norway's country code would be `false`) and a date is
no text. People do not expect that, and neither does JSON: here only `true` and `false` are booleans and dates stay text.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from domain.errors import Rejected
from domain.model import Json


class DocumentUnreadable(Rejected):
    """A file is no YAML, or says something that JSON cannot; names every line."""

    kind = "document-unreadable"


_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML has it: a site file of a thousand servers in 1 s instead of 7."""


class _Loader(_Safe):
    """SafeLoader without the resolvers of YAML 1.1 that surprise people."""


_BOOL = ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"))
# No sexagesimal (`12:30`) and no octal by a leading zero: a serial number of digits is what it says.
_INT = ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"))
_LEFT_OUT = (":bool", ":timestamp", ":int")

_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(_LEFT_OUT)]
    + ([_BOOL] if letter in "tTfF" else [])
    + ([_INT] if letter in "-+0123456789" else [])
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map"))
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_LARGEST = 2**53
"""JSON carries no larger whole number exactly (RFC 8259, section 6)."""
_NODES_AT_MOST = 5_000_000
"""Counted with aliases written out: a few lines of aliases of aliases would fill the memory."""


def read_documents(text: str, *, source: str = "") -> tuple[Json, ...]:
    """Every document of a YAML (or JSON) text; empty documents are left out.

    Raises:
        DocumentUnreadable: no YAML, or with something that we do not take: a key given twice or merged in, a number that JSON
            does not have, another tag. Every such line is named.
    """
    named = source or "The text"
    loader: Any = _Loader(text)
    try:
        documents: list[Json] = []
        problems: list[str] = []
        while loader.check_node():
            node = loader.get_node()
            found = list(_Nodes(loader).problems(node))
            problems += found
            if not found and (document := loader.construct_document(node)) is not None:
                documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "an unknown place"
        raise DocumentUnreadable(
            f"{named} is no YAML at {place}: {error.problem or error}",
            do="Correct it; a common cause is a tab, or a `: ` inside a value without quotes.",
        ) from error
    except yaml.YAMLError as error:
        raise DocumentUnreadable(f"{named} is no YAML: {error}") from error
    except RecursionError as error:
        raise DocumentUnreadable(f"{named} is nested too deeply to be read.") from error
    finally:
        loader.dispose()
    if problems:
        raise DocumentUnreadable(f"{named} cannot be taken as it is: {'; '.join(problems)}.", do="Correct these lines.")
    return tuple(documents)


type _Pairs = list[tuple[yaml.Node, yaml.Node]]


class _Nodes:
    """Looks through one document before it is made into values."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._sizes: dict[int, int] = {}
        self._above: set[int] = set()

    def problems(self, root: yaml.Node) -> Iterator[str]:
        yield from self._of(root)
        if self._sizes[id(root)] > _NODES_AT_MOST:
            yield f"line {_line(root)}: with its aliases written out it holds more than {_NODES_AT_MOST} values"

    def _of(self, node: yaml.Node) -> Iterator[str]:
        if id(node) in self._above:
            yield f"line {_line(node)}: it holds itself, by an alias"
            return
        if id(node) in self._sizes:
            return
        self._sizes[id(node)] = 1
        if node.tag not in _TAGS:
            yield f"line {_line(node)}: {node.tag.replace('tag:yaml.org,2002:', '!!')} is no kind of value that is read here"
            return
        if isinstance(node, yaml.ScalarNode):
            yield from self._scalar(node)
            return
        if isinstance(node, yaml.MappingNode):
            yield from _keys(node)
            parts = [value for key, value in cast("_Pairs", node.value) if key.tag != _MERGE]
        else:
            parts = cast("list[yaml.Node]", node.value)
        self._above.add(id(node))
        for part in parts:
            yield from self._of(part)
        self._above.discard(id(node))
        self._sizes[id(node)] += sum(self._sizes.get(id(part), 0) for part in parts)

    def _scalar(self, node: yaml.ScalarNode) -> Iterator[str]:
        shown = node.value if len(node.value) <= 40 else f"{node.value[:40]}…"
        try:
            value = self._loader.construct_object(node)
        # What PyYAML's own constructors raise for `!!int zz`, `!!bool zz` and numbers of thousands of digits.
        except (ValueError, KeyError, AttributeError, OverflowError, IndexError, yaml.YAMLError):
            yield f"line {_line(node)}: {shown!r} is no {node.tag.rpartition(':')[2]}"
            return
        if isinstance(value, float) and not math.isfinite(value):
            yield f"line {_line(node)}: {shown} is no number that can be declared"
        if isinstance(value, int) and abs(value) > _LARGEST:
            yield f"line {_line(node)}: the number {shown} is too large"


def _keys(node: yaml.MappingNode) -> Iterator[str]:
    first: dict[str, int] = {}
    for key, _ in cast("_Pairs", node.value):
        if key.tag == _MERGE:
            yield f"line {_line(key)}: `<<` merges keys in, which hides what is declared: write them out"
        elif key.tag != _TEXT or not isinstance(key, yaml.ScalarNode):
            yield f"line {_line(key)}: a key is text: put it in quotes"
        elif key.value in first:
            yield f"line {_line(key)}: the key `{key.value}` is given twice (first in line {first[key.value]})"
        else:
            first[key.value] = _line(key)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
