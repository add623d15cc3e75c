"""Findings: the list with its filters, one finding, and taking note of it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.console.rendering import page
from api.console.sessions import PATH, OperatorsForm, SignedInDep
from api.deps import ServicesDep
from api.services import findings
from domain.access import Place, Role
from domain.finding import FindingFilter, FindingState, Severity
from domain.paging import PageRequest

router = APIRouter()


@router.get("/findings")
async def list_page(
    request: Request,
    services: ServicesDep,
    me: SignedInDep,
    state: Annotated[list[FindingState] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    site: str = "",
    kind: str = "",
    cursor: str = "",
) -> Response:
    states = tuple(state or FindingFilter().states)
    where = FindingFilter(
        states=states, severities=tuple(severity or ()), kind=kind.strip(), place=Place(site=site.strip())
    )
    found = await findings.page(services, me.principal, where, PageRequest(cursor=cursor[:500], limit=50))
    return page(
        request,
        "findings.html",
        me,
        findings=found.items,
        next=found.next,
        where=where,
        states=FindingState,
        severities=Severity,
    )


@router.get("/findings/{finding}")
async def finding_page(finding: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    found = await findings.get(services, me.principal, finding)
    return page(request, "finding.html", me, finding=found, may_operate=me.principal.may(Role.OPERATOR, found.place))


@router.post("/findings/{finding}/acknowledge")
async def acknowledge(finding: str, services: ServicesDep, form: OperatorsForm) -> Response:
    note = form.text("note")
    await findings.acknowledge(services, form.principal, finding, note, form.key)
    return RedirectResponse(f"{PATH}/findings/{finding}?done=acknowledged", HTTPStatus.SEE_OTHER)
