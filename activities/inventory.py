"""What operations do with the inventory. Queue `control`. Each step reads first and changes only what differs."""

from collections import Counter
from collections.abc import Iterable

from temporalio import activity

from activities.artifacts import ModelShelf
from domain.access import Place
from domain.artifact import INLINE_LIMIT_BYTES, ArtifactStore
from domain.cabling import CableState, CableVerdict
from domain.finding import Severity, Sighting
from domain.inventory import (
    Applied,
    Audited,
    DeviceList,
    DeviceQuery,
    Inventory,
    LifecycleMove,
    Moved,
    Note,
    Noted,
    RecordingPlan,
    Refusal,
    Scope,
)
from domain.judgement import moves
from domain.onboarding import RackVerdict, Recorded, RecordOrder, SiteBundle, SwitchReadings
from domain.plan import Action, Flag
from domain.reconcile import RecordChanges, drift, not_declared, reconcile
from domain.recording import cable_link, cable_records, rack_records, records, site_records
from domain.recording_facts import SiteFacts
from domain.records import Endpoint, Record

MOST_REFUSALS = 20
"""How many refusals travel with the result; all of them become findings."""


class InventoryActivities:
    def __init__(self, inventory: Inventory, artifacts: ArtifactStore) -> None:
        self._inventory = inventory
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def record_site(self, order: RecordOrder) -> Recorded:
        """Brings the site, its pools, racks, switches, systems and the cables between recorded devices into NetBox. A retry
        finds what was made and makes the rest. One refused object stops no other; it is named in the result.

        Raises:
            InventoryUnreachable: NetBox does not answer (retried).
        """
        bundle, facts = self._load(order)
        return self._record(order, (*site_records(bundle.site, facts), *cable_records(bundle.site, facts)))

    @activity.defn
    def record_rack(self, order: RecordOrder) -> Recorded:
        """Brings the found servers of a rack into NetBox, new ones in bulk with their first state and their cables to what
        is there, then moves the state of those it knew, each by compare and swap. Retries and raises as `record_site`."""
        bundle, facts = self._load(order)
        assert order.rack is not None
        mine = {server.name for server in facts.servers}
        others = {device.name for device in (*bundle.site.switches, *bundle.site.systems)}
        near = {c.key for c in bundle.site.cables if {c.a.device, c.b.device} <= mine | others}
        cabled = bundle.site.model_copy(update={"cables": tuple(c for c in bundle.site.cables if c.key in near)})
        wanted = (*rack_records(bundle.site, order.rack, bundle.classes, facts), *cable_records(cabled, facts))
        recorded = self._record(order, wanted)
        return recorded.model_copy(update={"moved": self._move(bundle.site.name, facts)})

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

    def _load(self, order: RecordOrder) -> tuple[SiteBundle, SiteFacts]:
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        readings = self._shelf.get(SwitchReadings, order.switches)
        refs = (*order.verdicts, *((order.verdict,) if order.verdict is not None else ()))
        verdicts = [self._shelf.get(RackVerdict, ref) for ref in refs]
        cables: dict[str, CableVerdict] = {cable.key: cable for verdict in verdicts for cable in verdict.cables}
        facts = SiteFacts(
            operation=order.operation_id,
            servers=tuple(server for verdict in verdicts for server in verdict.servers),
            devices=readings.facts,
            verified_cables=frozenset(key for key, cable in cables.items() if cable.state is CableState.VERIFIED),
            wrong_cables=frozenset(key for key, cable in cables.items() if cable.wrong),
        )
        return bundle, facts

    def _record(self, order: RecordOrder, wanted: tuple[Record, ...]) -> Recorded:
        scope = Scope.of(order.site.name, wanted)
        plan = reconcile(wanted, self._inventory.observe(scope))
        applied = self._inventory.apply(scope, plan.changes, order.operation_id, _heartbeat)
        return _recorded(order, plan, applied)

    def _move(self, site: str, facts: SiteFacts) -> int:
        names = tuple(server.name for server in facts.servers)
        states = self._inventory.devices(DeviceQuery(site=site, names=names)) if names else ()
        moved = 0
        for move in moves(site, facts.operation, facts.servers, states):
            moved += self._inventory.set_lifecycle(move).changed
        return moved

    def _compare(self, order: RecordOrder) -> tuple[RecordChanges, tuple[Flag, ...]]:
        bundle, facts = self._load(order)
        wanted = records(bundle.site, bundle.classes, facts)
        observed = self._inventory.observe(Scope.of(order.site.name, wanted, whole=True))
        return reconcile(wanted, observed), not_declared(_declared(bundle, wanted), observed)


def _heartbeat(done: int, total: int) -> None:
    if activity.in_activity():
        activity.heartbeat(done, total)


def _declared(bundle: SiteBundle, wanted: Iterable[Record]) -> tuple[Record, ...]:
    """What is wanted, and what is declared but was not seen this time: not seeing a server does not undeclare it."""
    site = bundle.site
    unseen = [Record(endpoint=Endpoint.DEVICE, key=f"{site.name}/{server.name}", fields={}) for server in site.servers]
    cables = [Record(endpoint=Endpoint.CABLE, key=cable_link(site.name, cable).key, fields={}) for cable in site.cables]
    return (*wanted, *unseen, *cables)


def _recorded(order: RecordOrder, plan: RecordChanges, applied: Applied) -> Recorded:
    action = {change.object: change.action for change in plan.changes}
    count = Counter(action[name] for name in applied.done)
    sightings = (
        *(_sighting(order, flag) for flag in plan.flags),
        *(_sighting(order, _flag(refusal)) for refusal in applied.refused),
    )
    return Recorded(
        created=count[Action.CREATE],
        updated=count[Action.UPDATE] + count[Action.DELETE],
        adopted=count[Action.ADOPT],
        already=applied.already,
        refused=tuple(f"{refusal.object}: {refusal.why}" for refusal in applied.refused[:MOST_REFUSALS]),
        flags=sightings,
    )


def _flag(refusal: Refusal) -> Flag:
    kind = "changed-in-netbox" if refusal.conflict else "refused-by-netbox"
    return Flag(object=refusal.object, kind=kind, message=f"{refusal.object} was not recorded: {refusal.why}.")


def _sighting(order: RecordOrder, flag: Flag) -> Sighting:
    return Sighting(
        object=f"site/{order.site.name}/netbox/{flag.object}",
        kind=flag.kind,
        severity=Severity.WARNING,
        message=flag.message,
        do="Settle it in NetBox or in the declaration, then retry the operation.",
        place=Place(region=order.site.region, site=order.site.name, rack=order.rack or ""),
    )
