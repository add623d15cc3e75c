"""The pages before and after: signing in, and signing out."""

import secrets
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console import sessions
from api.console.rendering import page
from api.console.sessions import BEFORE_COOKIE, COOKIE, PATH, OwnForm
from api.deps import ServicesDep
from api.problems import Refusal

router = APIRouter()

FORM_LASTS = timedelta(hours=1)


def local(target: str) -> str:
    """Where to go after signing in: only ever a page of the console."""
    good = target.startswith(f"{PATH}/") and not any(mark in target for mark in ("//", "\\", "\n", "\r"))
    return target if good else f"{PATH}/"


@router.get("/sign-in")
async def sign_in_page(request: Request, services: ServicesDep, next: str = "") -> Response:
    return _form_page(request, services, local(next))


@router.post("/sign-in")
async def sign_in(request: Request, services: ServicesDep) -> Response:
    fields = await sessions.read_form(request)
    target = local(fields.get("next", ""))
    before = request.cookies.get(BEFORE_COOKIE, "")
    try:
        sessions.check_form(request, fields, sessions.form_token(before) if before else secrets.token_hex())
        cookie, lasts = await sessions.sign_in(services, fields.get("token", "").strip())
    except Refusal as refused:
        if refused.status is HTTPStatus.UNAUTHORIZED:
            text = "Nobody is known by this token: it is unknown, expired or revoked."
        else:
            text = "The form was too old. Please try once more."
        return _form_page(request, services, target, text, refused.status)
    answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    sessions.set_cookie(services, answer, COOKIE, cookie, lasts)
    sessions.clear_cookie(answer, BEFORE_COOKIE)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, services: ServicesDep, form: OwnForm) -> Response:
    await sessions.sign_out(services, request.cookies[COOKIE], form.principal)
    answer = RedirectResponse(f"{PATH}/sign-in", HTTPStatus.SEE_OTHER)
    sessions.clear_cookie(answer, COOKIE)
    return answer


def _form_page(
    request: Request, services: ServicesDep, target: str, trouble: str = "", status: int = HTTPStatus.OK
) -> Response:
    before = secrets.token_urlsafe(32)
    answer = page(
        request,
        "sign-in.html",
        None,
        status=status,
        next=target,
        trouble=trouble,
        form_token=sessions.form_token(before),
    )
    sessions.set_cookie(services, answer, BEFORE_COOKIE, before, FORM_LASTS)
    return answer
