"""Devices as the product lists them, and the one careful way in which a server's state is moved."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from clients.netbox.session import NetBoxSession, Params, Row, Stale
from domain.inventory import (
    AmbiguousName,
    DeviceQuery,
    DeviceState,
    DeviceUnknown,
    InventoryConflict,
    LifecycleMove,
    Moved,
)
from domain.lifecycle import NETBOX_STATUS, Lifecycle, check_move
from domain.netbox_schema import Cf
from domain.quarantine import as_kept, as_read

PATH = "dcim/devices"

_FIELDS = (
    "id", "display_url", "name", "site", "rack", "position", "role", "serial", "status", "oob_ip", "primary_ip4",
    "primary_ip6", "custom_fields", "created", "last_updated",
)  # fmt: skip

_TRIES = 5
"""How often a move looks again when somebody wrote something else to the device meanwhile."""


def list_devices(session: NetBoxSession, query: DeviceQuery) -> tuple[DeviceState, ...]:
    """Devices of ours (those that carry our key), in as few lists as the filters allow."""
    params: dict[str, Any] = {f"cf_{Cf.KEY}__empty": "false"}
    if query.site is not None:
        params["site"] = query.site
    if query.region is not None:
        params["region"] = query.region
    if query.roles:
        params["role"] = list(query.roles)
    if query.lifecycles:
        params[f"cf_{Cf.LIFECYCLE}"] = [str(state) for state in query.lifecycles]
    if query.unchanged_since is not None:
        # Nobody is longer in a state than there is a record of it.
        params["created__lte"] = query.unchanged_since.isoformat()
    rows = _rows(session, params, query)
    found = [state_of(row) for row in rows]
    if query.unchanged_since is not None:
        found = [device for device in found if device.since is not None and device.since <= query.unchanged_since]
    return tuple(sorted(found, key=lambda device: (device.site, device.rack, device.unit or 0, device.name)))


def _rows(session: NetBoxSession, params: Params, query: DeviceQuery) -> list[Row]:
    """NetBox refuses a filter by a site or region it does not have; to us that is an empty list."""
    for path, slug in (("dcim/sites", query.site), ("dcim/regions", query.region)):
        if slug is not None and not session.rows(path, {"slug": slug}, fields=("id",)):
            return []
    if query.names:
        return session.rows_by(PATH, "name", query.names, params, fields=_FIELDS)
    return session.rows(PATH, params, fields=_FIELDS)


def state_of(row: Row) -> DeviceState:
    custom = cast(dict[str, Any], row.get("custom_fields") or {})
    state = _value(custom.get(Cf.LIFECYCLE))
    address = next((row[name]["address"] for name in ("oob_ip", "primary_ip4", "primary_ip6") if row.get(name)), "")
    position = row.get("position")
    reasons = as_read(custom.get(Cf.QUARANTINE_REASONS))
    return DeviceState(
        id=row["id"],
        site=str(_nested(row, "site").get("slug", "")),
        name=str(row.get("name") or ""),
        role=str(_nested(row, "role").get("slug", "")),
        serial=str(row.get("serial") or ""),
        rack=str(_nested(row, "rack").get("name", "")),
        unit=None if position is None else float(position),
        status=_value(row.get("status")),
        lifecycle=Lifecycle(state) if state in set(Lifecycle) else None,
        holder=str(custom.get(Cf.HOLDER) or ""),
        operation=str(custom.get(Cf.OPERATION) or ""),
        reasons=reasons.all,
        reasons_judged=reasons.judged,
        server_class=str(custom.get(Cf.CLASS) or ""),
        observed=_value(custom.get(Cf.OBSERVED)),
        owner=_value(custom.get(Cf.OWNER)),
        driver=str(custom.get(Cf.DRIVER) or ""),
        plane=_value(custom.get(Cf.PLANE)),
        address=str(address).partition("/")[0],
        adopted=custom.get(Cf.ADOPTED) is True,
        hardware=cast(dict[str, Any], custom.get(Cf.HARDWARE) or {}),
        firmware=cast(dict[str, Any], custom.get(Cf.FIRMWARE) or {}),
        attestation=cast(dict[str, Any], custom.get(Cf.ATTESTATION) or {}),
        url=str(row.get("display_url") or ""),
        since=_since(row, custom),
        changed_at=datetime.fromisoformat(row["last_updated"]) if row.get("last_updated") else None,
        etag=str(row.get("last_updated") or ""),
    )


def _since(row: Row, custom: Mapping[str, Any]) -> datetime | None:
    """Until its first move a server is in the state that it was recorded in: since then, if the record is ours. One that we
    found there may be older than its state: since the last change, at most."""
    recorded = row.get("last_updated") if custom.get(Cf.ADOPTED) is True else row.get("created")
    stamp = custom.get(Cf.SINCE) or recorded
    return datetime.fromisoformat(str(stamp)) if stamp else None


def _nested(row: Row, name: str) -> Row:
    return cast(Row, row.get(name) or {})


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        value = cast(Row, value).get("value")
    return "" if value is None else str(value)


def find_device(session: NetBoxSession, site: str, name: str) -> DeviceState:
    """By our key first: an adopted device may have another name in NetBox. Raises `DeviceUnknown`, `AmbiguousName`."""
    rows = session.rows(PATH, {f"cf_{Cf.KEY}": f"{site}/{name}"}, fields=_FIELDS)
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows)
        raise AmbiguousName(
            f"NetBox has {len(rows)} devices that are {site}/{name} (ids {ids}).", do="Clear `ew_key` on all but one."
        )
    if not rows:
        raise DeviceUnknown(f"NetBox has no device {site}/{name} of ours.", do="Onboard the site, then try again.")
    return state_of(rows[0])


def move(session: NetBoxSession, order: LifecycleMove) -> Moved:
    """Compare and swap. If something else about the device changed between look and write, it looks again; only a change
    of what was decided on is a conflict."""
    device = find_device(session, order.site, order.device)
    for _ in range(_TRIES):
        row, etag = session.row(PATH, device.id, fields=_FIELDS)
        device = state_of(row)
        if _is_there(device, order):
            return Moved(device=device, changed=False)
        _check(device, order)
        try:
            session.update_if_unchanged(PATH, device.id, etag, _writes(device, order))
        except Stale:
            continue
        row, _ = session.row(PATH, device.id, fields=_FIELDS)
        return Moved(device=state_of(row), changed=True)
    raise InventoryConflict(
        f"{order.site}/{order.device} changed in NetBox each of {_TRIES} times it was about to be moved to {order.to}.",
        do="See its change log in NetBox for who writes it, then retry.",
    )


def _is_there(device: DeviceState, order: LifecycleMove) -> bool:
    """Moved already, by this very operation: an earlier try whose answer was lost."""
    return (
        device.lifecycle is order.to
        and device.operation == order.operation
        and (order.holder is None or device.holder == order.holder)
        and device.reasons == order.reasons
        and device.reasons_judged == (order.reasons if order.judged else ())
    )


def _check(device: DeviceState, order: LifecycleMove) -> None:
    name = f"{order.site}/{order.device}"
    if device.lifecycle is None or device.lifecycle not in order.from_states:
        expected = " or ".join(order.from_states)
        raise InventoryConflict(
            f"{name} is {device.lifecycle or 'in no state'} by operation {device.operation or 'unknown'}, not {expected}.",
            do=f"Find out what {device.operation or 'somebody'} did, then plan again.",
        )
    if order.expected_holder is not None and device.holder != order.expected_holder:
        raise InventoryConflict(
            f"{name} is held by {device.holder or 'nobody'}, not by {order.expected_holder or 'nobody'}.",
            do="Plan again: somebody else has it now.",
        )
    check_move(name, device.lifecycle, order.to)


def _writes(device: DeviceState, order: LifecycleMove) -> Row:
    custom: Row = {
        Cf.LIFECYCLE: order.to,
        Cf.OPERATION: order.operation,
        Cf.QUARANTINE_REASONS: as_kept(order.reasons, judged=order.judged),
    }
    if order.holder is not None:
        custom[Cf.HOLDER] = order.holder or None
    if device.lifecycle is not order.to:
        custom[Cf.SINCE] = datetime.now(UTC).isoformat()
    row: Row = {"custom_fields": custom, "changelog_message": f"{order.operation}: {device.lifecycle} → {order.to}"}
    if not device.adopted:  # `status` of an adopted device is its owner's
        row["status"] = NETBOX_STATUS[order.to]
    return row
