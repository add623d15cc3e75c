"""NetBox as the product's inventory: `domain.inventory.Inventory`."""

from datetime import datetime

from clients.netbox import bootstrap, devices, journal
from clients.netbox.reader import Reading
from clients.netbox.session import NetBoxSession
from clients.netbox.writer import Writer
from domain.inventory import (
    Applied,
    DeviceQuery,
    DeviceState,
    ForeignChange,
    LifecycleMove,
    Moved,
    Note,
    Progress,
    Scope,
)
from domain.netbox_schema import SchemaState
from domain.plan import Change
from domain.records import ObservedRecord


class NetBoxLook:
    """Fulfils `domain.inventory.Look`."""

    def __init__(self, session: NetBoxSession, scope: Scope) -> None:
        self._session = session
        self._reading = Reading(session, scope)

    @property
    def records(self) -> tuple[ObservedRecord, ...]:
        return self._reading.records

    def apply(self, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None) -> Applied:
        if not changes:
            return Applied()
        return Writer(self._session, self._reading, label, progress).apply(changes)


class NetBoxInventory:
    """One NetBox. Safe to share between threads; holds nothing between calls but connections."""

    def __init__(self, session: NetBoxSession) -> None:
        self._session = session

    def look(self, scope: Scope) -> NetBoxLook:
        return NetBoxLook(self._session, scope)

    def observe(self, scope: Scope) -> tuple[ObservedRecord, ...]:
        return self.look(scope).records

    def apply(
        self, scope: Scope, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None
    ) -> Applied:
        return self.look(scope).apply(changes, label, progress) if changes else Applied()

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        return devices.list_devices(self._session, query)

    def set_lifecycle(self, move: LifecycleMove) -> Moved:
        return devices.move(self._session, move)

    def write_note(self, note: Note) -> bool:
        return journal.write(self._session, note)

    def foreign_changes(self, site: str, since: datetime) -> tuple[ForeignChange, ...]:
        return journal.foreign_changes(self._session, site, since)

    def bootstrap(self) -> SchemaState:
        return bootstrap.bootstrap(self._session)

    def check_bootstrap(self) -> SchemaState:
        return bootstrap.check(self._session)
