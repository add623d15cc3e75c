"""What stands behind a workflow in its tests: activities of the product's names that find what a test says, and the orders."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.acceptance_report import ImportReportOrder, ReportImported
from domain.artifact import ArtifactRef
from domain.finding import Report, Reported
from domain.fleet import FleetSite, FleetSites, FleetWindow, StateLimits, StatesWatched
from domain.hold import Hold, HoldQuery, Holds
from domain.onboarding import (
    Attested,
    AuditReport,
    Discovered,
    DiscoverOrder,
    Judged,
    JudgeOrder,
    KnownRead,
    LoadOrder,
    NameOrder,
    Opened,
    Planned,
    PlanOrder,
    RackSize,
    ReadKnownOrder,
    ReadSwitchesOrder,
    Recorded,
    RecordOrder,
    Scanned,
    ScanOrder,
    ServerRead,
    ServerTask,
    SiteRef,
    SwitchesRead,
    TakeSwitchesOrder,
)
from domain.operation import (
    EndOrder,
    OpenOrder,
    Operation,
    OperationState,
    Outcome,
    PlanRecord,
    ProgressRecord,
    Taken,
    TakeOrder,
    Waiting,
    WaitingRecord,
)
from domain.order import DeclarationRef, Order
from domain.plan import PlanSummary
from domain.system_observation import ObserveSystemsOrder, SystemsObserved

REF = ArtifactRef(sha256="0" * 64, size=2)
SYSTEMS = ArtifactRef(sha256="5" * 64, size=2)
"""What was observed of the other systems: so that a test sees where it goes."""
SERVERS = ("r1-s01", "r1-s02", "r1-s03")
PLAN_HASH = "a" * 64
ORDER = Order(
    operation_id="op-1",
    kind="site-onboarding",
    target="oslo-1",
    region="nordics",
    site="oslo-1",
    declaration=DeclarationRef(kind="Site", name="oslo-1", version=1, digest="d"),
    who="ada",
)
ROW = Operation(
    id="op-1",
    kind="site-onboarding",
    target="oslo-1",
    who="ada",
    state=OperationState.RUNNING,
    accepted_at=datetime(2026, 11, 24, tzinfo=UTC),
)


@dataclass
class World:
    """What the activities below find, and what was asked of them."""

    answering: int = 4
    unreadable: set[str] = field(default_factory=set)
    granted: bool = True
    record_failures: int = 0
    kept_out: tuple[str, ...] = ()
    """Servers that another hand quarantined."""
    switches_busy: bool = False
    nameable: bool = False
    systems: tuple[str, ...] = ()
    systems_left: tuple[str, ...] = ()
    systems_busy: bool = False
    servers_busy: bool = False
    secrets_away: bool = False
    taking_over: bool = False
    """Each server's take-over lasts until it is cancelled, and then a moment longer."""
    servers: tuple[str, ...] = SERVERS
    """Of rack r1; every other has as many."""
    racks: int = 1
    plan_hash: str = PLAN_HASH
    calls: Counter[str] = field(default_factory=Counter)
    waits: list[str] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    """What the row waits for now, by key."""
    outcome: Outcome | None = None
    holds: tuple[Hold, ...] = ()
    holds_later: tuple[Hold, ...] = ()
    """Placed when the first server is taken over."""
    sites: tuple[str, ...] = ("oslo-1",)
    dark: set[str] = field(default_factory=set)
    """Sites where nobody answers."""
    lost: set[str] = field(default_factory=set)
    """Sites whose declaration cannot be loaded."""
    reports: list[Report] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By operation: a scheduled one is called by its target."""
    stopped_before_the_end: bool = False

    @activity.defn
    async def take_operation(self, order: TakeOrder) -> Taken:
        return Taken(granted=self.granted, operation=ROW, why="" if self.granted else "op-1 was taken by another run")

    @activity.defn
    async def record_progress(self, order: ProgressRecord) -> Operation:
        return ROW

    @activity.defn
    async def record_waiting(self, order: WaitingRecord) -> Operation:
        self.waits += [f"{wait.key}: {wait.reason}" for wait in order.waiting]
        self.waiting |= {wait.key: wait for wait in order.waiting}
        for key in order.cleared:
            self.waiting.pop(key, None)
        return ROW

    @activity.defn
    async def end_operation(self, order: EndOrder) -> Operation:
        self.stopped_before_the_end = self.calls["stopped taking over"] == self.calls["taking over"]
        self.outcome = self.outcomes[order.operation] = order.outcome
        return ROW

    @activity.defn
    async def read_holds(self, order: HoldQuery) -> Holds:
        return Holds(holds=tuple(h for h in self.holds if order.within or h.place.covers(order.place)))

    @activity.defn
    async def report_findings(self, order: Report) -> Reported:
        self.calls[f"report {order.check}"] += 1
        self.reports.append(order)
        return Reported()

    @activity.defn
    async def load_site(self, order: LoadOrder) -> SiteRef:
        site = order.declaration.name
        if site in self.lost:
            raise ApplicationError(f"{site}'s declaration is gone", type="artifact-gone", non_retryable=True)
        return SiteRef(
            name=site,
            region="nordics",
            bundle=REF,
            racks=tuple(self._rack(f"r{number}") for number in range(1, self.racks + 1)),
            systems=self.systems,
        )

    @activity.defn
    async def reach_out_of_band(self, order: ScanOrder) -> Scanned:
        self.calls["reach"] += 1
        answering = 0 if order.site.name in self.dark else self.answering
        return Scanned(tried=8, answering=answering, answers=REF)

    @activity.defn
    async def discover_devices(self, order: DiscoverOrder) -> Discovered:
        return Discovered(discovery=REF, survey=REF, nameable=self.nameable, servers=len(self.servers), switches=1)

    @activity.defn
    async def name_bmcs(self, order: NameOrder) -> Discovered:
        self.calls["name"] += 1
        return Discovered(discovery=REF, servers=len(self.servers), switches=1)

    @activity.defn
    async def read_switches(self, order: ReadSwitchesOrder) -> SwitchesRead:
        self.calls["read switches"] += 1
        if self.switches_busy:
            raise ApplicationError("r1-leaf-a is busy", type="switch-busy")
        return SwitchesRead(readings=REF, read=1, total=1)

    @activity.defn
    async def observe_systems(self, order: ObserveSystemsOrder) -> SystemsObserved:
        self.calls["observe systems"] += 1
        if self.systems_busy:
            raise ApplicationError("the driver broke", type="system-driver", non_retryable=True)
        seen = len(self.systems) - len(self.systems_left)
        return SystemsObserved(observations=SYSTEMS, observed=seen, total=len(self.systems), left=self.systems_left)

    @activity.defn
    async def take_over_switches(self, order: TakeSwitchesOrder) -> SwitchesRead:
        self.calls["take over switches"] += 1
        return SwitchesRead(readings=REF, read=1, total=1, taken_over=("r1-leaf-a",))

    @activity.defn
    async def take_over_credentials(self, order: ServerTask) -> Opened:
        if self.secrets_away and order.server == "r1-s02":
            # As `worker.interception` turns it into Temporal's, once the policy has given up.
            told = {"kind": "vault-sealed", "message": "Vault is sealed.", "do": "Unseal it: vault operator unseal"}
            raise ApplicationError("Vault is sealed.", told, type="vault-sealed", non_retryable=True)
        self.calls["taking over"] += 1
        self.holds, self.holds_later = self.holds or self.holds_later, ()
        try:
            while self.taking_over:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            self.calls["stopped taking over"] += 1
            raise
        return Opened(changed=True)

    @activity.defn
    async def read_server(self, order: ServerTask) -> ServerRead:
        self.calls["read"] += 1
        self.calls[f"read {order.server}"] += 1
        if self.servers_busy:
            raise ApplicationError(f"{order.server} is busy", type="bmc-busy")
        if order.server in self.unreadable:
            raise ApplicationError(f"{order.server} refused", type="bmc-refused", non_retryable=True)
        return ServerRead(server=order.server, reading=REF)

    @activity.defn
    async def judge_rack(self, order: JudgeOrder) -> Judged:
        if order.rack is None:
            self.calls["judge trunks"] += 1
            return Judged(verdict=REF, good=0)
        quarantined = tuple(sorted(self.unreadable))
        assert set(order.troubles) == self.unreadable
        assert len(order.readings) == len(self.servers) - len(quarantined) - len(order.missing)
        return Judged(verdict=REF, good=len(order.readings), quarantined=quarantined)

    @activity.defn
    async def keep_attestations(self, order: RecordOrder) -> Attested:
        self.calls["attest"] += 1
        return Attested()

    @activity.defn
    async def import_acceptance_report(self, order: ImportReportOrder) -> ReportImported:
        return ReportImported(present=False)

    @activity.defn
    async def record_rack(self, order: RecordOrder) -> Recorded:
        self.calls["record rack"] += 1
        if self.record_failures:
            self.record_failures -= 1
            raise ApplicationError("NetBox refused the rack", type="inventory-refused", non_retryable=True)
        return Recorded(created=len(self.servers), quarantined=self.kept_out)

    @activity.defn
    async def record_site(self, order: RecordOrder) -> Recorded:
        self.calls["record site"] += 1
        self.calls["record systems"] += order.systems == SYSTEMS
        return Recorded()

    # --- plans and audits -----------------------------------------------------------------------------------------

    @activity.defn
    async def open_operation(self, order: OpenOrder) -> Operation:
        return ROW.model_copy(update={"id": f"op-{order.draft.target}"})

    @activity.defn
    async def record_plan(self, order: PlanRecord) -> Operation:
        return ROW

    @activity.defn
    async def read_known_servers(self, order: ReadKnownOrder) -> KnownRead:
        return KnownRead(readings=REF, known=0, read=0)

    @activity.defn
    async def plan_site(self, order: PlanOrder) -> Planned:
        self.calls["plan systems"] += order.systems == SYSTEMS
        self.calls[f"planned for {order.author}"] += 1
        return Planned(summary=PlanSummary(hash=self.plan_hash, creates=12))

    @activity.defn
    async def audit_site(self, order: PlanOrder) -> AuditReport:
        self.calls["audit systems"] += order.systems == SYSTEMS
        return AuditReport(site=order.site.name, servers_read=len(self.servers))

    @activity.defn
    async def list_sites(self, order: FleetWindow) -> FleetSites:
        return FleetSites(sites=tuple(map(_site, self.sites)))

    @activity.defn
    async def watch_states(self, order: StateLimits) -> StatesWatched:
        return StatesWatched()

    def _rack(self, rack: str) -> RackSize:
        return RackSize(rack=rack, servers=tuple(name.replace("r1-", f"{rack}-") for name in self.servers))

    def activities(self) -> list[Any]:
        return [
            getattr(self, name)
            for name in dir(type(self))
            if hasattr(getattr(type(self), name), "__temporal_activity_definition")
        ]


def _site(name: str) -> FleetSite:
    declaration = DeclarationRef(kind="Site", name=name, version=1, digest="d")
    return FleetSite(name=name, region="nordics", declaration=declaration, devices_queue=ORDER.devices_queue)
