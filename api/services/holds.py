"""Holds: placing one stops disruptive steps, releasing one tells the operations that wait for it."""

from collections.abc import AsyncIterator
from datetime import timedelta

from pydantic import Field

from api.context import JoinedStores, Services, now
from api.problems import invalid
from api.services import declarations
from api.services.access import allow, see
from api.services.starting import workflow_id_of
from api.temporal import NO_ANSWER
from api.threads import in_thread
from domain.access import AuditEvent, DeclaredPlace, Place, Principal, Role
from domain.checking import Problem
from domain.declaration import Declaration
from domain.hold import Hold
from domain.model import Declared
from domain.operation import IdempotencyKey, Operation, OperationFilter, OperationState, WaitKind
from domain.order import Released
from domain.paging import Page, PageRequest
from domain.site import SiteDeclaration


class HoldRequest(Declared):
    place: DeclaredPlace
    reason: str = Field(min_length=1, max_length=500)


class HoldReleased(Hold):
    told: tuple[str, ...] = ()
    """The operations that were waiting for it and have been told."""


async def place_hold(services: Services, principal: Principal, request: HoldRequest, key: IdempotencyKey) -> Hold:
    """The same person holding the same place again gets the hold that is there."""
    asked = request.place.place
    head = await _site(services, asked.site) if asked.site else None
    # A site knows its region, so that whoever reaches the region reaches the hold.
    place = asked.model_copy(update={"region": asked.region or head.region.name}) if head else asked
    allow(principal, Role.OPERATOR, place)
    if problems := [problem async for problem in _nowhere(services, place, head)]:
        raise invalid(problems, "Nothing is held: the place is nowhere declared, and a hold on it would stop nothing.")

    def effect(stores: JoinedStores) -> Hold:
        hold = stores.holds.place(place, request.reason, principal.name)
        stores.audit(_event(principal, "hold.place", hold))
        return hold

    return await in_thread(services.answers.once, key, Hold, effect)


async def get(services: Services, principal: Principal, hold: str) -> Hold:
    found = await in_thread(services.holds.get, hold)
    return see(principal, found, found.place, "hold-unknown", f"No hold is called {hold}.")


async def page(services: Services, principal: Principal, released: bool, request: PageRequest) -> Page[Hold]:
    return await in_thread(services.holds.list, principal.place, request, released=released)


async def release(
    services: Services, principal: Principal, hold: str, key: IdempotencyKey, why: str = ""
) -> HoldReleased:
    """Releasing again tells again: a workflow looks at the holds itself, so being told twice changes nothing."""
    await get(services, principal, hold)

    def effect(stores: JoinedStores) -> Hold:
        released = stores.holds.release(hold, principal.name, why)
        stores.audit(_event(principal, "hold.release", released, why))
        return released

    released = await in_thread(services.answers.once, key, Hold, effect)
    # Told after the release is committed: whoever is told looks at once.
    return HoldReleased(**dict(released), told=await _tell(services, principal, released))


async def _tell(services: Services, principal: Principal, released: Hold) -> tuple[str, ...]:
    told: list[str] = []
    for operation in await _held(services, released.place):
        for workflow_id in {w.workflow_id or workflow_id_of(operation) for w in operation.waiting}:
            handle = services.temporal.get_workflow_handle(workflow_id)
            try:
                signal = Released(hold=released.id, by=principal.name)
                await handle.signal("hold_released", signal, rpc_timeout=timedelta(seconds=3))
            except NO_ANSWER:
                # The operation looks at the holds itself after a while: being told only makes it sooner.
                continue
            told.append(operation.id)
    return tuple(dict.fromkeys(told))


async def _held(services: Services, place: Place) -> tuple[Operation, ...]:
    """The blocked operations at this place that wait for a hold."""
    found, cursor = list[Operation](), ""
    where = OperationFilter(states=(OperationState.BLOCKED,))
    while True:
        # A hold on a rack or server stops an operation of its whole site.
        reach = Place(region=place.region, site=place.site)
        page = await in_thread(services.operations.list, where, reach, PageRequest(cursor=cursor, limit=200))
        found += [row for row in page.items if any(wait.kind is WaitKind.HOLD for wait in row.waiting)]
        if not page.next:
            return tuple(found)
        cursor = page.next


async def _site(services: Services, name: str) -> SiteDeclaration | None:
    return declarations.in_force(await in_thread(services.declarations.head, declarations.SITE, name))


async def _nowhere(services: Services, place: Place, site: SiteDeclaration | None) -> AsyncIterator[Problem]:
    """Every part of a place that no declaration has."""
    if not place.site:
        if place.region and not (await _sites_in(services, place)).items:
            yield Problem(path="place.region", message=f"no declared site is in a region {place.region}")
        return
    if site is None:
        yield Problem(path="place.site", message=f"no site is called {place.site}")
        return
    if site.region.name != place.region:
        yield Problem(path="place.region", message=f"site {place.site} is in region {site.region.name}")
    racks, servers = {rack.name for rack in site.racks}, {server.name: server.rack for server in site.servers}
    if place.rack and place.rack not in racks:
        message = f"site {place.site} declares no rack {place.rack} (it has: {', '.join(sorted(racks))})"
        yield Problem(path="place.rack", message=message)
    if place.server and place.server not in servers:
        yield Problem(path="place.server", message=f"site {place.site} declares no server {place.server}")
    elif place.server and place.rack in racks and servers[place.server] != place.rack:
        yield Problem(path="place.rack", message=f"server {place.server} stands in rack {servers[place.server]}")


async def _sites_in(services: Services, region: Place) -> Page[Declaration]:
    return await in_thread(services.declarations.list, declarations.SITE, region, PageRequest(limit=1))


def _event(principal: Principal, action: str, hold: Hold, why: str = "") -> AuditEvent:
    return AuditEvent(
        at=now(), who=principal.name, action=action, object=hold.id, place=hold.place, detail=why or hold.reason
    )
