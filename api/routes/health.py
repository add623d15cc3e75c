"""Is the process alive, is it ready, and its metrics. The first two need no token: what watches a process has none."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.deps import VIEW, PrincipalDep, ServicesDep
from api.services.access import allow
from api.services.health import Readiness, readiness
from domain.access import Place, Role
from domain.model import Model

router = APIRouter(tags=["health"])


class Alive(Model):
    alive: bool = True


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Alive:
    """The process answers. Says nothing about what it needs."""
    return Alive()


@router.get("/readyz", operation_id="readyz")
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """503 until Postgres is migrated, Temporal has our namespace and search attributes, and NetBox is bootstrapped."""
    found = await readiness(services)
    response.status_code = 200 if found.ready else 503
    return found


@router.get("/metrics", operation_id="metrics", response_class=Response, dependencies=[VIEW])
async def metrics(principal: PrincipalDep) -> Response:
    """In Prometheus' format, of the whole fleet; scrape with a viewer's token for it (`bearer_token_file`)."""
    allow(principal, Role.VIEWER, Place())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
