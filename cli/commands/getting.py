"""`get` and `describe`: what there is, as a table, JSON or YAML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import typer
import yaml

from cli.client import ApiClient, connect, quoted
from cli.commands.options import LimitOption, SiteOption
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.output import (
    Column,
    Output,
    OutputOption,
    console,
    field,
    place_text,
    show,
    show_data,
    show_fields,
    time_field,
    when,
)
from cli.plan_view import plan_lines


@dataclass(frozen=True)
class Listing:
    """One kind of resource: where it is, its columns, and which options of `get` narrow it."""

    path: str
    columns: Sequence[Column]
    filters: frozenset[str] = frozenset()
    singular: str = ""
    """Empty: one alone is not shown."""
    order: Callable[[Mapping[str, Any]], int] | None = None
    """In a table; what comes first by it stays in the API's order."""


def _place(item: Mapping[str, Any]) -> str:
    return place_text(item.get("place"))


def _now(operation: Mapping[str, Any]) -> str:
    if operation.get("waiting"):
        return f"waits: {operation['waiting'][0]['reason']}"
    outcome = operation.get("outcome") or {}
    return operation.get("summary") or outcome.get("reason") or ""


_WORST_FIRST = ("critical", "warning", "info")
_DEVICE: tuple[Column, ...] = (("NAME", field("name")), ("SITE", field("site")), ("RACK", field("rack")))
LISTINGS: dict[str, Listing] = {
    "sites": Listing(
        "/v1/sites",
        (
            ("NAME", field("name")),
            ("REGION", lambda s: s["declaration"]["region"]["name"]),
            ("TIER", lambda s: s["declaration"]["tier"]),
            ("RACKS", lambda s: len(s["declaration"]["racks"])),
            ("SERVERS", lambda s: len(s["declaration"].get("servers", ()))),
            ("VERSION", field("version")),
            ("BY", field("author")),
            ("CHANGED", time_field("at")),
        ),
        singular="site",
    ),
    "classes": Listing(
        "/v1/server-classes",
        (
            ("NAME", field("name")),
            ("MODEL", lambda c: f"{c['declaration']['manufacturer']} {c['declaration']['model']}"),
            ("GPUS", lambda c: c["declaration"]["gpus"]["count"]),
            ("VERSION", field("version")),
            ("CHANGED", time_field("at")),
        ),
        singular="class",
    ),
    "servers": Listing(
        "/v1/servers",
        (
            *_DEVICE,
            ("UNIT", lambda s: f"{s['unit']:g}" if s.get("unit") else ""),
            ("CLASS", field("server_class")),
            ("STATE", field("lifecycle")),
            ("HOLDER", field("holder")),
            ("REASONS", field("reasons")),
        ),
        frozenset({"site", "state"}),
        "server",
    ),
    "switches": Listing(
        "/v1/switches",
        (*_DEVICE, ("ROLE", field("role")), ("PLANE", field("plane")), ("ADDRESS", field("address")),
         ("OBSERVED", field("observed"))),
        frozenset({"site"}),
        "switch",
    ),
    "systems": Listing(
        "/v1/systems",
        (*_DEVICE, ("ROLE", field("role")), ("OWNER", field("owner")), ("DRIVER", field("driver")),
         ("OBSERVED", field("observed"))),
        frozenset({"site"}),
        "system",
    ),
    "operations": Listing(
        "/v1/operations",
        (
            ("ID", field("id")),
            ("KIND", field("kind")),
            ("TARGET", field("target")),
            ("STATE", field("state")),
            ("WHO", field("who")),
            ("ACCEPTED", time_field("accepted_at")),
            ("NOW", _now),
        ),
        frozenset({"site", "state", "kind"}),
        "operation",
    ),
    "findings": Listing(
        "/v1/findings",
        (
            ("SEVERITY", field("severity")),
            ("KIND", field("kind")),
            ("MESSAGE", field("message")),
            ("DO", field("do")),
            ("STATE", field("state")),
            ("LAST SEEN", time_field("last_seen")),
            ("ID", field("id")),
        ),
        frozenset({"site", "state", "kind", "severity"}),
        "finding",
        order=lambda finding: _WORST_FIRST.index(finding["severity"]),
    ),
    "holds": Listing(
        "/v1/holds",
        (("ID", field("id")), ("PLACE", _place), ("WHO", field("who")), ("REASON", field("reason")),
         ("SINCE", time_field("since")), ("RELEASED", time_field("released_at"))),
        singular="hold",
    ),
    "plans": Listing(
        "/v1/plans",
        (("HASH", lambda p: p["hash"][:16]), ("KIND", field("kind")), ("TARGET", field("target")),
         ("CHANGES", field("change_count")), ("DISRUPTIVE", field("disruptive")), ("BY", field("author")),
         ("EXPIRES", time_field("expires_at"))),
        frozenset({"site"}),
        "plan",
    ),
    "evidence": Listing(
        "/v1/evidence",
        (("ID", field("id")), ("SITE", field("site")), ("KIND", field("kind")), ("SUBJECTS", field("subjects")),
         ("OPERATION", field("operation")), ("AT", time_field("at"))),
        frozenset({"site", "kind"}),
        "evidence",
    ),
    "audit": Listing(
        "/v1/audit",
        (("AT", time_field("at")), ("WHO", field("who")), ("DID", field("action")), ("TO", field("object")),
         ("WHERE", _place), ("WHY", field("detail"))),
        frozenset({"site"}),
    ),
    "tokens": Listing(
        "/v1/tokens",
        (("ID", field("id")), ("LABEL", field("label")), ("ROLE", field("role")), ("SCOPE", _place),
         ("CREATED", time_field("created_at")), ("EXPIRES", time_field("expires_at")),
         ("REVOKED", time_field("revoked_at"))),
        singular="token",
    ),
}  # fmt: skip
_DECLARED = frozenset({"sites", "classes"})
_VERSIONS: tuple[Column, ...] = (
    ("VERSION", field("version")), ("BY", field("author")), ("AT", time_field("at")), ("DIGEST", lambda d: d["digest"][:16]),
    ("DELETED", field("deleted")),
)  # fmt: skip
_ALIASES = {"server-classes": "classes", "serverclasses": "classes", "ops": "operations"}


def _kinds(incomplete: str) -> list[str]:
    """For the shell's completion."""
    return [name for name in LISTINGS if name.startswith(incomplete)]


def _singular_kinds(incomplete: str) -> list[str]:
    singular = (listing.singular for listing in LISTINGS.values())
    return [name for name in singular if name and name.startswith(incomplete)]


def get(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="One of: " + ", ".join(LISTINGS) + ".", autocompletion=_kinds)
    ],
    site: SiteOption = "",
    state: Annotated[str, typer.Option(help="Only in this state: available, quarantined, blocked, open …")] = "",
    of_kind: Annotated[str, typer.Option("--kind", help="Only of this kind: site-onboarding, cable-swapped …")] = "",
    severity: Annotated[str, typer.Option(help="Only findings of this severity.")] = "",
    limit: LimitOption = 1000,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists sites, classes, servers, switches, systems, operations, findings, holds, plans, evidence, audit records or tokens."""
    name, listing = _listing(kind)
    given = {"site": site, "state": state, "kind": of_kind, "severity": severity}
    for option, value in given.items():
        if value and option not in listing.filters:
            raise CommandError(f"{name} are not narrowed by --{option}.", code=ExitCode.USAGE)
    query = {option: value for option, value in given.items() if value}
    items = list(islice(connect().items(listing.path, **query), limit))
    if listing.order is not None and output is Output.TABLE:
        items.sort(key=listing.order)
    show(items, listing.columns, output, empty=f"There are no {name}{' like that' if query else ''}.")


def describe(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="site, class, server, operation, finding, plan, hold …",
            autocompletion=_singular_kinds,
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name or id; SITE/NAME for a device.")] = "",
    version: Annotated[int | None, typer.Option(min=1, help="This version of a site's or class's declaration.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List the versions of a declaration instead.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows everything about one thing. `describe op-…` is short for `describe operation op-…`."""
    if not name:
        kind, name = _kind_of(kind), kind
    plural, listing = _listing(kind)
    if not listing.singular:
        raise CommandError(f"See: edgewright get {plural} -o yaml", code=ExitCode.USAGE)
    if (version is not None or versions) and plural not in _DECLARED:
        raise CommandError(
            f"A {listing.singular} has no versions.", do="Only a site or a class has.", code=ExitCode.USAGE
        )
    api = connect()
    if versions:
        show(list(api.items(f"{listing.path}/{quoted(name)}/versions")), _VERSIONS, output, "")
        return
    resource = (
        _one(api, listing, name) if version is None else api.get(f"{listing.path}/{quoted(name)}/versions/{version}")
    )
    if output is not Output.TABLE:
        show_data(resource, output)
    elif listing.singular == "operation":
        _describe_operation(resource)
    elif listing.singular == "plan":
        out = console()
        for line in plan_lines(resource):
            out.print(line)
    else:
        show_fields((key, _text(key, value)) for key, value in resource.items())


def _listing(kind: str) -> tuple[str, Listing]:
    name = _ALIASES.get(kind, kind)
    found = next(((n, x) for n, x in LISTINGS.items() if name in (n, x.singular)), None)
    if found is None:
        raise CommandError(
            f"There is nothing called {kind!r}.", do="One of: " + ", ".join(LISTINGS), code=ExitCode.USAGE
        )
    return found


def _kind_of(identity: str) -> str:
    """What an id is of, by its prefix."""
    kinds = {"op": "operation", "ho": "hold", "tk": "token", "fi": "finding"}
    prefix = identity.partition("-")[0]
    if prefix not in kinds:
        raise CommandError(
            f"{identity!r} may be many things.",
            do=f"Say which: edgewright describe KIND {identity}",
            code=ExitCode.USAGE,
        )
    return kinds[prefix]


def _one(api: ApiClient, listing: Listing, name: str) -> Any:
    if listing.singular not in ("server", "switch", "system"):
        return api.get(f"{listing.path}/{quoted(name)}")
    site, slash, device = name.rpartition("/")
    query = {"site": site} if slash else {}
    found = [item for item in api.items(listing.path, **query) if item["name"] == device]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(f"{item['site']}/{device}" for item in found)
        raise CommandError(f"Several are called {device}: {places}.", do="Name one with its site.", code=ExitCode.USAGE)
    raise CommandError(f"No {listing.singular} is called {name}.", code=ExitCode.NOT_FOUND)


def _describe_operation(operation: Mapping[str, Any]) -> None:
    outcome = operation.get("outcome") or {}
    links = operation.get("links", {})
    show_fields(
        [
            ("Operation", operation["id"]),
            ("What", f"{operation.get('title') or operation['kind']} of {operation['target']}"),
            ("State", operation["state"]),
            ("Outcome", outcome.get("reason")),
            ("Do next", outcome.get("do")),
            ("Asked for by", operation["who"]),
            ("On behalf of", operation.get("on_behalf_of")),
            ("Retry of", operation.get("retry_of")),
            ("Declaration", _declaration(operation)),
            ("Plan", operation.get("plan_hash")),
            ("Cancel asked by", _asked(operation.get("cancel_asked"))),
            ("Accepted", when(operation["accepted_at"])),
            ("Started", when(operation.get("started_at"))),
            ("Ended", when(operation.get("ended_at"))),
            ("Now", operation.get("summary")),
            ("Temporal UI", links.get("temporal")),
            ("NetBox", links.get("netbox")),
            ("Console", links.get("console")),
        ]
    )
    for line in outcome.get("details", ()):
        console().print(f"  {line}", markup=False)
    steps: tuple[Column, ...] = (
        ("STEP", field("title")), ("STATE", field("state")), ("STARTED", time_field("started_at")),
        ("ENDED", time_field("ended_at")), ("DETAIL", field("detail")),
    )  # fmt: skip
    if operation.get("steps"):
        show(operation["steps"], steps, Output.TABLE, "")
    for wait in operation.get("waiting", ()):
        console().print(f"Waits at {wait['step']}: {wait['reason']}", style="yellow", markup=False)
    servers: tuple[Column, ...] = (
        ("SERVER", field("server")), ("RACK", field("rack")), ("STATE", field("state")), ("STEP", field("step")),
        ("REASONS", field("reasons")),
    )  # fmt: skip
    if operation.get("servers"):
        show(operation["servers"], servers, Output.TABLE, "")


def _asked(asked: Mapping[str, Any] | None) -> str:
    return f"{asked['who']}, {when(asked['at'])}: {asked['why']}" if asked else ""


def _declaration(operation: Mapping[str, Any]) -> str:
    if operation.get("declaration_version") is None:
        return ""
    return f"{operation['declaration_kind']} {operation['declaration_name']} version {operation['declaration_version']}"


def _text(key: str, value: Any) -> Any:
    if key == "place":
        return place_text(value)
    if key in ("at", "since") or key.endswith(("_at", "_seen")):
        return when(value)
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(each, Mapping) for each in value)):
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100).rstrip()
    return value
