"""Holds: those in force, setting one, letting go on."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console.places import places_of
from api.console.rendering import page
from api.console.sessions import PATH, OperatorsForm, SignedInDep
from api.deps import ServicesDep
from api.services import holds
from api.services.holds import HoldRequest
from domain.access import DeclaredPlace, Place, Role
from domain.paging import PageRequest

router = APIRouter()


@router.get("/holds")
async def list_page(
    request: Request, services: ServicesDep, me: SignedInDep, released: bool = False, cursor: str = "", place: str = ""
) -> Response:
    found = await holds.page(services, me.principal, released, PageRequest(cursor=cursor[:500], limit=50))
    wanted = Place.parse(place) if place else None
    return page(
        request,
        "holds.html",
        me,
        holds=found.items,
        next=found.next,
        released=released,
        places=await places_of(services, me),
        wanted=wanted,
        may_release=lambda hold: me.principal.may(Role.OPERATOR, hold.place),
    )


@router.post("/holds")
async def place_hold(services: ServicesDep, form: OperatorsForm) -> Response:
    place = Place.parse(form.text("place", required=True))
    rack, server = form.text("rack", at_most=40), form.text("server", at_most=40)
    place = place.model_copy(update={name: value for name, value in (("rack", rack), ("server", server)) if value})
    wanted = HoldRequest(place=DeclaredPlace(**place.model_dump()), reason=form.text("why", required=True))
    await holds.place_hold(services, form.principal, wanted, form.key)
    return RedirectResponse(f"{PATH}/holds?done=held", HTTPStatus.SEE_OTHER)


@router.post("/holds/{hold}/release")
async def release(hold: str, services: ServicesDep, form: OperatorsForm) -> Response:
    reason = form.text("why", required=True)
    await holds.release(services, form.principal, hold, form.key, reason)
    return RedirectResponse(f"{PATH}/holds?done=released", HTTPStatus.SEE_OTHER)
