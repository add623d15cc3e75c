"""Makes the changes of a plan in NetBox: in the order of endpoints, in bulk, each object checked against a fresh look first.

NetBox makes all of a batch or none of it. A refused batch is made again without the entries NetBox named, or in halves where
it named none, so one bad object never stops the others; what hangs on it is reported as waiting for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from clients.netbox.batching import batches_of, parts_by_type
from clients.netbox.mapping import SHAPES, Ids, Unresolved, payload
from clients.netbox.reader import Reading
from clients.netbox.session import BatchRefused, NetBoxSession, Row, Stale
from domain.inventory import Applied, InventoryRefused, Progress, Refusal
from domain.model import Json
from domain.netbox_schema import Cf
from domain.plan import Action, Change, System
from domain.reconcile import NETBOX_ID, rename
from domain.records import (
    COMPONENTS,
    CUSTOM,
    LATE,
    ORDER,
    SHARED,
    Endpoint,
    Link,
    ObservedRecord,
    from_json,
    same,
    split_object,
)

PARALLEL = 2
"""Batches under way at once: NetBox's own workers bound it, two in the embedded one."""

_ALONE = frozenset({Endpoint.DEVICE_TYPE, Endpoint.DEVICE, Endpoint.MODULE_BAY, Endpoint.MODULE_TYPE})
"""Never two batches of these at once: each object counts up its type or device, and two batches would wait for each other's
row locks in different orders."""

_STATE = f"{CUSTOM}{Cf.LIFECYCLE}"


class Writer:
    """One apply. `label` stands in NetBox's change log beside each change."""

    def __init__(self, session: NetBoxSession, reading: Reading, label: str, progress: Progress | None = None) -> None:
        self._session = session
        self._reading = reading
        self._label = label
        self._progress = progress
        self._total = 0
        self._ids: Ids = reading.ids
        self._there: dict[str, ObservedRecord] = {seen.object: seen for seen in reading.records}
        self._made_devices: list[int] = []
        self._from_template: set[str] = set()
        self._done: dict[str, None] = {}
        self._already = 0
        self._refused: dict[str, Refusal] = {}

    def apply(self, changes: Sequence[Change]) -> Applied:
        self._total = len(changes)
        self._know_adopted(changes)
        mine = [(change, *split_object(change.object)) for change in changes if change.system is System.NETBOX]
        self._delete([change for change, _, _ in mine if change.action is Action.DELETE])
        rest = [entry for entry in mine if entry[0].action is not Action.DELETE]
        for endpoint in sorted({endpoint for _, endpoint, _ in rest}, key=lambda e: ORDER[e]):
            self._stage(endpoint, [change for change, kind, _ in rest if kind is endpoint])
        self._late([(change, kind, key) for change, kind, key in rest if kind in LATE])
        return Applied(done=tuple(self._done), already=self._already, refused=tuple(self._refused.values()))

    # One endpoint.

    def _stage(self, endpoint: Endpoint, changes: Sequence[Change]) -> None:
        if endpoint in COMPONENTS and self._made_devices and endpoint is not Endpoint.MODULE:
            for seen in self._reading.look_again(endpoint, self._made_devices):
                self._there[seen.object] = seen
                self._from_template.add(seen.object)
        creates: list[tuple[str, Row]] = []
        updates: list[tuple[str, Row]] = []
        for change in changes:
            after = _without(endpoint, cast(Mapping[str, Json], change.after or {}))
            seen = self._there.get(change.object)
            try:
                if seen is None:
                    if change.action is Action.CREATE:
                        creates.append((change.object, self._payload(endpoint, after)))
                    else:
                        self._refuse(change.object, "it is not there any more", conflict=True)
                    continue
                todo = self._still_to_do(change, after, seen)
                if todo is None:
                    continue
                if not todo and change.object in self._from_template:
                    self._done[change.object] = None
                elif not todo:
                    self._already += 1
                elif _STATE in todo:
                    self._singly(endpoint, change.object, seen, todo)
                    self._tell()
                else:
                    updates.append((change.object, {"id": seen.id, **self._payload(endpoint, todo)}))
            except Unresolved as missing:
                self._refuse(change.object, f"it needs {missing.link.object}, which is not in NetBox")
        self._create(endpoint, creates)
        self._update(endpoint, updates)

    def _payload(self, endpoint: Endpoint, fields: Mapping[str, Json]) -> Row:
        row = payload(endpoint, fields, self._ids)
        return {**row, "changelog_message": self._label} if self._label else row

    def _still_to_do(self, change: Change, after: Mapping[str, Json], seen: ObservedRecord) -> dict[str, Json] | None:
        """The fields that are not yet as planned; None if the object is not as the plan saw it."""
        endpoint = seen.endpoint
        before = cast(Mapping[str, Json], change.before or {})
        todo: dict[str, Json] = {}
        moved: list[str] = []
        for name, value in after.items():
            present = seen.fields.get(name)
            if same(from_json(value), present):
                continue
            expected = same(from_json(before.get(name)), present)
            # NetBox makes components of a new device from its type, perhaps in an earlier try; what it could not know
            # is filled in.
            from_template = endpoint in COMPONENTS and change.action is Action.CREATE
            if expected or from_template:
                todo[name] = value
            else:
                moved.append(f"{name} is {present!r}, the plan saw {before.get(name)!r}")
        if endpoint in SHARED:
            return {}
        if change.action is Action.CREATE and not seen.owned:
            self._refuse(change.object, "NetBox has it since, from somebody else", conflict=True)
            return None
        if moved:
            self._refuse(change.object, f"it is not as the plan saw it: {'; '.join(moved)}", conflict=True)
            return None
        return todo

    def _singly(self, endpoint: Endpoint, name: str, seen: ObservedRecord, todo: Mapping[str, Json]) -> None:
        """The state of an existing server is written alone and only if nothing happened to it since it was read."""
        path = SHAPES[endpoint].path
        row, etag = self._session.row(path, seen.id, fields=("id", "last_updated"))
        if seen.etag and str(row.get("last_updated") or "") != seen.etag:
            self._refuse(name, "it changed while it was looked at", conflict=True)
            return
        try:
            self._session.update_if_unchanged(path, seen.id, etag, self._payload(endpoint, todo))
        except Stale:
            self._refuse(name, "it changed while it was looked at", conflict=True)
        except InventoryRefused as refused:
            self._refuse(name, refused.message)
        else:
            self._done[name] = None

    # Batches.

    def _create(self, endpoint: Endpoint, items: Sequence[tuple[str, Row]]) -> None:
        path = SHAPES[endpoint].path

        def send(batch: Sequence[tuple[str, Row]]) -> None:
            made = self._session.create(path, [row for _, row in batch])
            for (name, _), row in zip(batch, made, strict=True):
                self._ids.add(endpoint, split_object(name)[1], row["id"])
                self._done[name] = None
                if endpoint is Endpoint.DEVICE:
                    self._made_devices.append(row["id"])

        self._in_batches(endpoint, items, send)
        if endpoint in SHARED and any(name in self._refused for name, _ in items):
            self._made_by_another(endpoint, [name for name, _ in items if name in self._refused])

    def _update(self, endpoint: Endpoint, items: Sequence[tuple[str, Row]]) -> None:
        path = SHAPES[endpoint].path

        def send(batch: Sequence[tuple[str, Row]]) -> None:
            self._session.update(path, [row for _, row in batch])
            self._done.update(dict.fromkeys(name for name, _ in batch))

        self._in_batches(endpoint, items, send)

    def _in_batches(
        self,
        endpoint: Endpoint,
        items: Sequence[tuple[str, Row]],
        send: Callable[[Sequence[tuple[str, Row]]], None],
    ) -> None:
        batches = batches_of(items, parts_by_type(self._ids) if endpoint is Endpoint.DEVICE else {})
        if len(batches) < 2 or endpoint in _ALONE:
            for batch in batches:
                self._send(batch, send)
                self._tell()
            return
        with ThreadPoolExecutor(PARALLEL) as pool:
            outcomes = [pool.submit(self._send, batch, send) for batch in batches]
            try:
                for outcome in outcomes:
                    outcome.result()
                    self._tell()
            except BaseException:
                for outcome in outcomes:
                    outcome.cancel()  # what is under way ends; nothing new begins for a caller that has given up
                raise

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(len(self._done) + self._already + len(self._refused), self._total)

    def _send(self, batch: Sequence[tuple[str, Row]], send: Callable[[Sequence[tuple[str, Row]]], None]) -> None:
        if not batch:
            return
        try:
            send(batch)
        except BatchRefused as refused:
            bad = {at: why for at, why in refused.by_position.items() if at < len(batch)}
            numbers = {row.get("id"): at for at, (_, row) in enumerate(batch)}
            bad |= {numbers[number]: why for number, why in refused.by_id.items() if number in numbers}
            if not bad:
                self._halve(batch, send, refused)
                return
            for at, why in bad.items():
                self._refuse(batch[at][0], why)
            self._send([item for at, item in enumerate(batch) if at not in bad], send)
        except InventoryRefused as refused:
            self._halve(batch, send, refused)

    def _halve(
        self,
        batch: Sequence[tuple[str, Row]],
        send: Callable[[Sequence[tuple[str, Row]]], None],
        refused: InventoryRefused,
    ) -> None:
        if len(batch) == 1:
            self._refuse(batch[0][0], refused.message)
            return
        middle = len(batch) // 2
        self._send(batch[:middle], send)
        self._send(batch[middle:], send)

    # The rest.

    def _late(self, entries: Iterable[tuple[Change, Endpoint, str]]) -> None:
        """Fields that point at objects made after their own."""
        updates: dict[Endpoint, list[tuple[str, Row]]] = {}
        for change, endpoint, key in entries:
            after = cast(Mapping[str, Json], change.after or {})
            seen = self._there.get(change.object)
            todo = {
                name: value
                for name, value in after.items()
                if name in LATE[endpoint] and not (seen and same(from_json(value), seen.fields.get(name)))
            }
            if not todo or change.object in self._refused:
                continue
            try:
                number = self._ids.id(Link(endpoint=endpoint, key=key))
                updates.setdefault(endpoint, []).append(
                    (change.object, {"id": number, **self._payload(endpoint, todo)})
                )
            except Unresolved as missing:
                self._refuse(change.object, f"it needs {missing.link.object}, which is not in NetBox")
        for endpoint, items in updates.items():
            self._update(endpoint, items)

    def _delete(self, changes: Sequence[Change]) -> None:
        for change in changes:
            seen = self._there.pop(change.object, None)
            if seen is None:
                self._already += 1
                continue
            try:
                self._session.delete(SHAPES[seen.endpoint].path, [seen.id])
                self._done[change.object] = None
            except InventoryRefused as refused:
                self._refuse(change.object, refused.message)

    def _know_adopted(self, changes: Sequence[Change]) -> None:
        """An object to be adopted may have another name in NetBox: the plan says which number it has."""
        names: dict[int, str] = {}
        for change in changes:
            if change.action is Action.ADOPT and isinstance(change.before, dict):
                number, (endpoint, key) = change.before.get(NETBOX_ID), split_object(change.object)
                if endpoint is Endpoint.DEVICE and isinstance(number, int):
                    names[number] = key
        records = rename(self._reading.records, names)
        for seen in records:
            self._ids.add(seen.endpoint, seen.key, seen.id)
        self._there = {seen.object: seen for seen in records}

    def _made_by_another(self, endpoint: Endpoint, names: Sequence[str]) -> None:
        """Racks are recorded side by side: a catalogue entry refused as a double is there now, and that is all we want."""
        found = {seen.object for seen in self._reading.look_for(endpoint)}
        for name in names:
            if name in found:
                del self._refused[name]
                self._already += 1

    def _refuse(self, name: str, why: str, *, conflict: bool = False) -> None:
        self._refused[name] = Refusal(object=name, why=why, conflict=conflict)


def _without(endpoint: Endpoint, after: Mapping[str, Json]) -> dict[str, Json]:
    late = LATE.get(endpoint, frozenset[str]())
    return {name: value for name, value in after.items() if name not in late}
