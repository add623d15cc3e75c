"""An inventory for matrices of hundreds of onboardings, where a real NetBox would take a minute for each: one file for each
site, replaced as a whole at each write, so that a killed worker leaves it as it was before or after. What NetBox itself does
with a plan is proved by tests/clients/netbox and test_onboarding."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.inventory import (
    Applied,
    DeviceQuery,
    DeviceState,
    DeviceUnknown,
    ForeignChange,
    InventoryConflict,
    LifecycleMove,
    Moved,
    Note,
    Progress,
    Refusal,
    Scope,
)
from domain.lifecycle import NETBOX_STATUS, Lifecycle, check_move
from domain.netbox_schema import Cf, SchemaState
from domain.plan import Action, Change
from domain.quarantine import as_kept, as_read
from domain.records import CUSTOM, Endpoint, Link, ObservedRecord, from_json, same, split_object


class InventoryInFile:
    """`log`: every change that was made, in order; the judge of what an apply changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def look(self, scope: Scope) -> "FileLook":
        return FileLook(self, scope)

    def observe(self, scope: Scope) -> tuple[ObservedRecord, ...]:
        rows = self.kept(scope.site)["records"]
        return tuple(
            ObservedRecord(
                endpoint=split_object(name)[0],
                key=split_object(name)[1],
                id=row["id"],
                fields={field: from_json(value) for field, value in row["fields"].items()},
            )
            for name, row in rows.items()
        )

    def apply(
        self, scope: Scope, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None
    ) -> Applied:
        done: list[str] = []
        refused: list[Refusal] = []
        already = 0
        with self._changing(scope.site) as kept:
            for change in changes:
                after: dict[str, Any] = dict(change.after) if isinstance(change.after, dict) else {}
                row = kept["records"].get(change.object)
                if row is None and change.action is not Action.CREATE:
                    refused.append(Refusal(object=change.object, why="it is not there any more", conflict=True))
                elif row is not None and _as_wanted(row["fields"], after):
                    already += 1
                else:
                    row = kept["records"].setdefault(change.object, {"id": len(kept["records"]) + 1, "fields": {}})
                    before = {field: row["fields"].get(field) for field in after}
                    row["fields"] |= after
                    kept["log"].append(
                        {"action": change.action.value, "object": change.object, "label": label}
                        | {"before": before, "after": after}
                    )
                    done.append(change.object)
        if progress is not None:
            progress(len(done), len(changes))
        return Applied(done=tuple(done), already=already, refused=tuple(refused))

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        sites = [query.site] if query.site else [file.stem for file in self._folder.glob("*.json")]
        found = [_device(name, row) for site in sites for name, row in self.kept(site)["records"].items()]
        return tuple(
            device
            for device in found
            if device is not None
            and (not query.names or device.name in query.names)
            and (not query.roles or device.role in query.roles)
            and (not query.lifecycles or device.lifecycle in query.lifecycles)
        )

    def set_lifecycle(self, move: LifecycleMove) -> Moved:
        name = f"{Endpoint.DEVICE}/{move.site}/{move.device}"
        with self._changing(move.site) as kept:
            row = kept["records"].get(name)
            device = _device(name, row) if row is not None else None
            if device is None:
                raise DeviceUnknown(f"There is no device {move.site}/{move.device}.")
            judged = move.reasons if move.judged else ()
            wanted = (move.to, move.operation, move.reasons, judged)
            if (device.lifecycle, device.operation, device.reasons, device.reasons_judged) == wanted:
                return Moved(device=device, changed=False)
            if device.lifecycle not in move.from_states:
                raise InventoryConflict(f"{move.device} is {device.lifecycle}, not {move.from_states}.")
            check_move(move.device, device.lifecycle, move.to)
            row["fields"] |= {
                f"{CUSTOM}{Cf.LIFECYCLE}": move.to.value,
                f"{CUSTOM}{Cf.OPERATION}": move.operation,
                f"{CUSTOM}{Cf.QUARANTINE_REASONS}": as_kept(move.reasons, judged=move.judged),
                "status": NETBOX_STATUS[move.to],
            }
            kept["log"].append(
                {"action": "move", "object": name, "label": move.operation}
                | {"before": device.lifecycle, "after": move.to.value}
            )
            moved = _device(name, row)
        assert moved is not None
        return Moved(device=moved, changed=True)

    def write_note(self, note: Note) -> bool:
        return True

    def foreign_changes(self, site: str, since: datetime) -> tuple[ForeignChange, ...]:
        return ()

    def bootstrap(self) -> SchemaState:
        return SchemaState()

    def check_bootstrap(self) -> SchemaState:
        return SchemaState()

    # --- what tests look at -----------------------------------------------------------------------------------------

    def kept(self, site: str) -> dict[str, Any]:
        file = self._folder / f"{site}.json"
        return json.loads(file.read_text()) if file.exists() else {"records": {}, "log": []}

    @contextmanager
    def _changing(self, site: str) -> Iterator[dict[str, Any]]:
        """Written only if the block ends well."""
        with (self._folder / f"{site}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self.kept(site)
            before = len(kept["log"])
            yield kept
            if len(kept["log"]) != before:
                new = self._folder / f"{site}.new"
                new.write_text(json.dumps(kept))
                new.replace(self._folder / f"{site}.json")


class FileLook:
    """What was there when it was made; a change that somebody else made since is met by `apply`, which reads anew."""

    def __init__(self, inventory: InventoryInFile, scope: Scope) -> None:
        self._inventory, self._scope = inventory, scope
        self.records = inventory.observe(scope)

    def apply(self, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None) -> Applied:
        return self._inventory.apply(self._scope, changes, label, progress)


def _as_wanted(fields: dict[str, Any], after: dict[str, Any]) -> bool:
    return all(same(from_json(fields.get(name)), from_json(value)) for name, value in after.items())


def _device(name: str, row: dict[str, Any]) -> DeviceState | None:
    endpoint, key = split_object(name)
    if endpoint is not Endpoint.DEVICE:
        return None
    site, _, device = key.partition("/")
    fields = row["fields"]
    role = from_json(fields.get("role"))
    state = fields.get(f"{CUSTOM}{Cf.LIFECYCLE}")
    reasons = as_read(fields.get(f"{CUSTOM}{Cf.QUARANTINE_REASONS}"))
    return DeviceState(
        id=row["id"],
        site=site,
        name=device,
        role=role.key if isinstance(role, Link) else "",
        serial=str(fields.get("serial") or ""),
        lifecycle=Lifecycle(state) if state else None,
        operation=str(fields.get(f"{CUSTOM}{Cf.OPERATION}") or ""),
        holder=str(fields.get(f"{CUSTOM}{Cf.HOLDER}") or ""),
        reasons=reasons.all,
        reasons_judged=reasons.judged,
        attestation=fields.get(f"{CUSTOM}{Cf.ATTESTATION}") or {},
        changed_at=datetime.now(UTC),
    )
