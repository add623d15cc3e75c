"""Holds: placing one stops disruptive steps, releasing one tells the operations that wait for it."""

from datetime import timedelta

from pydantic import Field

from api.context import JoinedStores, Services, now
from api.services.access import allow, see
from api.services.starting import workflow_id_of
from api.temporal import NO_ANSWER
from api.threads import in_thread
from domain.access import AuditEvent, Place, Principal, Role
from domain.hold import Hold
from domain.model import Declared
from domain.operation import IdempotencyKey, Operation, OperationFilter, OperationState, WaitKind
from domain.order import Released
from domain.paging import Page, PageRequest


class HoldRequest(Declared):
    place: Place
    reason: str = Field(min_length=1, max_length=500)


class HoldReleased(Hold):
    told: tuple[str, ...] = ()
    """The operations that were waiting for it and have been told."""


async def place_hold(services: Services, principal: Principal, request: HoldRequest, key: IdempotencyKey) -> Hold:
    """The same person holding the same place again gets the hold that is there."""
    place = await _whole(services, request.place)
    allow(principal, Role.OPERATOR, place)

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


async def _whole(services: Services, place: Place) -> Place:
    """A site knows its region, so that whoever reaches the region reaches the hold."""
    if not place.site or place.region:
        return place
    head = await in_thread(services.declarations.head, "Site", place.site)
    return place if head is None else place.model_copy(update={"region": head.place.region})


def _event(principal: Principal, action: str, hold: Hold, why: str = "") -> AuditEvent:
    return AuditEvent(
        at=now(), who=principal.name, action=action, object=hold.id, place=hold.place, detail=why or hold.reason
    )
