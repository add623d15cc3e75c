"""A fleet in the stores for the console to show: the shipped one-rack site with an operation that waits, findings, a hold."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from api.context import EvidenceEntry, now
from domain.access import Place
from domain.canonical import digest
from domain.declaration import StoredPlan
from domain.documents import read_documents
from domain.finding import Finding, FindingState, Severity
from domain.inventory import DeviceState
from domain.lifecycle import Lifecycle
from domain.operation import Choice, OperationDraft, OperationState, Outcome, Step, StepState, Waiting, WaitKind
from domain.plan import Action, Change, Plan, System
from domain.server_class import ServerClass
from domain.site import SiteDeclaration

SITES = Path(__file__).parents[3] / "sites"
RACK = Place(region="nordics", site="lab-one-rack")
CABLE = "r1-leaf-a:swp3--r1-s03:dpu0-p0"


def declare_shipped(services: Any) -> None:
    """The three shipped sites and their classes, as an admin would have applied them."""
    for file in ("one-rack", "four-racks", "one-ru"):
        for body in read_documents((SITES / f"{file}.declaration.yaml").read_text()):
            assert isinstance(body, dict)
            kind = str(body["kind"])
            read = SiteDeclaration.model_validate(body) if kind == "Site" else ServerClass.model_validate(body)
            plain = read.model_dump(mode="json", by_alias=True)
            place = Place(region=read.region.name, site=read.name) if isinstance(read, SiteDeclaration) else Place()
            if services.declarations.head(kind, read.name) is None:
                services.declarations.put(kind, read.name, plain, place, 0, "ada")


def one_rack(services: Any) -> list[DeviceState]:
    """NetBox's devices of the one-rack site: one server quarantined, the others available."""
    site = SiteDeclaration.model_validate(services.declarations.head("Site", RACK.site).body)
    reasons = {"r1-s02": ("r1-s02 has 3 GPUs, class mgx-x86-4l40s wants 4: slot 3 is empty.",)}
    servers = [
        DeviceState(
            id=index,
            site=site.name,
            name=server.name,
            role="gpu-server",
            rack=server.rack,
            unit=float(server.unit),
            serial=server.serial or "",
            server_class=server.server_class,
            lifecycle=Lifecycle.QUARANTINED if server.name in reasons else Lifecycle.AVAILABLE,
            reasons=reasons.get(server.name, ()),
            reasons_judged=reasons.get(server.name, ()),
            hardware={"gpus": 4, "memory_gib": 512, "processors": ["Xeon 6530", "Xeon 6530"]},
            firmware={"BMC": "24.10-1", "BIOS": "2.4.0"},
            url=f"http://netbox.test/dcim/devices/{index}/",
            changed_at=now() - timedelta(minutes=7),
        )
        for index, server in enumerate(site.servers, start=1)
    ]
    others = [
        DeviceState(id=50 + index, site=site.name, name=each.name, role="switch-leaf", observed="observed")
        for index, each in enumerate(site.switches)
    ]
    declared = "declared, not observed"
    others += [
        DeviceState(id=70 + index, site=site.name, name=each.name, role=each.kind, observed=declared, owner=each.owner)
        for index, each in enumerate(site.systems)
    ]
    return [*servers, *others]


def finding(identity: str, object: str, kind: str, severity: Severity, message: str, **more: Any) -> Finding:
    facts: dict[str, Any] = {
        "place": RACK, "first_seen": now() - timedelta(hours=3), "last_seen": now() - timedelta(minutes=4), "count": 3,
        "state": FindingState.OPEN, "checks": ("onboarding",),
    }  # fmt: skip
    return Finding(id=identity, object=object, kind=kind, severity=severity, message=message, **(facts | more))


def furnish(services: Any, operations: Any, findings: Any, plans: Any) -> dict[str, str]:
    """Fills the stores; returns the ids of what a test goes to."""
    declare_shipped(services)
    services.inventory.kept = one_rack(services)
    plan = Plan(
        kind="site-onboarding",
        target=RACK.site,
        declaration_digest=digest({}),
        notes=("gm-1 (grandmaster, local-it) is recorded as declared, not observed: it names no driver",),
        changes=(
            Change(
                system=System.NETBOX, object="dcim.devices/lab-one-rack/r1-s02", action=Action.UPDATE,
                before={"ew_lifecycle": "quarantined"}, after={"ew_lifecycle": "available"}, why="it proved itself again",
            ),
        ),
    )  # fmt: skip
    plans.kept[plan.hash] = StoredPlan(
        plan=plan, hash=plan.hash, place=RACK, author="ada", created_at=now() - timedelta(minutes=20),
        expires_at=now() + timedelta(hours=1),
    )  # fmt: skip
    draft = OperationDraft(
        kind="site-onboarding", target=RACK.site, place=RACK, who="ada", on_behalf_of="lab",
        workflow_id=f"site/{RACK.site}/fabric", declaration_kind="Site", declaration_name=RACK.site, declaration_version=1,
    )  # fmt: skip
    ended = operations.open(draft).operation.id
    operations.change(
        ended,
        state=OperationState.PARTIAL,
        accepted_at=now() - timedelta(hours=3),
        started_at=now() - timedelta(hours=3),
        ended_at=now() - timedelta(hours=2, minutes=58),
        steps=_steps(blocked=False),
        outcome=Outcome(
            state=OperationState.PARTIAL,
            kind="quarantined",
            reason="5 of 6 servers are available; r1-s02 is quarantined.",
            do="Put the fourth GPU in, then retry.",
            details=("r1-s02: 3 GPUs, 4 wanted",),
        ),
    )
    blocked = operations.open(draft).operation.id
    wait = Waiting(
        key="record", step="Record in NetBox", kind=WaitKind.BLOCKED, choices=(Choice.RETRY, Choice.SKIP, Choice.ABANDON),
        reason="NetBox refused 2 of 61 objects: r1-s03 interface dpu0-p0 is cabled to another port.",
        since=now() - timedelta(minutes=12),
    )  # fmt: skip
    operations.change(
        blocked, state=OperationState.BLOCKED, started_at=now() - timedelta(minutes=15), waiting=(wait,),
        accepted_at=now() - timedelta(minutes=15), steps=_steps(blocked=True), summary="5 of 6 servers verified",
    )  # fmt: skip
    running = operations.open(
        draft.model_copy(update={"kind": "site-audit", "target": "lab-four-racks", "workflow_id": "", "on_behalf_of": "",
                                 "place": Place(region="nordics", site="lab-four-racks")})
    ).operation.id  # fmt: skip
    operations.change(running, state=OperationState.RUNNING, summary="12 of 32 servers read", started_at=now())
    for each in (
        finding("fi-gpu", f"site/{RACK.site}/server/r1-s02", "gpu-count", Severity.CRITICAL,
                "r1-s02 has 3 GPUs, class mgx-x86-4l40s wants 4: slot 3 is empty.",
                place=RACK.model_copy(update={"rack": "r1", "server": "r1-s02"}), operation=blocked,
                do="Seat or replace the GPU in slot 3, then retry."),
        finding("fi-cable", f"site/{RACK.site}/cable/{CABLE}", "cable-swapped", Severity.CRITICAL,
                "r1-s03:dpu0-p0 and r1-s04:dpu0-p0 are swapped at r1-leaf-a.", operation=blocked,
                do="Move r1-s03:dpu0-p0 to r1-leaf-a:swp3 and r1-s04:dpu0-p0 to r1-leaf-a:swp4.",
                evidence={"method": "lldp", "found": "r1-leaf-a:swp4"}),
        finding("fi-gm", f"site/{RACK.site}/cable/gm-1:ptp1--r1-leaf-a:swp65", "cable-unverified", Severity.WARNING,
                "gm-1:ptp1 – r1-leaf-a:swp65 was not verified: neither side speaks.", state=FindingState.ACKNOWLEDGED,
                acknowledged_by="ada", note="the grandmaster comes on Friday"),
    ):  # fmt: skip
        findings.kept[each.id] = each
    services.holds.place(Place(region="nordics", site="lab-four-racks", rack="r2"), "electricians until 06:00", "bea")
    if services.evidence is not None:
        services.evidence.kept["ev-1"] = EvidenceEntry(
            id="ev-1", site=RACK.site, kind="hardware-verified", subjects=("EWL1R0001",), operation=ended,
            at=now() - timedelta(hours=3), signed={"sequence": 1, "hash": "ab" * 32, "body": {"gpus": 4}},
        )  # fmt: skip
    return {"blocked": blocked, "ended": ended, "running": running, "plan": plan.hash}


def _steps(*, blocked: bool) -> tuple[Step, ...]:
    begun = now() - timedelta(minutes=15)
    done = [
        ("reach", "Reach the out-of-band network", "9 of 62 addresses answer"),
        ("discover", "Discover BMCs and switches", "6 BMCs, 3 switches"),
        ("credentials", "Take over credentials", "9 of 9"),
        ("read", "Read hardware and firmware", "6 servers"),
        ("compare", "Compare with the server class", "1 server is not as declared"),
        ("cabling", "Check cabling", "40 of 42 cables as declared, 1 pair swapped"),
    ]
    steps = [
        Step(
            key=key, title=title, detail=detail, state=StepState.DONE, started_at=begun + timedelta(seconds=9 * at),
            ended_at=begun + timedelta(seconds=9 * at + 8), done=6 if key == "read" else None, total=6 if key == "read" else None,
        )
        for at, (key, title, detail) in enumerate(done)
    ]  # fmt: skip
    last = StepState.WAITING if blocked else StepState.DONE
    steps.append(
        Step(
            key="record",
            title="Record in NetBox",
            state=last,
            started_at=begun + timedelta(seconds=60),
            done=59,
            total=61,
        )
    )
    steps.append(Step(key="report", title="Report", state=StepState.PENDING if blocked else StepState.DONE))
    return tuple(steps)
