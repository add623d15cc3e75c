"""What operations ask of the inventory and tell it, beside recording: plans, audits, lists, states, journal. Queue `control`."""

from collections import Counter
from collections.abc import Iterable

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.site_facts import facts_of
from domain.access import Place
from domain.artifact import INLINE_LIMIT_BYTES, ArtifactStore
from domain.finding import Severity, Sighting
from domain.inventory import (
    Audited,
    DeviceList,
    DeviceQuery,
    Inventory,
    LifecycleMove,
    Moved,
    Note,
    Noted,
    RecordingPlan,
    Scope,
)
from domain.onboarding import RecordOrder, SiteBundle
from domain.plan import Action, Flag
from domain.reconcile import RecordChanges, drift, not_declared, reconcile
from domain.recording import cable_link, records
from domain.records import Endpoint, Record


class InventoryActivities:
    def __init__(self, inventory: Inventory, artifacts: ArtifactStore) -> None:
        self._inventory = inventory
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def plan_recording(self, order: RecordOrder) -> RecordingPlan:
        """What recording the whole site would change, adopt and flag; changes nothing."""
        plan, _ = self._compare(order)
        count = Counter(change.action for change in plan.changes)
        return RecordingPlan(
            changes=self._shelf.put(plan),
            creates=count[Action.CREATE],
            updates=count[Action.UPDATE],
            adopts=count[Action.ADOPT],
            deletes=count[Action.DELETE],
            flags=len(plan.flags),
        )

    @activity.defn
    def audit_recording(self, order: RecordOrder) -> Audited:
        """How NetBox differs from the declaration and what was seen of the devices; changes nothing."""
        plan, undeclared = self._compare(order)
        sightings = tuple(_sighting(order, flag) for flag in (*plan.flags, *drift(plan), *undeclared))
        audited = Audited(sightings=sightings, count=len(sightings))
        if len(audited.model_dump_json()) <= INLINE_LIMIT_BYTES:
            return audited
        return Audited(ref=self._shelf.put(audited), count=audited.count)

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

    # Beneath.

    def _compare(self, order: RecordOrder) -> tuple[RecordChanges, tuple[Flag, ...]]:
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        facts = facts_of(self._shelf, order)
        wanted = records(bundle.site, bundle.classes, facts)
        observed = self._inventory.observe(Scope.of(order.site.name, wanted, whole=True))
        return reconcile(wanted, observed), not_declared(_declared(bundle, wanted), observed)


def _declared(bundle: SiteBundle, wanted: Iterable[Record]) -> tuple[Record, ...]:
    """What is wanted, and what is declared but was not seen this time: not seeing a server does not undeclare it."""
    site = bundle.site
    unseen = [Record(endpoint=Endpoint.DEVICE, key=f"{site.name}/{server.name}", fields={}) for server in site.servers]
    cables = [Record(endpoint=Endpoint.CABLE, key=cable_link(site.name, cable).key, fields={}) for cable in site.cables]
    return (*wanted, *unseen, *cables)


def _sighting(order: RecordOrder, flag: Flag) -> Sighting:
    return Sighting(
        object=f"site/{order.site.name}/netbox/{flag.object}",
        kind=flag.kind,
        severity=Severity.WARNING,
        message=flag.message,
        do="Settle it in NetBox or in the declaration, then retry the operation.",
        place=Place(region=order.site.region, site=order.site.name, rack=order.rack or ""),
    )
