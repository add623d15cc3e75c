"""Who is asking, and may they? Authentication, the two checks every service makes, and the tokens themselves."""

import secrets
from datetime import timedelta
from http import HTTPStatus

from pydantic import Field

from api.context import JoinedStores, Services, now
from api.problems import Refusal, invalid, not_found
from api.threads import in_thread
from domain.access import AuditEvent, DeclaredPlace, Place, Principal, Role, Token, token_digest
from domain.checking import Problem
from domain.model import Declared, Model
from domain.operation import IdempotencyKey
from domain.paging import Page, PageRequest

TOKEN_BYTES = 32
TOKEN_PREFIX = "ew_"  # noqa: S105


class TokenRequest(Declared):
    label: str = Field(min_length=1, max_length=100, pattern=r"^[\w .@:+-]+$")
    role: Role = Role.VIEWER
    place: DeclaredPlace = DeclaredPlace()
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class NewToken(Model):
    """`secret` is shown in the first answer only; a repeated request gets the token without it."""

    token: Token
    secret: str = ""


async def principal_of(services: Services, secret: str) -> Principal:
    """Who holds this token. Raises a 401 that does not say whether the token ever was one."""
    token = await in_thread(services.tokens.find, token_digest(secret)) if secret else None
    if token is None or not token.valid_at(now()):
        what = "The token is unknown, expired or revoked." if secret else "The request carries no token."
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "unauthenticated",
            what,
            do="Send `Authorization: Bearer TOKEN`; an admin makes one: edgewright token create.",
            headers={"WWW-Authenticate": 'Bearer realm="edgewright"'},
        )
    return token.principal


def need_role(principal: Principal, role: Role) -> None:
    if not principal.role.includes(role):
        raise _forbidden("role-insufficient", f"This needs the role {role}; {principal.name} is {principal.role}.")


def allow(principal: Principal, role: Role, place: Place) -> None:
    """For acting on a place. Raises 403."""
    need_role(principal, role)
    if not principal.place.covers(place):
        raise _forbidden("scope-insufficient", f"{principal.name} acts on {principal.place}, and this is {place}.")


def see[T](principal: Principal, thing: T, place: Place, kind: str, detail: str) -> T:
    """For a thing that was asked for by name: out of reach is answered as if it did not exist."""
    if not principal.place.covers(place):
        raise not_found(kind, detail)
    return thing


async def create_token(
    services: Services, principal: Principal, request: TokenRequest, key: IdempotencyKey
) -> NewToken:
    """A token never reaches further than the one that makes it. The kept answer is without the secret."""
    place = request.place.place
    allow(principal, Role.ADMIN, place)
    if place.rack or place.server:
        raise invalid([Problem(path="place", message="a token's scope is the fleet, a region or a site")])
    secret = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = now() + timedelta(days=request.expires_in_days) if request.expires_in_days else None

    def effect(stores: JoinedStores) -> NewToken:
        token = stores.tokens.add(
            token_digest(secret),
            request.label,
            request.role,
            place,
            created_by=principal.name,
            expires_at=expires_at,
        )
        stores.audit(_event(principal, "token.create", token))
        return NewToken(token=token, secret=secret)

    return await in_thread(services.answers.once, key, NewToken, effect, _without_secret)


def _without_secret(made: NewToken) -> NewToken:
    return made.model_copy(update={"secret": ""})


async def tokens(services: Services, principal: Principal, request: PageRequest) -> Page[Token]:
    return await in_thread(services.tokens.list, principal.place, request)


async def token(services: Services, principal: Principal, identity: str) -> Token:
    found = await in_thread(services.tokens.get, identity)
    if found is None:
        raise not_found("token-unknown", f"No token is called {identity}.")
    return see(principal, found, found.place, "token-unknown", f"No token is called {identity}.")


async def revoke_token(services: Services, principal: Principal, identity: str, key: IdempotencyKey) -> Token:
    """Revoking a revoked token changes nothing."""
    await token(services, principal, identity)

    def effect(stores: JoinedStores) -> Token:
        revoked = stores.tokens.revoke(identity)
        stores.audit(_event(principal, "token.revoke", revoked))
        return revoked

    return await in_thread(services.answers.once, key, Token, effect)


def _event(principal: Principal, action: str, about: Token) -> AuditEvent:
    return AuditEvent(at=now(), who=principal.name, action=action, object=f"token/{about.id}", place=about.place)


def _forbidden(kind: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, kind, detail, do="Ask an admin, or use another token.")
