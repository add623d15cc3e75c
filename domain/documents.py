"""Reading what people write: YAML documents, by the rules of YAML 1.2.

PyYAML follows YAML 1.1, in which `on`, `yes` and `NO` are booleans (so Norway's country code would be `false`) and a date is
no text. People do not expect that, and neither does JSON: here only `true` and `false` are booleans and dates stay text.
"""

import re

import yaml

from domain.errors import Rejected
from domain.model import Json


class DocumentUnreadable(Rejected):
    """A file is no YAML; names line and column."""

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


def read_documents(text: str, *, source: str = "") -> tuple[Json, ...]:
    """Every document of a YAML (or JSON) text; empty documents are left out.

    Raises:
        DocumentUnreadable: no YAML, with the place.
    """
    try:
        return tuple(document for document in yaml.load_all(text, Loader=_Loader) if document is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "an unknown place"
        raise DocumentUnreadable(
            f"{source or 'The text'} is no YAML at {place}: {error.problem or error}",
            do="Correct it; a common cause is a tab, or a `: ` inside a value without quotes.",
        ) from error
    except yaml.YAMLError as error:
        raise DocumentUnreadable(f"{source or 'The text'} is no YAML: {error}") from error
