"""Wanted records and observed ones to changes. Pure; the same function plans, records and audits.

What NetBox held before us is adopted, never overwritten: on an adopted object we write our custom fields and fill native
fields that are empty; a native field that says something else is flagged and left as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from domain.differing import differing
from domain.model import Json, Model
from domain.netbox_schema import Cf
from domain.ownership import SERIAL_ELSEWHERE, of_others, renamed_flag
from domain.plan import Action, Change, Flag, System
from domain.records import (
    ADDITIVE,
    COMPONENTS,
    CUSTOM,
    LATE,
    ORDER,
    SHARED,
    Endpoint,
    Field,
    Link,
    ObservedRecord,
    Record,
    is_empty,
    links_of,
    same,
    to_json,
)

CF_KEY = f"{CUSTOM}{Cf.KEY}"
CF_ADOPTED = f"{CUSTOM}{Cf.ADOPTED}"

NETBOX_ID = "netbox_id"
"""In the `before` of an adoption: which object is taken over, whatever it is called there."""


class RecordChanges(Model):
    """The changes to NetBox that bring what is there to what is wanted, in the order in which they can be made."""

    changes: tuple[Change, ...] = ()
    flags: tuple[Flag, ...] = ()


def reconcile(wanted: Iterable[Record], observed: Iterable[ObservedRecord]) -> RecordChanges:
    """What must change in NetBox. Records that cannot be told apart from another or belong to another site, and all that
    hang on them, are flagged and left out; nothing is ever deleted except a cable of ours that is in the way of one that is
    wanted."""
    ordered = sorted(wanted, key=lambda record: (ORDER[record.endpoint], record.key))
    seen_all = tuple(observed)
    others = of_others(ordered, seen_all)
    there, flags, blocked = align(ordered, tuple(seen for seen in seen_all if seen.object not in others.objects))
    flags.extend(others.flags)
    blocked |= others.objects
    if others.site:
        blocked |= {record.object for record in ordered if record.endpoint not in SHARED}
    index = {seen.object: seen for seen in there}
    changes: list[Change] = []
    for flag in (*_ports_taken(ordered, there), *_addresses_taken(ordered, index)):
        flags.append(flag)
        blocked.add(flag.object)
    _block_what_hangs(ordered, blocked)
    # Only now: a cable of ours makes room for one that is made, and for no other.
    changes.extend(_cables_in_the_way(ordered, there, blocked))
    for asked in ordered:
        record = _without_late(asked, blocked)
        if record.object in blocked:
            continue
        seen = index.get(record.object)
        if seen is None:
            changes.append(_create(record))
            continue
        change, more = _update(record, seen, index)
        flags.extend(more)
        if change is not None:
            changes.append(change)
    return RecordChanges(changes=tuple(changes), flags=tuple(flags))


def _block_what_hangs(ordered: Sequence[Record], blocked: set[str]) -> None:
    """Adds all that points at what must not be touched; `ordered` as objects are made, so that one pass is enough."""
    for record in ordered:
        fields = _without_late(record, blocked).fields.values()
        if any(link.object in blocked for field in fields for link in links_of(field)):
            blocked.add(record.object)


def not_declared(wanted: Iterable[Record], observed: Iterable[ObservedRecord]) -> tuple[Flag, ...]:
    """Devices, cables and racks of ours in NetBox that no declaration names any more: shown, never removed."""
    names = {record.object for record in wanted}
    kinds = {Endpoint.DEVICE, Endpoint.CABLE, Endpoint.RACK, Endpoint.PREFIX}
    return tuple(
        Flag(
            object=seen.object,
            kind="not-declared",
            message=f"{seen.object} is recorded as ours and is not declared: declare it again, or retire it.",
        )
        for seen in observed
        if seen.endpoint in kinds and seen.owned and seen.object not in names
    )


DRIFT_TOLD = 4


def drift(changes: RecordChanges) -> tuple[Flag, ...]:
    """The changes of an audit as flags: what NetBox says otherwise than declaration and devices."""
    return tuple(
        Flag(object=change.object, kind=f"drift-{change.action}", message=_drift_in_words(change))
        for change in changes.changes
    )


def _drift_in_words(change: Change) -> str:
    if change.action is Action.CREATE:
        return f"{change.object} is missing in NetBox."
    if change.action is Action.DELETE:
        return f"{change.object} is in NetBox and is in the way of what is declared."
    before = change.before if isinstance(change.before, dict) else {}
    after = change.after if isinstance(change.after, dict) else {}
    told = [
        f"{place} is {there} in NetBox and should be {wanted}"
        for name in sorted(after)
        for place, there, wanted in differing(name.removeprefix("cf.ew_"), before.get(name), after[name])
    ]
    more = f"; and {len(told) - DRIFT_TOLD} more" if len(told) > DRIFT_TOLD else ""
    return f"{change.object}: {'; '.join(told[:DRIFT_TOLD])}{more}."


# Which observed object is which wanted one.


def align(
    wanted: Sequence[Record], observed: Sequence[ObservedRecord]
) -> tuple[tuple[ObservedRecord, ...], list[Flag], set[str]]:
    """Finds each wanted device by serial, then by site and name, and renames what was observed accordingly. Returns the
    observed records under their wanted keys, what was ambiguous, and the objects that must not be touched for it."""
    flags: list[Flag] = []
    blocked: set[str] = set()
    devices = [seen for seen in observed if seen.endpoint is Endpoint.DEVICE]
    by_serial: dict[str, list[ObservedRecord]] = defaultdict(list)
    for seen in devices:
        serial = seen.fields.get("serial")
        if isinstance(serial, str) and serial:
            by_serial[serial].append(seen)
    by_name: dict[str, list[ObservedRecord]] = defaultdict(list)
    for seen in devices:
        by_name[seen.key].append(seen)

    renamed: dict[int, str] = {}
    dropped: set[int] = set()
    for record in (r for r in wanted if r.endpoint is Endpoint.DEVICE):
        serial = record.fields.get("serial")
        matches = by_serial.get(serial, []) if isinstance(serial, str) and serial else []
        how = f"the serial {serial}"
        if not matches:
            matches, how = by_name.get(record.key, []), f"the name {record.key}"
        flag = _cannot_be(record, matches, how) or renamed_flag(record, matches)
        if flag is not None:
            flags.append(flag)
            blocked.add(record.object)
            dropped.update(seen.id for seen in matches)
        elif matches:
            renamed[matches[0].id] = record.key
            # Somebody else's device may hold the name: two devices of one name would be refused by NetBox.
            rivals = [seen for seen in by_name.get(record.key, []) if seen.id != matches[0].id]
            if rivals:
                flags.append(_name_taken(record, rivals[0]))
                blocked.add(record.object)

    kept = [seen for seen in observed if not (seen.endpoint is Endpoint.DEVICE and seen.id in dropped)]
    there = rename(kept, renamed)
    flags.extend(_doubles(wanted, there, blocked))
    return there, flags, blocked


def rename(observed: Sequence[ObservedRecord], devices: Mapping[int, str]) -> tuple[ObservedRecord, ...]:
    """The observed records with devices (by their NetBox ids), their parts and cables under the keys we know them by."""
    moved = {
        seen.key: devices[seen.id]
        for seen in observed
        if seen.endpoint is Endpoint.DEVICE and devices.get(seen.id, seen.key) != seen.key
    }
    return tuple(_under_new_name(seen, devices.get(seen.id), moved) for seen in observed)


def _cannot_be(record: Record, matches: Sequence[ObservedRecord], how: str) -> Flag | None:
    """Why none of the matches may be adopted for the record."""
    if len(matches) > 1:
        listed = ", ".join(f"{seen.key} (id {seen.id})" for seen in matches)
        return Flag(
            object=record.object,
            kind="ambiguous-in-netbox",
            message=f"{how} fits {len(matches)} devices in NetBox: {listed}. None is adopted: make it fit one.",
        )
    if not matches:
        return None
    seen, site = matches[0], record.key.partition("/")[0]
    if seen.key.partition("/")[0] != site:
        return Flag(
            object=record.object,
            kind=SERIAL_ELSEWHERE,
            message=f"{how} belongs to {seen.key} (id {seen.id}) of another site. Correct the serial, or retire it there.",
        )
    theirs, ours = seen.fields.get("serial"), record.fields.get("serial")
    if isinstance(theirs, str) and isinstance(ours, str) and theirs and ours and theirs != ours:
        return Flag(
            object=record.object,
            kind="other-serial-in-netbox",
            message=f"{seen.key} (id {seen.id}) has the serial {theirs} in NetBox, the device reports {ours}: a swapped "
            "machine. Retire or rename the old one in NetBox, then retry.",
        )
    return None


def _name_taken(record: Record, rival: ObservedRecord) -> Flag:
    return Flag(
        object=record.object,
        kind="name-taken",
        message=f"The name {record.key} is held by another device in NetBox (id {rival.id}). Rename one of them.",
    )


def _doubles(wanted: Sequence[Record], there: Sequence[ObservedRecord], blocked: set[str]) -> list[Flag]:
    count = Counter(seen.object for seen in there)
    flags: list[Flag] = []
    for record in wanted:
        if count[record.object] > 1 and record.object not in blocked:
            ids = ", ".join(str(seen.id) for seen in there if seen.object == record.object)
            blocked.add(record.object)
            flags.append(
                Flag(
                    object=record.object,
                    kind="ambiguous-in-netbox",
                    message=f"{record.object} fits several objects in NetBox (ids {ids}). None is adopted: make it fit one.",
                )
            )
    return flags


def _under_new_name(seen: ObservedRecord, key: str | None, moved: Mapping[str, str]) -> ObservedRecord:
    """The observed record as part of the device it turned out to be: its key, and every link to a renamed device."""
    if seen.endpoint is Endpoint.DEVICE:
        return seen if key is None or key == seen.key else seen.model_copy(update={"key": key})
    if not moved:
        return seen
    fields = {name: _relink(value, moved) for name, value in seen.fields.items()}
    new_key = _rekey(seen.key, moved) if seen.endpoint in COMPONENTS else seen.key
    if seen.endpoint is Endpoint.CABLE:
        new_key = cable_key(
            *(link for name in ("a_terminations", "b_terminations") for link in links_of(fields.get(name)))
        )
    return seen.model_copy(update={"key": new_key, "fields": fields})


def _rekey(key: str, moved: Mapping[str, str]) -> str:
    for old, new in moved.items():
        if key.startswith(f"{old}/"):
            return new + key.removeprefix(old)
    return key


def _relink(value: Field, moved: Mapping[str, str]) -> Field:
    if isinstance(value, Link):
        key = moved.get(value.key, value.key) if value.endpoint is Endpoint.DEVICE else value.key
        return value.model_copy(update={"key": _rekey(key, moved) if value.endpoint in COMPONENTS else key})
    if isinstance(value, tuple):
        return tuple(link for item in value for link in links_of(_relink(item, moved)))
    return value


def cable_key(*ends: Link) -> str:
    """The key of the cable between interfaces (`oslo-1/r1-leaf-a/swp1`): the same whichever end is named first."""
    return "--".join(sorted(end.key for end in ends))


# Cables: a port holds one.


def _ends(cable: Record | ObservedRecord) -> set[str]:
    return {link.key for name in ("a_terminations", "b_terminations") for link in links_of(cable.fields.get(name))}


def _rivals(record: Record, there: Sequence[ObservedRecord]) -> list[ObservedRecord]:
    return [
        seen
        for seen in there
        if seen.endpoint is Endpoint.CABLE and seen.key != record.key and _ends(seen) & _ends(record)
    ]


def _ports_taken(wanted: Sequence[Record], there: Sequence[ObservedRecord]) -> list[Flag]:
    """Somebody else's cables at the ports of wanted ones: those stay, and ours wait."""
    cables = [seen for seen in there if seen.endpoint is Endpoint.CABLE and not seen.owned]
    return [
        Flag(
            object=record.object,
            kind="port-taken",
            message=f"NetBox has another cable (id {rival.id}, {rival.key}) at a port of {record.key}: remove it there if "
            "it is not so.",
        )
        for record in wanted
        if record.endpoint is Endpoint.CABLE and cables
        for rival in _rivals(record, cables)
    ]


def _addresses_taken(wanted: Sequence[Record], index: Mapping[str, ObservedRecord]) -> list[Flag]:
    """Addresses that NetBox gave to something else before us: never taken away from it."""
    flags: list[Flag] = []
    for record in wanted:
        seen = index.get(record.object) if record.endpoint is Endpoint.IP_ADDRESS else None
        if seen is None or seen.owned:
            continue
        theirs = seen.fields.get("assigned_object")
        if not is_empty(theirs) and not same(theirs, record.fields.get("assigned_object")):
            flags.append(
                Flag(
                    object=record.object,
                    kind="address-taken",
                    message=f"{record.fields.get('address')} belongs to something else in NetBox (id {seen.id}). "
                    "Correct the address there or in the declaration.",
                )
            )
    return flags


def _without_late(record: Record, blocked: set[str]) -> Record:
    """The record without those pointers to later objects that cannot be made: the device itself can."""
    late = LATE.get(record.endpoint, frozenset[str]())
    gone = {
        name
        for name in late & set(record.fields)
        if any(link.object in blocked for link in links_of(record.fields[name]))
    }
    return (
        record.model_copy(update={"fields": {n: v for n, v in record.fields.items() if n not in gone}})
        if gone
        else record
    )


def _cables_in_the_way(
    wanted: Sequence[Record], there: Sequence[ObservedRecord], blocked: set[str]
) -> tuple[Change, ...]:
    """Our own recorded cables at ports where another one is wanted now."""
    owned = [seen for seen in there if seen.endpoint is Endpoint.CABLE and seen.owned]
    if not owned:
        return ()
    keep = {record.object for record in wanted}
    gone: dict[str, Change] = {}
    for record in wanted:
        if record.endpoint is not Endpoint.CABLE or record.object in blocked:
            continue
        for rival in _rivals(record, owned):
            if rival.object not in keep:
                gone[rival.object] = Change(
                    system=System.NETBOX,
                    object=rival.object,
                    action=Action.DELETE,
                    before=_as_json(rival.fields),
                    why=f"a port of it is wanted for {record.key}",
                )
    return tuple(gone[name] for name in sorted(gone))


# One record.


def _create(record: Record) -> Change:
    return Change(
        system=System.NETBOX,
        object=record.object,
        action=Action.CREATE,
        after=_as_json({name: value for name, value in record.fields.items() if not is_empty(value)}),
    )


def _update(
    record: Record, seen: ObservedRecord, index: Mapping[str, ObservedRecord]
) -> tuple[Change | None, list[Flag]]:
    if record.endpoint in SHARED:
        return None, []
    adopting = not seen.owned and record.endpoint not in COMPONENTS
    theirs = adopting or _adopted(seen, index)
    before: dict[str, Field] = {}
    after: dict[str, Field] = {}
    flags: list[Flag] = []
    for name, wanted in record.fields.items():
        present = seen.fields.get(name)
        native = not name.startswith(CUSTOM)
        value = _added(wanted, present) if name in ADDITIVE.get(record.endpoint, ()) else wanted
        if same(value, present) or (name in record.create_only and (native or not adopting)):
            continue
        if theirs and native and not is_empty(present) and name not in _OURS_ON_ADOPTED:
            if not _same_address(name, present, value):
                flags.append(_differs(record, name, present, value))
            continue
        before[name], after[name] = present, value
    if adopting:
        after[CF_ADOPTED] = True
    if not after:
        return None, flags
    where = f"NetBox held it before us (id {seen.id})" if adopting else ""
    return (
        Change(
            system=System.NETBOX,
            object=record.object,
            action=Action.ADOPT if adopting else Action.UPDATE,
            before=_as_json({**before, NETBOX_ID: seen.id} if adopting else before),
            after=_as_json(after),
            why=where,
        ),
        flags,
    )


_PRIMARY = frozenset({"primary_ip4", "primary_ip6"})
_LATE_OF_ALL = frozenset(name for names in LATE.values() for name in names)
_OURS_ON_ADOPTED = (_LATE_OF_ALL - _PRIMARY) | frozenset(name for names in ADDITIVE.values() for name in names)
"""A primary address that somebody chose stays theirs: other tools manage the device by it."""


def _same_address(name: str, present: Field, value: Field) -> bool:
    """Whether both are the same primary address, theirs in another routing table than ours (`global/10.1.3.10`)."""
    keys = [[link.key.rpartition("/")[2] for link in links_of(field)] for field in (present, value)]
    return name in _PRIMARY and keys[0] == keys[1]


def _adopted(seen: ObservedRecord, index: Mapping[str, ObservedRecord]) -> bool:
    """Whether the object, or the device it is part of, was there before us."""
    owner = seen
    if seen.endpoint in COMPONENTS:
        device = seen.fields.get("device")
        owner = index.get(device.object, seen) if isinstance(device, Link) else seen
    return owner.fields.get(CF_ADOPTED) is True or not owner.owned


def _added(value: Field, present: Field) -> Field:
    """Their entries, then ours that are missing."""
    if isinstance(value, tuple):
        known = {link.object for link in links_of(present)}
        return (*links_of(present), *(link for link in value if link.object not in known))
    if isinstance(value, list):
        there = present if isinstance(present, list) else []
        return [*there, *(item for item in value if item not in there)]
    return value


def _differs(record: Record, name: str, present: Field, value: Field) -> Flag:
    return Flag(
        object=record.object,
        kind="differs-in-netbox",
        message=f"{record.object} was in NetBox before us and its {name} is {to_json(present)!r} there, not "
        f"{to_json(value)!r}. It is left as it is: correct NetBox or the declaration.",
    )


def _as_json(fields: Mapping[str, Field]) -> Json:
    return {name: to_json(value) for name, value in sorted(fields.items())}
