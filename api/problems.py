"""Every answer that is not what was asked for: RFC 9457 problems with a stable `type`, readable by people and scripts alike."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.checking import Inconsistent, Problem, join_paths, path_of, problems_of, without_consequences
from domain.errors import Conflict, EdgewrightError, NotYet, Rejected, Throttled, Transient
from domain.model import UNPRINTABLE

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:edgewright:problem:"


class ProblemBody(BaseModel):
    """RFC 9457. `type` ends in a stable word for scripts; `do` says what to do next; `errors` lists every wrong field."""

    type: str = Field(examples=[f"{TYPE_PREFIX}lock-taken"])
    title: str
    status: int
    detail: str = ""
    do: str = ""
    instance: str = ""
    errors: tuple[Problem, ...] = ()
    context: dict[str, Any] = {}
    """What else a script may need, such as the operation that holds a lock."""


class Refusal(Exception):
    """Answers a request with a problem; for what only HTTP knows. What the domain refuses is raised as its own errors."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        do: str = "",
        errors: Sequence[Problem] = (),
        context: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.kind, self.detail, self.do = status, kind, detail, do
        self.errors, self.context, self.headers = tuple(errors), dict(context or {}), dict(headers or {})
        super().__init__(detail)


def not_found(kind: str, detail: str, do: str = "") -> Refusal:
    """Also for what the principal's scope does not cover: it must not learn that it exists."""
    return Refusal(HTTPStatus.NOT_FOUND, kind, detail, do=do)


def invalid(errors: Sequence[Problem], detail: str = "") -> Refusal:
    count = len(errors)
    text = detail or f"The request has {count} problem{'s' if count != 1 else ''}: nothing was changed."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", text, errors=errors)


# What the domain's own words mean over HTTP; every other error goes by which of the five kinds it is.
STATUS_BY_KIND: Mapping[str, HTTPStatus] = {
    "version-stale": HTTPStatus.PRECONDITION_FAILED,
    "declaration-changed": HTTPStatus.PRECONDITION_FAILED,
    "artifact-missing": HTTPStatus.NOT_FOUND,
    "secret-missing": HTTPStatus.NOT_FOUND,
    "declaration-missing": HTTPStatus.NOT_FOUND,
}


def status_of(error: EdgewrightError) -> HTTPStatus:
    if error.kind in STATUS_BY_KIND:
        return STATUS_BY_KIND[error.kind]
    if error.kind.endswith("-unknown"):
        return HTTPStatus.NOT_FOUND
    by_class = (
        (Rejected, HTTPStatus.UNPROCESSABLE_ENTITY),
        (Conflict, HTTPStatus.CONFLICT),
        (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
        (Transient, HTTPStatus.SERVICE_UNAVAILABLE),
        (NotYet, HTTPStatus.CONFLICT),
    )
    return next((status for kind, status in by_class if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(error: Exception) -> Refusal:
    """The problem that an error becomes. What nobody expected says nothing of itself: its text stays in the log."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, EdgewrightError):
        headers = {"Retry-After": str(int(error.retry_after_s + 1))} if error.retry_after_s else {}
        return Refusal(status_of(error), error.kind, error.message, do=error.do, headers=headers)
    if isinstance(error, RequestValidationError):
        return invalid(
            [problem for detail in without_consequences(error.errors()) for problem in _request_problems(detail)]
        )
    if isinstance(error, ValidationError):
        return invalid(problems_of(error))
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        kind = {404: "route-unknown", 405: "method-not-allowed", 413: "too-large"}.get(status, f"http-{int(status)}")
        return Refusal(status, kind, status.description or str(error.detail), headers=error.headers)
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Something went wrong inside Edgewright.",
        do="Read the log of `edgewright serve`, then send the request again.",
    )


def _after_a_change(refusal: Refusal, method: str) -> Refusal:
    """What an unexpected end of a request that changes something means for whoever sent it."""
    if refusal.kind == "internal" and method == "POST":
        refusal.detail += " The request may have had an effect."
        refusal.do = "Read the log of `edgewright serve`, then send the request again with the same Idempotency-Key."
    return refusal


def _request_problems(detail: Mapping[str, Any]) -> tuple[Problem, ...]:
    where, *loc = detail["loc"]
    front = "" if where == "body" else f"{where}."
    words = {"missing": "is required", "extra_forbidden": "is no field of ours: check the spelling"}
    message = words.get(detail["type"], str(detail["msg"]).removeprefix("Value error, "))
    if detail["type"] == "json_invalid":
        return (Problem(path="", message=f"the body is no JSON: {detail.get('ctx', {}).get('error', message)}"),)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, Inconsistent):
        return tuple(Problem(path=join_paths(front + path_of(loc), p.path), message=p.message) for p in cause.problems)
    return (Problem(path=front + path_of(loc), message=message),)


def response_of(refusal: Refusal, instance: str) -> Response:
    body = ProblemBody(
        type=TYPE_PREFIX + refusal.kind,
        title=refusal.kind.replace("-", " ").capitalize(),
        status=refusal.status,
        detail=refusal.detail,
        do=refusal.do,
        instance=instance,
        errors=refusal.errors,
        context=refusal.context,
    )
    # In ASCII: what was sent may hold half a surrogate pair, which UTF-8 cannot say back.
    content = json.dumps(body.model_dump(exclude_defaults=True), default=str)
    return Response(content, refusal.status, headers=refusal.headers, media_type=MEDIA_TYPE)


async def answer_with_problem(request: Request, error: Exception) -> Response:
    return response_of(_after_a_change(problem_of(error), request.method), request.url.path)


class PrintableRequests:
    """Refuses a path or query with control characters before anything looks at it: no name has one, and no database takes NUL."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if UNPRINTABLE.search(scope["path"]):
                refusal = not_found("route-unknown", "The path holds control characters, and no name does.")
                await response_of(refusal, "")(scope, receive, send)
                return
            if UNPRINTABLE.search(unquote_plus(scope["query_string"].decode("latin-1"))):
                problem = Problem(path="query", message="must not hold control characters")
                await response_of(invalid([problem]), scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem, the router's own 404 and 405 and what nobody expected included."""
    for kind in (Refusal, EdgewrightError, RequestValidationError, ValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_with_problem)
    app.add_middleware(PrintableRequests)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
}
"""For the OpenAPI document: what any operation may answer instead."""
