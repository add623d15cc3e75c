"""Plans, findings, holds, evidence and the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field

from api.deps import OPERATE, VIEW, KeyDep, PageDep, PrincipalDep, ServicesDep
from api.services import declarations, findings, holds, keeping, plans
from api.services.holds import HoldReleased, HoldRequest
from api.services.plans import PlanLine, PlanView
from api.threads import in_thread
from domain.access import AuditEvent, AuditFilter, Place
from domain.evidence import EvidenceEntry
from domain.finding import Finding, FindingFilter, FindingState, Severity
from domain.hold import Hold
from domain.model import Declared, Model
from domain.paging import Page

router = APIRouter(prefix="/v1", tags=["records"])


class Acknowledgement(Declared):
    note: str = Field(default="", max_length=500)


class Release(Declared):
    why: str = Field(default="", max_length=500)


class Nothing(Declared):
    """An empty body."""


class PublicKey(Model):
    public_key: str


@router.get("/plans", operation_id="listPlans", dependencies=[VIEW])
async def list_plans(services: ServicesDep, principal: PrincipalDep, page: PageDep) -> Page[PlanLine]:
    return await plans.page(services, principal, page)


@router.get("/plans/{plan_hash}", operation_id="getPlan", dependencies=[VIEW])
async def get_plan(plan_hash: str, services: ServicesDep, principal: PrincipalDep) -> PlanView:
    return await plans.get(services, principal, plan_hash)


@router.get("/findings", operation_id="listFindings", dependencies=[VIEW])
async def list_findings(
    services: ServicesDep,
    principal: PrincipalDep,
    page: PageDep,
    site: str = "",
    kind: str = "",
    object: str = "",
    operation: str = "",
    state: Annotated[list[FindingState] | None, Query(description="Open and acknowledged ones if not given.")] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
) -> Page[Finding]:
    await declarations.need_site(services, principal, site)
    where = FindingFilter(
        states=tuple(state) if state else FindingFilter().states,
        severities=tuple(severity or ()),
        kind=kind,
        object=object,
        operation=operation,
        place=Place(site=site),
    )
    return await findings.page(services, principal, where, page)


@router.get("/findings/{finding}", operation_id="getFinding", dependencies=[VIEW])
async def get_finding(finding: str, services: ServicesDep, principal: PrincipalDep) -> Finding:
    return await findings.get(services, principal, finding)


@router.post("/findings/{finding}/acknowledge", operation_id="acknowledgeFinding", dependencies=[OPERATE])
async def acknowledge_finding(
    finding: str,
    body: Acknowledgement,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> Finding:
    return await findings.acknowledge(services, principal, finding, body.note, key)


@router.get("/holds", operation_id="listHolds", dependencies=[VIEW])
async def list_holds(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, released: bool = False
) -> Page[Hold]:
    """Those in force; `released=true` lists the released ones too."""
    return await holds.page(services, principal, released, page)


@router.post("/holds", operation_id="placeHold", status_code=201, dependencies=[OPERATE])
async def place_hold(body: HoldRequest, services: ServicesDep, principal: PrincipalDep, key: KeyDep) -> Hold:
    return await holds.place_hold(services, principal, body, key)


@router.get("/holds/{hold}", operation_id="getHold", dependencies=[VIEW])
async def get_hold(hold: str, services: ServicesDep, principal: PrincipalDep) -> Hold:
    return await holds.get(services, principal, hold)


@router.post("/holds/{hold}/release", operation_id="releaseHold", dependencies=[OPERATE])
async def release_hold(
    hold: str, body: Release, services: ServicesDep, principal: PrincipalDep, key: KeyDep
) -> HoldReleased:
    """What waits for it is told and goes on."""
    return await holds.release(services, principal, hold, key, body.why)


@router.get("/evidence", operation_id="listEvidence", dependencies=[VIEW])
async def list_evidence(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, site: Annotated[str, Query(min_length=1)]
) -> Page[EvidenceEntry]:
    return await keeping.evidence_page(services, principal, site, page)


@router.get("/evidence/{entry}", operation_id="getEvidence", dependencies=[VIEW])
async def get_evidence(entry: str, services: ServicesDep, principal: PrincipalDep) -> EvidenceEntry:
    return await keeping.evidence_entry(services, principal, entry)


@router.get("/audit", operation_id="listAudit", dependencies=[OPERATE])
async def list_audit(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, site: str = "", operation: str = "", who: str = ""
) -> Page[AuditEvent]:
    """Who did what within your scope, newest first."""
    await declarations.need_site(services, principal, site)
    where = AuditFilter(site=site, operation=operation, who=who)
    return await in_thread(services.audit.list, where, principal.place, page)


@router.get("/evidence-key", operation_id="getEvidenceKey", dependencies=[VIEW])
async def get_evidence_key(services: ServicesDep) -> PublicKey:
    """The Ed25519 public key that a bundle is verified with."""
    return PublicKey(public_key=await in_thread(services.evidence.public_key))


@router.get(
    "/sites/{site}/evidence-bundle",
    operation_id="exportEvidence",
    response_class=PlainTextResponse,
    dependencies=[VIEW],
)
async def export_evidence(site: str, services: ServicesDep, principal: PrincipalDep) -> PlainTextResponse:
    """The site's whole chain as JSON lines, for `edgewright evidence verify`."""
    text = await keeping.evidence_bundle(services, principal, site)
    return PlainTextResponse(text, media_type="application/jsonl")
