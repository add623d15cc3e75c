"""NetBox's memory: journal entries that we write, and its change log, which says who wrote what."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from clients.netbox.mapping import SHAPES
from clients.netbox.session import NetBoxSession, Row
from domain.inventory import ForeignChange, InventoryRefused, Note
from domain.model import Json, Model
from domain.netbox_schema import CUSTOM_FIELDS, Cf

_OURS = tuple(str(field.name) for field in CUSTOM_FIELDS)

JOURNAL, CHANGES = "extras/journal-entries", "core/object-changes"


class LoggedChange(Model):
    """One line of NetBox's change log."""

    id: int
    at: datetime
    by: str
    action: str
    """create, update or delete."""
    object_type: str
    object_id: int
    object: str
    message: str
    before: dict[str, Json]
    after: dict[str, Json]


def write(session: NetBoxSession, note: Note) -> bool:
    """One entry per key, however often it is tried."""
    shape = SHAPES[note.endpoint]
    rows = session.rows(shape.path, {f"cf_{Cf.KEY}": note.object_key}, fields=("id",))
    if len(rows) != 1:
        raise InventoryRefused(
            f"NetBox has {len(rows)} objects {note.endpoint}/{note.object_key}; a journal entry needs one.",
            do="Onboard it first, or clear `ew_key` on the doubles.",
        )
    number = rows[0]["id"]
    where = {"assigned_object_type": shape.object_type, "assigned_object_id": number, f"cf_{Cf.KEY}": note.key}
    if session.rows(JOURNAL, where, fields=("id",)):
        return False
    session.create_one(
        JOURNAL,
        {
            "assigned_object_type": shape.object_type,
            "assigned_object_id": number,
            "kind": note.kind,
            "comments": note.text,
            "custom_fields": {Cf.KEY: note.key},
        },
    )
    return True


def logged(
    session: NetBoxSession, *, since: datetime | None = None, params: Mapping[str, str | int] | None = None
) -> Iterator[LoggedChange]:
    """The change log, oldest first."""
    filters: dict[str, Any] = {**(params or {}), "ordering": "id"}
    if since is not None:
        filters["time_after"] = since.isoformat()
    fields = (
        "id", "time", "user_name", "action", "changed_object_type", "changed_object_id", "object_repr", "message",
        "prechange_data", "postchange_data",
    )  # fmt: skip
    for row in session.rows(CHANGES, filters, fields=fields):
        yield LoggedChange(
            id=row["id"],
            at=datetime.fromisoformat(row["time"]),
            by=str(row["user_name"]),
            action=str(cast(Row, row["action"])["value"]),
            object_type=str(row["changed_object_type"]),
            object_id=row["changed_object_id"],
            object=str(row["object_repr"]),
            message=str(row.get("message") or ""),
            before=cast(dict[str, Json], row.get("prechange_data") or {}),
            after=cast(dict[str, Json], row.get("postchange_data") or {}),
        )


def foreign_changes(session: NetBoxSession, site: str, since: datetime) -> tuple[ForeignChange, ...]:
    """Writes to our fields on the site's devices that our own user did not make. NetBox's pages cannot make them
    (`ui_editable: no`); its API can."""
    me = session.own_name()
    sites = session.rows("dcim/sites", {"slug": site}, fields=("id",))
    if not sites:
        return ()
    devices = {row["id"] for row in session.rows("dcim/devices", {"site_id": sites[0]["id"]}, fields=("id",))}
    found: list[ForeignChange] = []
    for change in logged(session, since=since, params={"changed_object_type": "dcim.device", "action": "update"}):
        if change.by == me or change.object_id not in devices:
            continue
        before, after = _custom(change.before), _custom(change.after)
        found.extend(
            ForeignChange(
                object_type=change.object_type,
                object_id=change.object_id,
                object=change.object,
                field=name,
                before=before.get(name),
                after=after.get(name),
                by=change.by,
                at=change.at,
            )
            for name in _OURS
            if before.get(name) != after.get(name)
        )
    return tuple(found)


def _custom(data: Mapping[str, Json]) -> Mapping[str, Json]:
    fields = data.get("custom_fields")
    return fields if isinstance(fields, dict) else {}
