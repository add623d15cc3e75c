"""Recording a site and its racks: wanted records from what was found, against what NetBox holds, written in bulk."""

from collections.abc import Iterable

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.heartbeat import beat
from activities.site_facts import facts_of
from domain.access import Place
from domain.artifact import ArtifactStore
from domain.errors import Conflict
from domain.finding import Severity, Sighting
from domain.inventory import DeviceQuery, Inventory, Refusal, Scope
from domain.judgement import left_in_quarantine, moves
from domain.onboarding import Recorded, RecordOrder, SiteBundle
from domain.ownership import severity_of
from domain.plan import Action, Change, Flag
from domain.quarantine import by_another_hand
from domain.reconcile import reconcile
from domain.recording import cable_records, rack_records, site_records
from domain.recording_facts import ServerFacts
from domain.records import Record
from domain.site import SiteDeclaration

ROUNDS = 3
"""How often a refused batch is planned anew from what is there by then: racks that are recorded side by side make the same
catalogue entries, and the one that comes second finds them made."""


class RecordingActivities:
    """Makes NetBox say what was found. Each step reads, compares, writes the difference, and changes nothing the second time."""

    def __init__(self, inventory: Inventory, artifacts: ArtifactStore) -> None:
        self._inventory = inventory
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def record_site(self, order: RecordOrder) -> Recorded:
        """Without verdicts: the site's frame, switches, systems and pools. With them: the cables between what is recorded.

        Raises:
            InventoryUnreachable: retried.
        """
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        facts = facts_of(self._shelf, order)
        if order.verdicts:
            return self._record(bundle.site, cable_records(bundle.site, facts), order.operation_id)
        return self._record(bundle.site, site_records(bundle.site, bundle.classes, facts), order.operation_id)

    @activity.defn
    def record_rack(self, order: RecordOrder) -> Recorded:
        """New servers are made in bulk in their first state; the state of one that exists is moved singly.

        Raises:
            InventoryUnreachable: retried.
        """
        assert order.rack is not None, "a rack's order names its rack"
        assert order.verdict is not None, "a rack is recorded after it was judged"
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        facts = facts_of(self._shelf, order)
        site, classes = bundle.site, bundle.classes
        wanted = rack_records(site, order.rack, classes, facts)
        recorded = self._record(site, wanted, order.operation_id)
        moved, flags, kept = self._move(site, order.operation_id, facts.servers)
        return recorded.model_copy(update={"moved": moved, "flags": (*recorded.flags, *flags), "quarantined": kept})

    def _record(self, site: SiteDeclaration, wanted: Iterable[Record], operation: str) -> Recorded:
        records = tuple(wanted)
        # A rack's records do not hold the site: NetBox may know it by its title only, and as another's.
        scope = Scope.of(site.name, records).model_copy(update={"titles": (site.title or site.name,)})
        done: list[Change] = []
        already = 0
        refused: tuple[Refusal, ...] = ()
        flags: tuple[Flag, ...] = ()
        for _ in range(ROUNDS):
            look = self._inventory.look(scope)
            planned = reconcile(records, look.records)
            flags = planned.flags
            if not planned.changes:
                refused = ()
                break
            applied = look.apply(planned.changes, operation, beat)
            made = set(applied.done)
            done += [change for change in planned.changes if change.object in made]
            already += applied.already
            refused = applied.refused
            if not refused:
                break
        return Recorded(
            created=_count(done, Action.CREATE),
            updated=_count(done, Action.UPDATE),
            adopted=_count(done, Action.ADOPT),
            already=already,
            refused=(
                *(f"{flag.object}: {flag.message}" for flag in flags if severity_of(flag) is Severity.CRITICAL),
                *(f"{refusal.object}: {refusal.why}" for refusal in refused),
            ),
            flags=(*(_flag_sighting(site, f) for f in flags), *(_refusal_sighting(site, r) for r in refused)),
        )

    def _move(
        self, site: SiteDeclaration, operation: str, facts: tuple[ServerFacts, ...]
    ) -> tuple[int, tuple[Sighting, ...], tuple[str, ...]]:
        """How many were moved, what is to be told, and who stays quarantined whatever was found."""
        states = self._inventory.devices(DeviceQuery(site=site.name, names=tuple(fact.name for fact in facts)))
        moved = 0
        flags = list(left_in_quarantine(site, facts, states))
        for move in moves(site.name, operation, facts, states):
            try:
                moved += self._inventory.set_lifecycle(move).changed
            except Conflict as error:
                # Somebody took or moved the server meanwhile: it is theirs, and the others go on.
                flags.append(_sighting(site, f"server/{move.device}", "state-conflict", error.message, error.do))
        kept = tuple(state.name for state in states if by_another_hand(state))
        return moved, tuple(flags), kept


def _count(changes: Iterable[Change], action: Action) -> int:
    return sum(1 for change in changes if change.action is action)


def _sighting(
    site: SiteDeclaration, object: str, kind: str, message: str, do: str, severity: Severity = Severity.WARNING
) -> Sighting:
    return Sighting(
        object=f"site/{site.name}/{object}",
        kind=kind,
        severity=severity,
        message=message,
        do=do,
        place=Place(region=site.region.name, site=site.name),
    )


def _flag_sighting(site: SiteDeclaration, flag: Flag) -> Sighting:
    do = "Mend it in NetBox, then onboard again."
    return _sighting(site, f"netbox/{flag.object}", flag.kind, flag.message, do, severity_of(flag))


def _refusal_sighting(site: SiteDeclaration, refusal: Refusal) -> Sighting:
    message = f"NetBox did not take {refusal.object}: {refusal.why}"
    return _sighting(
        site, f"netbox/{refusal.object}", "not-recorded", message, "Mend it in NetBox, then onboard again."
    )
