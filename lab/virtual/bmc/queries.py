"""Query parameters: $expand, $select, only, $top and $skip; everything else is refused as the specification says."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import refuse
from lab.virtual.quirks import Quirks

MOST_LEVELS = 6
_ALWAYS = ("@odata.id", "@odata.type", "@odata.etag")


@dataclass(frozen=True)
class Query:
    expand: str = ""
    levels: int = 1
    select: tuple[str, ...] = ()
    only: bool = False
    top: int | None = None
    skip: int = 0

    @property
    def empty(self) -> bool:
        return self == Query()


def parse(text: str, quirks: Quirks) -> Query:
    """Raises 400 for what cannot be read and 501 for what this BMC does not know. Names without `$` are ignored."""
    expand, levels, select, only, top, skip = "", 1, (), False, None, 0
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        name, value = unquote(name), unquote(value)
        if name == "only":
            if value:
                raise refuse(400, "QueryParameterValueFormatError", value, name)
            only = True
        elif name == "$expand" and quirks.expand:
            expand, levels = _expand(value)
        elif name == "$select" and quirks.select:
            select = tuple(item.strip() for item in value.split(",") if item.strip())
            if not select:
                raise refuse(400, "QueryParameterValueFormatError", value, name)
        elif name == "$top":
            top = _number(name, value)
        elif name == "$skip":
            skip = _number(name, value)
        elif name.startswith("$"):
            raise refuse(501, "QueryParameterUnsupported", name)
    if only and (expand or select or top is not None or skip):
        raise refuse(400, "QueryCombinationInvalid")
    return Query(expand, levels, select, only, top, skip)


def _expand(value: str) -> tuple[str, int]:
    kind, rest = value[:1], value[1:]
    if kind not in ("*", ".", "~"):
        raise refuse(400, "QueryParameterValueFormatError", value, "$expand")
    if not rest:
        return kind, 1
    if not (rest.startswith("($levels=") and rest.endswith(")")):
        raise refuse(400, "QueryParameterValueFormatError", value, "$expand")
    levels = _number("$expand", rest[len("($levels=") : -1])
    if not 1 <= levels <= MOST_LEVELS:
        raise refuse(400, "QueryParameterOutOfRange", levels, "$expand", f"1-{MOST_LEVELS}")
    return kind, levels


def _number(name: str, value: str) -> int:
    if not value.isdigit():
        key = "QueryParameterOutOfRange" if value.lstrip("-").isdigit() else "QueryParameterValueTypeError"
        raise refuse(400, key, value, name, *(["0 or more"] if key.endswith("Range") else []))
    return int(value)


def applied(body: Json, query: Query, read: Callable[[str], Json | None]) -> Json:
    """The body as the query wants it. `read` gives the resource at a path, or None where it cannot be had."""
    if query.empty:
        return body
    if query.only and "Members" in body:
        members = body["Members"]
        return read(members[0]["@odata.id"]) or body if len(members) == 1 else body
    if query.only:
        raise refuse(400, "QueryNotSupportedOnResource")
    if query.skip or query.top is not None:
        body = _page(body, query)
    if query.expand:
        body = _expanded(body, query.expand, query.levels, read)
    if query.select:
        if "Members" in body:
            body = {**body, "Members": [_selected(member, query.select) for member in body["Members"]]}
        else:
            body = _selected(body, query.select)
    return body


def _page(body: Json, query: Query) -> Json:
    if "Members" not in body:
        raise refuse(400, "QueryNotSupportedOnResource")
    members = body["Members"][query.skip :]
    answer = {**body, "Members": members if query.top is None else members[: query.top]}
    if query.top is not None and len(members) > query.top > 0:
        following = f"{body['@odata.id']}?$skip={query.skip + query.top}&$top={query.top}"
        answer["Members@odata.nextLink"] = following
    return answer


def _selected(body: Json, names: tuple[str, ...]) -> Json:
    tops = {name.split("/")[0] for name in names}
    return {key: value for key, value in body.items() if key in tops or key in _ALWAYS or key.split("@")[0] in tops}


def _expanded(body: Json, kind: str, levels: int, read: Callable[[str], Json | None]) -> Json:
    """`.` leaves out what lies under Links, `~` takes only that, `*` both; annotations and actions stay as they are."""

    def walk(value: object, under_links: bool, at_top: bool) -> object:
        if isinstance(value, list):
            return [walk(item, under_links, False) for item in value]
        if not isinstance(value, dict):
            return value
        wanted = kind == "*" or (kind == "~") == under_links
        path = value.get("@odata.id")
        if not at_top and len(value) == 1 and isinstance(path, str):
            found = read(path) if wanted and "#" not in path else None
            if found is None:
                return value
            return _expanded(found, kind, levels - 1, read) if levels > 1 else found
        return {
            name: item
            if name.startswith("@") or name in ("Actions", "Oem")
            else walk(item, under_links or name == "Links", False)
            for name, item in value.items()
        }

    answer = walk(body, False, True)
    return answer if isinstance(answer, dict) else body
