"""Progress as it happens, for server-sent events. A stream begins with what is, so that one that was interrupted misses
nothing; afterwards it tells what changed. The rows are read, not the workflows' histories."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from pydantic import BaseModel

from api.context import Services
from api.services.operations import OperationView, detailed, view
from api.threads import in_thread
from domain.access import Principal
from domain.finding import Finding, FindingFilter
from domain.model import Model
from domain.operation import Operation, OperationFilter
from domain.paging import PageRequest

LOOK_EVERY_S = 0.5
"""How often the row is read for a watcher: what a person sees as at once."""
LATEST = 50
"""How many of the newest operations and findings the fleet's stream keeps an eye on."""


class Event(Model):
    name: str
    id: str
    data: str


async def of_operation(services: Services, operation: Operation) -> AsyncIterator[Event]:
    """The operation's resource at once and after each change; ends after the one that says how it ended."""
    last = ""
    while True:
        resource = await detailed(services, operation)
        event = _event("operation", resource)
        if event.id != last:
            last = event.id
            yield event
        if resource.state.ended:
            return
        await asyncio.sleep(LOOK_EVERY_S)
        operation = await in_thread(services.operations.get, operation.id)


async def of_fleet(services: Services, principal: Principal) -> AsyncIterator[Event]:
    """Operations and findings within reach as they come and change: each once at the start, then when it differs."""
    seen: dict[str, str] = {}
    while True:
        for name, identity, resource in await _latest(services, principal):
            event = _event(name, resource)
            if seen.get(identity) != event.id:
                seen[identity] = event.id
                yield event
        await asyncio.sleep(LOOK_EVERY_S * 2)


async def _latest(services: Services, principal: Principal) -> list[tuple[str, str, OperationView | Finding]]:
    page = PageRequest(limit=LATEST)
    operations = await in_thread(services.operations.list, OperationFilter(), principal.place, page)
    findings = await in_thread(services.findings.list, FindingFilter(), principal.place, page)
    return [
        *(("operation", row.id, view(services, row)) for row in reversed(operations.items)),
        *(("finding", finding.id, finding) for finding in reversed(findings.items)),
    ]


def _event(name: str, resource: BaseModel) -> Event:
    data = resource.model_dump_json()
    return Event(name=name, id=hashlib.sha256(data.encode()).hexdigest()[:16], data=data)
