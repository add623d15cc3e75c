"""What route handlers ask for, as one-word annotations: the services, who is asking, the idempotency key, the page."""

import hashlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.context import Services
from api.problems import Refusal, invalid
from api.services import access
from domain.access import Principal, Role
from domain.checking import Problem
from domain.operation import IdempotencyKey
from domain.paging import PAGE_LIMIT, PageRequest

_bearer = HTTPBearer(auto_error=False, description="A token made with `edgewright token create`.")


def services_of(request: Request) -> Services:
    return request.app.state.services


ServicesDep = Annotated[Services, Depends(services_of)]


async def authenticated(
    services: ServicesDep, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Who acted comes from here and from nowhere else."""
    return await access.principal_of(services, bearer.credentials if bearer else "")


PrincipalDep = Annotated[Principal, Depends(authenticated)]


class Needs:
    """A route's rule: the least role. What lies out of the principal's scope the services find, thing by thing.

    Every route under `/v1` has exactly one; a test refuses a route without.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request, principal: PrincipalDep) -> None:
        access.need_role(principal, self.role)
        refuse_unknown_query(request)


def needs(role: Role) -> Any:
    return Depends(Needs(role))


VIEW, OPERATE, ADMINISTER = needs(Role.VIEWER), needs(Role.OPERATOR), needs(Role.ADMIN)


def refuse_unknown_query(request: Request) -> None:
    """A misspelt filter must not silently list everything."""
    known = set(_query_names(request.scope["route"].dependant))
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        allowed = f"allowed: {', '.join(sorted(known))}" if known else "this takes none"
        raise invalid([Problem(path=f"query.{name}", message=f"is no query parameter; {allowed}") for name in unknown])


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (param.alias for param in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


async def idempotency_key(
    request: Request,
    principal: PrincipalDep,
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="Required. The same key with the same body is one request."),
    ] = None,
) -> IdempotencyKey:
    """The key, kept apart by token, with a digest of the request it came with."""
    if key is None or not key.strip() or len(key) > 200:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "idempotency-key-required",
            "A POST carries an Idempotency-Key header of 1 to 200 characters.",
            do="Send a new UUID for each thing you want, and the same one when you repeat the request.",
        )
    body = await request.body()
    digest = hashlib.sha256(b"\n".join((request.url.path.encode(), body))).hexdigest()
    return IdempotencyKey(key=key.strip(), request_digest=digest, scope=principal.token or principal.name)


KeyDep = Annotated[IdempotencyKey, Depends(idempotency_key)]


def page_request(
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="How many items a page has at most.")] = 50,
    cursor: Annotated[str, Query(max_length=500, description="`next` of the page before.")] = "",
) -> PageRequest:
    return PageRequest(cursor=cursor, limit=limit)


PageDep = Annotated[PageRequest, Depends(page_request)]

_ETAG = re.compile(r'^(?:W/)?"([0-9]{1,9})"$')


def expected_version(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of what is changed; left out only to create.")
    ] = None,
) -> int | None:
    if if_match is None:
        return None
    found = _ETAG.match(if_match.strip())
    if found is None:
        raise invalid([Problem(path="header.If-Match", message=f'must be an ETag such as "3" (given: {if_match})')])
    return int(found.group(1))


VersionDep = Annotated[int | None, Depends(expected_version)]
