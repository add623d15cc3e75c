"""The application: routes, problems, chores. Everything it works with is passed in, so tests and `serve` build the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import chores, metrics, problems
from api.console import app as console
from api.context import Services
from api.problems import ProblemBody
from api.routes import declarations, devices, health, keeping, operations, records

ROUTERS = (declarations.router, devices.router, operations.router, records.router, keeping.router)


def create_app(services: Services, *, with_chores: bool = True) -> FastAPI:
    """Without chores for tests that want nothing to happen by itself."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with chores.running(services, chores.CHORES_OF_THE_API if with_chores else ()):
            yield

    app = FastAPI(
        title="Edgewright",
        version="1",
        lifespan=lifespan,
        # Its pages load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        # A path with a slash too many is another path: a redirect would lose the body of a POST.
        redirect_slashes=False,
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router, responses=problems.RESPONSES)
    app.include_router(health.router)
    console.install(app, services)
    problems.install(app)
    metrics.install(app)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            refs = "#/components/schemas/{model}"
            schema["components"]["schemas"] |= ProblemBody.model_json_schema(ref_template=refs).pop("$defs", {})
            body = ProblemBody.model_json_schema(ref_template=refs)
            body.pop("$defs", None)
            schema["components"]["schemas"]["ProblemBody"] = body
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi
    return app
