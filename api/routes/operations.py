"""Operations: asked for, listed, explained, answered and stopped."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from api.deps import ADMINISTER, OPERATE, VIEW, KeyDep, PageDep, PrincipalDep, ServicesDep
from api.services import decisions, declarations, events, operations
from api.services.decisions import DecisionTaken
from api.services.operations import APPLY, AUDIT, PLAN, OperationView
from api.services.reconciling import reconcile
from api.services.why import Why
from api.services.why import why as why_it_waits
from domain.access import Place
from domain.model import Declared
from domain.operation import Choice, Operation, OperationFilter, OperationState
from domain.paging import Page

router = APIRouter(prefix="/v1", tags=["operations"])


class OperationRequest(Declared):
    on_behalf_of: str = Field(default="", max_length=100)


class ApplyRequest(OperationRequest):
    plan_hash: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """The approved plan: nothing is changed if the world asks for another one by now."""


class StopRequest(Declared):
    why: str = Field(min_length=1, max_length=500)


class DecisionRequest(StopRequest):
    step: str = ""
    """Which wait is answered; may be left out where only one offers this choice."""


def _accepted(response: Response, view: OperationView) -> OperationView:
    response.headers["Location"] = f"/v1/operations/{view.id}"
    return view


@router.post("/sites/{site}/plan", operation_id="planSite", status_code=202, dependencies=[OPERATE])
async def plan_site(
    site: str, body: OperationRequest, services: ServicesDep, principal: PrincipalDep, key: KeyDep, response: Response
) -> OperationView:
    """Observes the site and plans; changes nothing and takes no lock. The operation's `plan_hash` names the plan."""
    made = await operations.request_site_operation(services, principal, PLAN, site, key, on_behalf_of=body.on_behalf_of)
    return _accepted(response, operations.view(services, made))


@router.post("/sites/{site}/apply", operation_id="applySite", status_code=202, dependencies=[OPERATE])
async def apply_site(
    site: str, body: ApplyRequest, services: ServicesDep, principal: PrincipalDep, key: KeyDep, response: Response
) -> OperationView:
    """Brings the site to its declaration. 409 `lock-taken` names the operation that works on the site now."""
    made = await operations.request_site_operation(
        services, principal, APPLY, site, key, plan_hash=body.plan_hash, on_behalf_of=body.on_behalf_of
    )
    return _accepted(response, operations.view(services, made))


@router.post("/sites/{site}/audit", operation_id="auditSite", status_code=202, dependencies=[OPERATE])
async def audit_site(
    site: str, body: OperationRequest, services: ServicesDep, principal: PrincipalDep, key: KeyDep, response: Response
) -> OperationView:
    """Reports drift between declaration, NetBox and devices as findings; changes nothing."""
    made = await operations.request_site_operation(
        services, principal, AUDIT, site, key, on_behalf_of=body.on_behalf_of
    )
    return _accepted(response, operations.view(services, made))


@router.get("/operations", operation_id="listOperations", dependencies=[VIEW])
async def list_operations(
    services: ServicesDep,
    principal: PrincipalDep,
    page: PageDep,
    kind: str = "",
    site: str = "",
    target: str = "",
    who: str = "",
    state: Annotated[list[OperationState] | None, Query()] = None,
    blocked: bool | None = None,
) -> Page[OperationView]:
    """Newest first. `blocked=true` is short for `state=blocked`."""
    await declarations.need_site(services, principal, site)
    states = tuple(state or ()) or ((OperationState.BLOCKED,) if blocked else ())
    if blocked is False:
        states = tuple(s for s in (states or OperationState) if s is not OperationState.BLOCKED)
    where = OperationFilter(kind=kind, target=target, who=who, states=states, place=Place(site=site))
    return await operations.page(services, principal, where, page)


async def visible(operation: str, services: ServicesDep, principal: PrincipalDep) -> Operation:
    return await operations.get(services, principal, operation)


VisibleDep = Annotated[Operation, Depends(visible)]


@router.get("/operations/{operation}", operation_id="getOperation", dependencies=[VIEW])
async def get_operation(found: VisibleDep, services: ServicesDep) -> OperationView:
    """With what each server does now, if a worker answers within a second."""
    return await operations.detailed(services, found)


@router.get("/operations/{operation}/why", operation_id="whyOperation", dependencies=[VIEW])
async def why(found: VisibleDep, services: ServicesDep) -> Why:
    """Why it waits: step, since when, attempt, last error, next try, what is safe. Works when no worker is alive."""
    return await why_it_waits(services, found)


@router.get(
    "/operations/{operation}/events",
    operation_id="watchOperation",
    response_class=EventSourceResponse,
    dependencies=[VIEW],
)
async def watch_operation(found: VisibleDep, services: ServicesDep) -> AsyncIterator[ServerSentEvent]:
    """`operation` events with the whole resource, at once and after each change; the stream ends when it has ended."""
    async for event in events.of_operation(services, found):
        yield ServerSentEvent(event=event.name, id=event.id, raw_data=event.data)


@router.get("/events", operation_id="watchFleet", response_class=EventSourceResponse, dependencies=[VIEW])
async def watch_fleet(services: ServicesDep, principal: PrincipalDep) -> AsyncIterator[ServerSentEvent]:
    """`operation` and `finding` events within the token's scope."""
    async for event in events.of_fleet(services, principal):
        yield ServerSentEvent(event=event.name, id=event.id, raw_data=event.data)


@router.post("/operations/{operation}/approve", operation_id="approveOperation", dependencies=[OPERATE])
async def approve(
    found: VisibleDep,
    body: DecisionRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> DecisionTaken:
    return await decisions.answer(services, principal, found, Choice.APPROVE, body.why, body.step, key)


@router.post("/operations/{operation}/retry", operation_id="retryOperation", dependencies=[OPERATE])
async def retry(
    found: VisibleDep,
    body: DecisionRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
    response: Response,
) -> DecisionTaken:
    """Tries the blocked step again. Of an operation that ended `partial` or `failed`: opens a new one (202)."""
    taken = await operations.decide(services, principal, found, Choice.RETRY, body.why, body.step, key)
    if taken.operation != found.id:
        response.status_code = status.HTTP_202_ACCEPTED
        response.headers["Location"] = f"/v1/operations/{taken.operation}"
    return taken


@router.post("/operations/{operation}/skip", operation_id="skipOperation", dependencies=[OPERATE])
async def skip(
    found: VisibleDep,
    body: DecisionRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> DecisionTaken:
    return await decisions.answer(services, principal, found, Choice.SKIP, body.why, body.step, key)


@router.post("/operations/{operation}/abandon", operation_id="abandonOperation", dependencies=[OPERATE])
async def abandon(
    found: VisibleDep,
    body: DecisionRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> DecisionTaken:
    return await decisions.answer(services, principal, found, Choice.ABANDON, body.why, body.step, key)


@router.post("/operations/{operation}/cancel", operation_id="cancelOperation", status_code=202, dependencies=[OPERATE])
async def cancel(
    found: VisibleDep,
    body: StopRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> OperationView:
    """Asks it to stop; it cleans up and ends by itself."""
    await decisions.cancel(services, principal, found, body.why, key)
    return operations.view(services, await operations.get(services, principal, found.id))


@router.post("/operations/{operation}/terminate", operation_id="terminateOperation", dependencies=[ADMINISTER])
async def terminate(
    found: VisibleDep,
    body: StopRequest,
    services: ServicesDep,
    principal: PrincipalDep,
    key: KeyDep,
) -> OperationView:
    """Ends it at once without clean-up. Cancel is almost always right instead."""
    await decisions.terminate(services, principal, found, body.why, key)
    return operations.view(services, await reconcile(services, await operations.get(services, principal, found.id)))
