"""What operations ask of the inventory and tell it, beside recording: lists, states, journal. Queue `control`."""

from temporalio import activity

from activities.artifacts import ModelShelf
from domain.artifact import INLINE_LIMIT_BYTES, ArtifactStore
from domain.inventory import (
    DeviceList,
    DeviceQuery,
    Inventory,
    LifecycleMove,
    Moved,
    Note,
    Noted,
)


class InventoryActivities:
    def __init__(self, inventory: Inventory, artifacts: ArtifactStore) -> None:
        self._inventory = inventory
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def read_devices(self, query: DeviceQuery) -> DeviceList:
        """Servers, switches and systems with state and holder, in one list."""
        found = DeviceList(devices=self._inventory.devices(query))
        found = found.model_copy(update={"count": len(found.devices)})
        if len(found.model_dump_json()) <= INLINE_LIMIT_BYTES:
            return found
        return DeviceList(ref=self._shelf.put(found), count=found.count)

    @activity.defn
    def ensure_lifecycle(self, move: LifecycleMove) -> Moved:
        """Moves one server's state and holder. On a retry it finds them moved.

        Raises:
            InventoryConflict: the server is in another state, or held by somebody else (not retried).
            MoveNotAllowed: the lifecycle has no such step (not retried).
        """
        return self._inventory.set_lifecycle(move)

    @activity.defn
    def write_journal(self, note: Note) -> Noted:
        """Leaves an entry in NetBox's journal of a device or site; once per key."""
        return Noted(written=self._inventory.write_note(note))
