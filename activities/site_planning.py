"""Plans and audits of a whole site, from what was read of it. Queue `control`. Changes nothing at the site or in NetBox."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.heartbeat import beat
from activities.site_facts import observed_systems
from domain.access import Place
from domain.artifact import ArtifactStore
from domain.attestation import AttestationLedger, covered
from domain.declaration import StoredPlan
from domain.discovery import Discovery, sightings
from domain.finding import FindingStore, Report, Sighting
from domain.inventory import DeviceQuery, DeviceState, Inventory, Scope
from domain.judgement import left_in_quarantine
from domain.onboarding import AuditReport, Planned, PlanOrder, RackVerdict, ServerReadings, SiteBundle, SwitchReadings
from domain.ownership import severity_of
from domain.plan import Flag, Plan, PlanSummary, differences
from domain.reconcile import drift, not_declared, reconcile
from domain.recording_facts import ServerFacts
from domain.records import Record
from domain.site_judgement import hardware_of, judge_servers, judge_trunks, not_looked_at
from domain.site_planning import declared_records, plan_site, wanted_records
from domain.system_observation import SystemObservations

PLAN_LIVES = timedelta(days=7)
"""How long a plan may be applied by its hash. The world is looked at again anyway."""

SHOWN_DIFFERENCES = 20


class Plans(Protocol):
    """What is asked of the plan store."""

    def put(self, plan: Plan, place: Place, author: str, expires_at: datetime) -> StoredPlan: ...

    def find(self, plan_hash: str) -> StoredPlan | None: ...


class SitePlanning:
    def __init__(
        self,
        inventory: Inventory,
        plans: Plans,
        findings: FindingStore,
        artifacts: ArtifactStore,
        clock: Callable[[], datetime],
        ledger: AttestationLedger,
    ) -> None:
        self._inventory, self._plans, self._findings, self._ledger = inventory, plans, findings, ledger
        self._shelf = ModelShelf(artifacts)
        self._clock = clock

    @activity.defn
    def plan_site(self, order: PlanOrder) -> Planned:
        """What onboarding would change, kept by hash. With `approved`: says how the new plan differs from that one.

        Raises:
            InventoryUnreachable: retried.
        """
        seen = self._observation(order)
        beat("compared")
        wanted = seen.wanted
        observed = self._inventory.observe(Scope.of(order.site.name, wanted, whole=True))
        readable = {facts.name: facts for facts in seen.servers}
        states = self._states(order, seen)
        sightings = (*seen.sightings, *left_in_quarantine(seen.bundle.site, seen.servers, states))
        plan = plan_site(
            seen.bundle, order.digest, seen.discovery, wanted, observed, readable, states, sightings, seen.switches
        )
        place = Place(region=order.site.region, site=order.site.name)
        self._plans.put(plan, place, order.author, self._clock() + PLAN_LIVES)
        summary = PlanSummary.of(plan)
        if not order.approved or order.approved == plan.hash:
            return Planned(summary=summary)
        approved = self._plans.find(order.approved)
        stale = differences(approved.plan, plan) if approved is not None else ()
        return Planned(summary=summary, stale=stale[:SHOWN_DIFFERENCES])

    @activity.defn
    def audit_site(self, order: PlanOrder) -> AuditReport:
        """Reports how declaration, NetBox and devices differ, as findings; those that are no longer seen are resolved.

        The same facts have the same names as in onboarding, so that a finding of either is resolved by both.
        """
        seen = self._observation(order)
        place = Place(region=order.site.region, site=order.site.name)
        wanted = seen.wanted
        observed = self._inventory.observe(Scope.of(order.site.name, wanted, whole=True))
        compared = reconcile(wanted, observed)
        flags = (*compared.flags, *drift(compared), *not_declared(declared_records(seen.bundle, wanted), observed))
        checks = {
            "discovery": sightings(seen.bundle.site, seen.discovery),
            "switches": seen.switches.sightings,
            "verification": seen.verdict.sightings,
            "cabling": seen.trunks.sightings,
            "inventory": (
                *(_drifted(order, flag) for flag in flags),
                *left_in_quarantine(seen.bundle.site, seen.servers, self._states(order, seen)),
            ),
        }
        site = seen.bundle.site
        if order.systems is not None or not order.site.systems:
            # Else a person skipped that step: nothing is known of them, so nothing is resolved.
            checks["systems"] = seen.systems.sightings
        read = [server.name for server in seen.servers if server.hardware is not None]
        unseen = {
            "systems": seen.systems.unseen,
            "verification": tuple(name for rack in site.racks for name in not_looked_at(site, rack.name, read)),
        }
        new = resolved = open_ = count = 0
        for check, found in checks.items():
            key = f"{order.operation_id}/{check}"
            reported = self._findings.report(
                Report(
                    check=check,
                    place=place,
                    sightings=found,
                    unseen=unseen.get(check, ()),
                    operation=order.operation_id,
                    key=key,
                )
            )
            new, resolved = new + len(reported.new), resolved + len(reported.resolved)
            count, open_ = count + len(found), open_ + reported.open
        return AuditReport(
            site=order.site.name,
            servers_read=len(read),
            sightings=count,
            new=new,
            resolved=resolved,
            open=open_,
        )

    def _states(self, order: PlanOrder, seen: "_Seen") -> tuple[DeviceState, ...]:
        names = tuple(server.name for server in seen.servers)
        return self._inventory.devices(DeviceQuery(site=order.site.name, names=names)) if names else ()

    def _observation(self, order: PlanOrder) -> "_Seen":
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        discovery = self._shelf.get(Discovery, order.discovery)
        switches = self._shelf.get(SwitchReadings, order.switches)
        readings = self._shelf.get(ServerReadings, order.servers).readings
        read = {reading.name for reading in readings}
        closed = [server.name for server in bundle.site.servers if server.name not in read]
        attested = covered(self._ledger, bundle.site, hardware_of(readings))
        verdicts = [
            judge_servers(bundle, rack.name, switches, readings, closed, attested) for rack in bundle.site.racks
        ]
        return _Seen(bundle, discovery, switches, observed_systems(self._shelf, order.systems), verdicts)


class _Seen:
    """What an order's artifacts say, judged."""

    def __init__(
        self,
        bundle: SiteBundle,
        discovery: Discovery,
        switches: SwitchReadings,
        systems: SystemObservations,
        racks: Iterable[RackVerdict],
    ) -> None:
        racks = tuple(racks)
        self.trunks = judge_trunks(bundle.site, switches)
        self.bundle, self.discovery, self.switches, self.systems = bundle, discovery, switches, systems
        self.verdict = RackVerdict(
            servers=tuple(server for rack in racks for server in rack.servers),
            cables=tuple(cable for rack in racks for cable in rack.cables) + self.trunks.cables,
            sightings=tuple(sighting for rack in racks for sighting in rack.sightings),
        )
        self.servers: tuple[ServerFacts, ...] = self.verdict.servers

    @property
    def wanted(self) -> tuple[Record, ...]:
        """What NetBox should hold, from what is known now."""
        return wanted_records(self.bundle, self.switches, self.servers, self.verdict.cables, self.systems.facts)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return (
            *sightings(self.bundle.site, self.discovery),
            *self.switches.sightings,
            *self.systems.sightings,
            *self.verdict.sightings,
            *self.trunks.sightings,
        )


def _drifted(order: PlanOrder, flag: Flag) -> Sighting:
    return Sighting(
        object=f"site/{order.site.name}/netbox/{flag.object}",
        kind=flag.kind,
        severity=severity_of(flag),
        message=flag.message,
        do="If the device is as it should be, onboard the site again; else mend what its other findings name, or the declaration.",
        place=Place(region=order.site.region, site=order.site.name),
    )
