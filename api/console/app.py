"""The console as an application of its own under `/console`: its errors are pages, its answers carry strict headers."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.console import evidence, findings, holds, operations, overview, plans, records, signing, sites, tokens
from api.console.rendering import STATIC, page
from api.console.sessions import PATH, NotSignedIn, SignedIn, signed_in
from api.context import Services
from api.problems import Refusal, problem_of
from domain.errors import EdgewrightError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ROUTERS = tuple(
    part.router for part in (signing, overview, sites, operations, plans, findings, holds, evidence, records, tokens)
)


def install(app: FastAPI, services: Services) -> None:
    """Mounts the console, and leads whoever opens the bare address to it."""
    console = FastAPI(
        title="Edgewright console", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    console.state.services = services
    for router in ROUTERS:
        console.include_router(router)
    console.mount("/static", StaticFiles(directory=STATIC))
    for kind in (Refusal, EdgewrightError, RequestValidationError, ValidationError, HTTPException, Exception):
        console.add_exception_handler(kind, answer_with_page)

    @console.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.url.path.startswith(f"{PATH}/static/") and request.url.query:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    @app.get("/", include_in_schema=False)
    @app.get(PATH, include_in_schema=False)
    async def to_console() -> RedirectResponse:
        return RedirectResponse(f"{PATH}/", HTTPStatus.SEE_OTHER)

    app.mount(PATH, console)


async def answer_with_page(request: Request, error: Exception) -> Response:
    if isinstance(error, NotSignedIn):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = f"?next={quote(here, safe='/')}" if request.method == "GET" else ""
        return RedirectResponse(f"{PATH}/sign-in{target}", HTTPStatus.SEE_OTHER)
    problem = problem_of(error)
    answer = page(request, "problem.html", await _whoever(request), status=problem.status, problem=problem)
    # What nobody expected is answered outside of the middleware that puts them on every other page.
    answer.headers.update(HEADERS)
    return answer


async def _whoever(request: Request) -> SignedIn | None:
    """For the head of an error's page. The error may be that nobody can be looked up."""
    try:
        return await signed_in(request, cast(Services, request.app.state.services))
    except Exception:
        return None
