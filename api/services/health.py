"""Is what the API needs there, and set up? Each check says in a sentence what is wrong and how to mend it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from api.context import Services
from api.temporal import NO_ANSWER, words_of
from api.threads import in_thread
from domain.model import Model
from workflows.search_attributes import ALL

RETENTION = timedelta(days=30)
TIMEOUT_S = 5.0


class Check(Model):
    name: str
    ok: bool
    detail: str = ""


class Readiness(Model):
    ready: bool
    checks: tuple[Check, ...]


async def readiness(services: Services) -> Readiness:
    checks = await asyncio.gather(
        _checked("postgres", _postgres(services)),
        _checked("temporal", _temporal(services)),
        _checked("netbox", _netbox(services)),
    )
    return Readiness(ready=all(check.ok for check in checks), checks=tuple(checks))


async def _checked(name: str, check: Awaitable[str]) -> Check:
    try:
        problem = await asyncio.wait_for(check, TIMEOUT_S)
    except TimeoutError:
        problem = f"no answer within {TIMEOUT_S:g} s"
    # Whatever is wrong with a service makes it not ready, and its text may name an address but never a secret.
    except Exception as error:
        problem = f"it does not answer ({type(error).__name__})"
    return Check(name=name, ok=not problem, detail=problem)


async def _postgres(services: Services) -> str:
    pending = await in_thread(services.pending_migrations)
    return f"migrations are pending: {', '.join(pending)}; run: edgewright bootstrap" if pending else ""


async def _temporal(services: Services) -> str:
    client = services.temporal
    short = timedelta(seconds=4)
    try:
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=short
        )
        there = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=short
        )
    except NO_ANSWER as error:
        return f"namespace {client.namespace}: {words_of(error)}; see: edgewright status"
    absent = [key.name for key in ALL if key.name not in there.custom_attributes]
    if absent:
        return f"search attributes are missing: {', '.join(absent)}; run: edgewright bootstrap"
    kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
    if kept < RETENTION:
        return f"retention is {kept.days} days and must be {RETENTION.days}; run: edgewright bootstrap"
    return ""


async def _netbox(services: Services) -> str:
    if services.inventory is None:
        return "EDGEWRIGHT_NETBOX_URL and EDGEWRIGHT_NETBOX_TOKEN_FILE are not set"
    state = await in_thread(services.inventory.check_bootstrap)
    wanting = ", ".join(str(item) for item in state.missing)
    return "" if state.ready else f"missing or other than ours: {wanting}; run: edgewright bootstrap"
