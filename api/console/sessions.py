"""Signing in with a token, and what every page and form needs of it: who is asking, and that the form is one of ours.

The cookie is a random secret and nothing else; the row under its hash names the token. Role and scope are read from the token
with every request, so that a revoked token ends its sessions at once. The form's token is a hash of the cookie: a page of
somebody else can send the cookie along and cannot read it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData

from api.context import Services, now
from api.deps import ServicesDep
from api.problems import Refusal, invalid
from api.services import access
from api.threads import in_thread
from domain.access import AuditEvent, Principal, Role, token_digest
from domain.checking import Problem
from domain.model import UNPRINTABLE, Model
from domain.operation import IdempotencyKey

PATH = "/console"
COOKIE = "edgewright_session"
BEFORE_COOKIE = "edgewright_sign_in"
"""Ties the sign-in form to the browser it was shown in, so that nobody signs somebody else in."""
LASTS = timedelta(hours=12)
"""A night shift and its handover; signing in again is one paste."""
FORM_LIMIT_BYTES = 64 * 1024


class NotSignedIn(Refusal):
    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, "not-signed-in", "You are not signed in, or not any more.")


class SignedIn(Model):
    principal: Principal
    form_token: str
    until: datetime

    @property
    def operates(self) -> bool:
        return self.principal.role.includes(Role.OPERATOR)

    @property
    def administers(self) -> bool:
        return self.principal.role.includes(Role.ADMIN)


class Form(Model):
    """A form that was sent by a signed-in person from a page of ours."""

    signed_in: SignedIn
    key: IdempotencyKey
    fields: Mapping[str, str]

    @property
    def principal(self) -> Principal:
        return self.signed_in.principal

    def text(self, name: str, *, required: bool = False, at_most: int = 500) -> str:
        value = self.fields.get(name, "").strip()
        if required and not value:
            raise invalid([Problem(path=name, message="is required: say it in a few words")])
        if UNPRINTABLE.search(value):
            raise invalid([Problem(path=name, message="must not hold control characters")])
        if len(value) > at_most:
            raise invalid([Problem(path=name, message=f"has at most {at_most} characters")])
        return value


def form_token(cookie: str) -> str:
    return hashlib.sha256(b"form of " + cookie.encode()).hexdigest()


async def sign_in(services: Services, token: str) -> tuple[str, timedelta]:
    """The cookie for a browser whose person showed this token. Raises the API's 401."""
    principal = await access.principal_of(services, token)
    cookie = secrets.token_urlsafe(32)
    await in_thread(services.sessions.open, token_digest(cookie), principal.token, now() + LASTS)
    await _audit(services, principal, "console.sign-in")
    return cookie, LASTS


async def sign_out(services: Services, cookie: str, principal: Principal) -> None:
    await in_thread(services.sessions.close, token_digest(cookie))
    await _audit(services, principal, "console.sign-out")


async def signed_in(request: Request, services: ServicesDep) -> SignedIn:
    cookie = request.cookies.get(COOKIE, "")
    session = await in_thread(services.sessions.find, token_digest(cookie)) if cookie else None
    token = await in_thread(services.tokens.get, session.token) if session else None
    if session is None or token is None or not token.valid_at(now()):
        raise NotSignedIn()
    return SignedIn(principal=token.principal, form_token=form_token(cookie), until=session.expires_at)


SignedInDep = Annotated[SignedIn, Depends(signed_in)]


async def own_form(request: Request, signed: SignedInDep) -> Form:
    """Refuses a form that another site's page made the browser send."""
    fields = await read_form(request)
    check_form(request, fields, signed.form_token)
    return _form(request, signed, fields)


def form_of(role: Role) -> Callable[[Request, SignedInDep], Awaitable[Form]]:
    """What only this role may send is refused before it is read; the place is checked by the service."""

    async def form(request: Request, signed: SignedInDep) -> Form:
        access.need_role(signed.principal, role)
        return await own_form(request, signed)

    return form


OwnForm = Annotated[Form, Depends(own_form)]
OperatorsForm = Annotated[Form, Depends(form_of(Role.OPERATOR))]
AdminsForm = Annotated[Form, Depends(form_of(Role.ADMIN))]


async def read_form(request: Request) -> Mapping[str, str]:
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > FORM_LIMIT_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "The form is too large, or does not say how large."
        )
    data: FormData = await request.form(max_files=0, max_fields=50)
    return {name: value for name, value in data.items() if isinstance(value, str)}


def check_form(request: Request, fields: Mapping[str, str], expected: str) -> None:
    elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    if elsewhere or not hmac.compare_digest(fields.get("form_token", "").encode(), expected.encode()):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "form-not-ours",
            "This form did not come from a page of this console, or from one that is too old. Nothing was changed.",
            do="Go back, reload the page, and send the form again.",
        )


def _form(request: Request, signed: SignedIn, fields: Mapping[str, str]) -> Form:
    sent = {name: value for name, value in fields.items() if name not in ("form_token", "key")}
    parts = [request.url.path, *(f"{name}={sent[name]}" for name in sorted(sent))]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    # Each button of a form is a request of its own, though they share the page's key.
    key = f"{fields.get('key', '')[:100] or secrets.token_urlsafe(16)}-{fields.get('choice', '')[:20]}"
    return Form(
        signed_in=signed,
        key=IdempotencyKey(key=key, request_digest=digest, scope=signed.principal.token),
        fields=sent,
    )


def set_cookie(services: Services, response: Response, name: str, value: str, lasts: timedelta) -> None:
    """`Lax`, so that a link from a chat or a webhook opens the page it names; forms are guarded by their token."""
    response.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=services.settings.public_url.startswith("https://"),
    )


def clear_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path=PATH, httponly=True, samesite="lax")


async def _audit(services: Services, principal: Principal, action: str) -> None:
    about: dict[str, Any] = {"object": f"token/{principal.token}", "place": principal.place}
    await services.record(AuditEvent(at=now(), who=principal.name, action=action, **about))
