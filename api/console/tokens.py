"""Tokens: who may sign in, making one, and taking one back. An admin's page."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console.places import places_of
from api.console.rendering import page
from api.console.sessions import PATH, AdminsForm, SignedIn, SignedInDep
from api.deps import ServicesDep
from api.services import access
from api.services.access import TokenRequest
from domain.access import Place, Role
from domain.paging import PageRequest

router = APIRouter()


@router.get("/tokens")
async def list_page(request: Request, services: ServicesDep, me: SignedInDep, cursor: str = "") -> Response:
    access.need_role(me.principal, Role.ADMIN)
    return await _page(request, services, me, cursor)


@router.post("/tokens")
async def create(request: Request, services: ServicesDep, form: AdminsForm) -> Response:
    """The page that answers is the only one that shows the secret, so it is no redirect."""
    asked: dict[str, object] = {
        "label": form.text("label", required=True, at_most=100),
        "role": form.text("role", required=True),
        "place": Place.parse(form.text("place", required=True)).model_dump(),
        "expires_in_days": form.text("days", at_most=4) or None,
    }
    wanted = TokenRequest.model_validate(asked)
    made = await access.create_token(services, form.principal, wanted, form.key)
    return await _page(request, services, form.signed_in, "", made=made)


@router.post("/tokens/{token}/revoke")
async def revoke(token: str, services: ServicesDep, form: AdminsForm) -> Response:
    await access.revoke_token(services, form.principal, token, form.key)
    return RedirectResponse(f"{PATH}/tokens?done=revoked", HTTPStatus.SEE_OTHER)


async def _page(
    request: Request, services: ServicesDep, me: SignedIn, cursor: str, made: access.NewToken | None = None
) -> Response:
    found = await access.tokens(services, me.principal, PageRequest(cursor=cursor[:500], limit=50))
    return page(
        request,
        "tokens.html",
        me,
        tokens=found.items,
        next=found.next,
        made=made,
        places=await places_of(services, me),
        roles=tuple(Role),
    )
