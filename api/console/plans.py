"""A plan as somebody reads it before they approve it."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console.rendering import page
from api.console.sessions import PATH, OperatorsForm, SignedInDep
from api.context import now
from api.deps import ServicesDep
from api.services import operations, plans
from api.services.operations import APPLY
from domain.access import Place, Role

router = APIRouter()


@router.get("/plans/{plan_hash}")
async def plan_page(plan_hash: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    found = await plans.get(services, me.principal, plan_hash)
    may_apply = (
        found.kind == APPLY
        and APPLY in services.kinds
        and found.expires_at > now()
        and me.principal.role.includes(Role.OPERATOR)
    )
    return page(request, "plan.html", me, plan=found, may_apply=may_apply, place=Place(site=found.target))


@router.post("/plans/{plan_hash}/apply")
async def apply(plan_hash: str, services: ServicesDep, form: OperatorsForm) -> Response:
    """Applies exactly this plan: nothing is changed if the world asks for another one by now."""
    found = await plans.get(services, form.principal, plan_hash)
    made = await operations.request_site_operation(
        services, form.principal, found.kind, found.target, form.key, plan_hash=found.hash
    )
    return RedirectResponse(f"{PATH}/operations/{made.id}?done=started", HTTPStatus.SEE_OTHER)
