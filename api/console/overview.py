"""The first page: what waits for me, what is not well, and where the sites are."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from api.console.drawing.map import draw_map
from api.console.rendering import page
from api.console.sessions import SignedIn, SignedInDep
from api.console.streaming import Ticks, ticks_of_fleet
from api.context import Services, now
from api.deps import ServicesDep
from api.problems import problem_of
from api.services import declarations, findings, holds, inventory, operations
from api.services.declarations import SITE
from api.services.health import Check, readiness
from api.services.operations import OperationView
from api.services.queues import queues_in_use, standing_of
from domain.access import Place, Principal
from domain.finding import Finding, FindingFilter, FindingState, Severity
from domain.hold import Hold, holding
from domain.inventory import DeviceState
from domain.lifecycle import Lifecycle
from domain.model import Model
from domain.operation import OPEN_STATES, OperationFilter, OperationState
from domain.paging import PAGE_LIMIT, Page, PageRequest
from domain.site import SiteDeclaration, stored_site

router = APIRouter()

RECENT = timedelta(days=1)
SERVICES_ANSWER_S = 3.0
INVENTORY_ANSWERS_S = 6.0
PAGES_AT_MOST = 20


class SiteLine(Model):
    """A site in the list and on the map."""

    site: SiteDeclaration
    place: Place
    states: dict[str, int] = {}
    """Servers per state; what is declared and not in NetBox yet counts as `not recorded`."""
    running: tuple[OperationView, ...] = ()
    findings: dict[str, int] = {}
    holds: tuple[Hold, ...] = ()

    @property
    def blocked(self) -> int:
        return sum(1 for operation in self.running if operation.state is OperationState.BLOCKED)

    @property
    def mark(self) -> str:
        """The worst that is known of it: its colour on the map."""
        if self.blocked or self.findings.get(Severity.CRITICAL):
            return "bad"
        if self.holds or self.findings.get(Severity.WARNING):
            return "care"
        return "busy" if self.running else "good"

    @property
    def words(self) -> str:
        parts = [f"{number} {state}" for state, number in self.states.items()]
        parts += [f"{len(self.running)} running"] if self.running else []
        parts += [f"{sum(self.findings.values())} open findings"] if self.findings else []
        return ", ".join([self.site.title or self.site.name, *parts, *(["held"] if self.holds else [])])


async def everything[T](read: Callable[[PageRequest], Awaitable[Page[T]]]) -> tuple[T, ...]:
    """All pages of a list; stops at a number nobody reads on one page."""
    found, cursor = list[T](), ""
    for _ in range(PAGES_AT_MOST):
        answer = await read(PageRequest(cursor=cursor, limit=PAGE_LIMIT))
        found += answer.items
        cursor = answer.next
        if not cursor:
            break
    return tuple(found)


@router.get("/")
async def overview(request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    who = me.principal
    rows, standing, (devices, inventory_trouble), trouble = await asyncio.gather(
        asyncio.gather(
            everything(lambda p: declarations.page(services, who, SITE, p)),
            everything(lambda p: operations.page(services, who, OperationFilter(states=tuple(OPEN_STATES)), p)),
            _ended_badly(services, me),
        ),
        asyncio.gather(
            everything(lambda p: findings.page(services, who, FindingFilter(), p)),
            everything(lambda p: holds.page(services, who, False, p)),
        ),
        read_devices(services, who),
        _trouble(services),
    )
    (declared, running, ended), (open_findings, held) = rows, standing
    sites = tuple(stored_site(found.body) for found in declared)
    lines = tuple(_lines(sites, devices, running, open_findings, held))
    return page(
        request,
        "overview.html",
        me,
        lines=lines,
        map=draw_map(lines),
        blocked=[row for row in running if row.state is OperationState.BLOCKED],
        running=[row for row in running if row.state is not OperationState.BLOCKED],
        ended=ended,
        urgent=[f for f in open_findings if f.state is FindingState.OPEN and f.severity is Severity.CRITICAL],
        holds=held,
        trouble=trouble,
        inventory_trouble=inventory_trouble,
    )


@router.get("/events", response_class=Ticks)
async def events(services: ServicesDep, me: SignedInDep) -> Ticks:
    """Says that something changed; the page then reads itself again."""
    return Ticks(ticks_of_fleet(services, me.principal))


async def read_devices(services: Services, principal: Principal, site: str = "") -> tuple[tuple[DeviceState, ...], str]:
    """What NetBox holds, or why not: a NetBox that is away takes the states from a page, never what waits for a person."""
    try:
        reading = inventory.everything(services, principal, site=site)
        return await asyncio.wait_for(reading, INVENTORY_ANSWERS_S), ""
    except TimeoutError:
        return (), f"NetBox did not answer within {INVENTORY_ANSWERS_S:g} s, so the states of servers are not shown."
    except Exception as error:
        return (), f"{problem_of(error).detail} The states of servers are not shown."


async def _trouble(services: Services) -> tuple[Check, ...]:
    """What is wrong with the control plane itself: the reason behind waits that nobody planned."""
    try:
        found = await asyncio.wait_for(readiness(services), SERVICES_ANSWER_S)
    except TimeoutError:
        found = None
    checks = () if found is None else tuple(check for check in found.checks if not check.ok)
    if found is None or any(check.name == "temporal" for check in checks):
        late = Check(name="control plane", ok=False, detail=f"no answer within {SERVICES_ANSWER_S:g} s")
        return checks or (late,)
    queues = await asyncio.gather(*(standing_of(services, queue) for queue in await queues_in_use(services)))
    return (*checks, *(Check(name="worker", ok=False, detail=q.sentence) for q in queues if not q.polled))


async def _ended_badly(services: Services, me: SignedIn) -> tuple[OperationView, ...]:
    """What ended with something left to do within a day, unless the same was done or begun since."""
    latest = await operations.page(services, me.principal, OperationFilter(), PageRequest(limit=100))
    seen: set[tuple[str, str]] = set()
    found: list[OperationView] = []
    for row in latest.items:
        again = (row.kind, row.target) in seen
        if row.state is not OperationState.REFUSED:
            seen.add((row.kind, row.target))
        recent = row.ended_at is not None and now() - row.ended_at < RECENT
        if recent and not again and row.state in (OperationState.PARTIAL, OperationState.FAILED):
            found.append(row)
    return tuple(found)


def _lines(
    sites: tuple[SiteDeclaration, ...],
    devices: tuple[DeviceState, ...],
    running: tuple[OperationView, ...],
    open_findings: tuple[Finding, ...],
    held: tuple[Hold, ...],
) -> Iterator[SiteLine]:
    for site in sites:
        place = declarations.place_of(site)
        servers = [device for device in devices if device.site == site.name and inventory.is_server(device)]
        states = Counter(str(device.lifecycle) for device in servers if device.lifecycle)
        absent = len({server.name for server in site.servers} - {device.name for device in servers})
        ordered = {str(state): states[state] for state in Lifecycle if states[state]}
        yield SiteLine(
            site=site,
            place=place,
            states=ordered | ({"not recorded": absent} if absent else {}),
            running=tuple(row for row in running if row.place.site == site.name),
            findings=dict(Counter(str(f.severity) for f in open_findings if f.place.site == site.name)),
            holds=holding(held, place)
            + tuple(h for h in held if h.place.site == site.name and h.place.level in ("rack", "server")),
        )
