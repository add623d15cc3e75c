"""Which resources there are: a path template, who reads it, who changes it, and the privilege each takes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.messages import refuse

if TYPE_CHECKING:
    from lab.virtual.bmc.controller import Bmc

LOGIN, USERS, MANAGER, COMPONENTS, NOBODY = (
    "Login",
    "ConfigureUsers",
    "ConfigureManager",
    "ConfigureComponents",
    "",
)


type Files = dict[str, tuple[str, bytes]]
"""The other parts of a form: by the part's name, its file name and content."""


@dataclass(frozen=True)
class Call:
    """One request after authentication. `account` is the acting account's id, `session` its session's, if it has one."""

    path: str
    body: Json
    account: str = ""
    session: str = ""
    user: str = ""
    origin: str = ""
    files: Files = field(default_factory=dict[str, tuple[str, bytes]])


@dataclass
class Answer:
    """What a change answers; no body means 204."""

    status: int = 204
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


type Reader = Callable[..., Json]
type Writer = Callable[..., Answer | Awaitable[Answer]]


@dataclass
class Route:
    """One kind of resource. A reader raises 404 where the name in its path does not exist."""

    template: str
    read: Reader | None = None
    read_privilege: str = LOGIN
    writers: dict[str, tuple[Writer, str]] = field(default_factory=dict[str, tuple[Writer, str]])
    volatile: bool = False
    stream: bool = False
    """A GET is answered with server-sent events."""
    form: str = ""
    """The part of a form that holds the JSON body; empty: this takes JSON only."""

    @property
    def allow(self) -> str:
        methods = ["GET", "HEAD"] if self.read else ["GET"] if self.stream else []
        return ", ".join([*methods, *sorted(self.writers)])


class _Node:
    __slots__ = ("children", "name", "parameter", "route")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.name = ""
        self.route: Route | None = None


_root = _Node()


def _node(template: str) -> _Node:
    node = _root
    for segment in template.strip("/").split("/"):
        if segment.startswith("{"):
            if node.parameter is None:
                node.parameter = _Node()
            node = node.parameter
            node.name = segment.strip("{}")
        else:
            node = node.children.setdefault(segment, _Node())
    return node


def _route(template: str) -> Route:
    node = _node(template)
    if node.route is None:
        node.route = Route(template)
    return node.route


def find(path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path and the names in it."""
    node, names = _root, dict[str, str]()
    for segment in path.strip("/").split("/"):
        child = node.children.get(segment)
        if child is None:
            child = node.parameter
            if child is None or not segment:
                return None
            names[child.name] = segment
        node = child
    return (node.route, names) if node.route else None


def reads(template: str, *, privilege: str = LOGIN, volatile: bool = False) -> Callable[[Reader], Reader]:
    """Registers `read(bmc, **names)`. `volatile`: its ETag says nothing, because a reading changes by itself."""

    def register(read: Reader) -> Reader:
        route = _route(template)
        route.read, route.read_privilege, route.volatile = read, privilege, volatile
        return read

    return register


def streams(template: str) -> None:
    """A path that answers GET with the BMC's events for as long as the client listens."""
    _route(template).stream = True


def writes(method: str, template: str, *, privilege: str = MANAGER, form: str = "") -> Callable[[Writer], Writer]:
    """Registers `write(bmc, call, **names)` for POST, PATCH or DELETE. `form`: it takes multipart forms, whose JSON is that part."""

    def register(write: Writer) -> Writer:
        _route(template).writers[method] = (write, privilege)
        if form:
            _route(template).form = form
        return write

    return register


def collection(
    template: str,
    kind: str,
    name: str,
    members: "Callable[..., list[str]]",
    *,
    privilege: str = LOGIN,
    extra: Json | None = None,
) -> None:
    """Registers a collection whose members are `{path}/{id}` for each id that `members(bmc, **names)` lists."""

    def read(bmc: "Bmc", **names: str) -> Json:
        path = template.format(**names)
        ids = members(bmc, **names)
        return {
            "@odata.type": f"#{kind}Collection.{kind}Collection",
            "Name": name,
            "Members": [link(f"{path}/{member}") for member in ids],
            "Members@odata.count": len(ids),
            **(extra or {}),
        }

    _route(template).read = read
    _route(template).read_privilege = privilege


def missing(kind: str, name: str) -> Exception:
    """404 for a name that does not exist."""
    return refuse(404, "ResourceNotFound", kind, name)


def chosen(items: "list[Any] | tuple[Any, ...]", kind: str, name: str) -> Any:
    """The item whose `.name` it is, or 404."""
    for item in items:
        if item.name == name:
            return item
    raise missing(kind, name)
