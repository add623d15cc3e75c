"""A site's page, and one of its devices'."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console.drawing.rack import draw_racks, state_of
from api.console.drawing.topology import draw_topology
from api.console.overview import everything, read_devices
from api.console.rendering import page
from api.console.sessions import PATH, OperatorsForm, SignedIn, SignedInDep
from api.context import Services
from api.deps import ServicesDep
from api.problems import not_found
from api.services import declarations, findings, holds, inventory, operations
from api.services.declarations import SERVER_CLASS
from api.services.operations import APPLY, AUDIT, PLAN
from domain.access import Place, Role
from domain.finding import Finding, FindingFilter
from domain.hold import Hold, holding
from domain.inventory import DeviceState
from domain.operation import OperationFilter
from domain.paging import PageRequest
from domain.server_class import ServerClass
from domain.site import ServerDeclaration, SiteDeclaration, SwitchDeclaration, SystemDeclaration

router = APIRouter()

type DeclaredDevice = ServerDeclaration | SwitchDeclaration | SystemDeclaration

STARTED_HERE = {PLAN: "Plan", AUDIT: "Audit"}
"""What a page may start: both change nothing. An apply names its plan and starts from the plan's page."""


@router.get("/sites/{site}")
async def site_page(site: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    who = me.principal
    head = await declarations.site_of(services, who, site)
    declared, place = head.site, declarations.place_of(head.site)
    (devices, inventory_trouble), found, held, latest, heights = await asyncio.gather(
        read_devices(services, who, site),
        everything(lambda p: findings.page(services, who, FindingFilter(place=Place(site=site)), p)),
        _holds(services, me, place),
        operations.page(services, who, OperationFilter(place=Place(site=site)), PageRequest(limit=10)),
        _heights(services, me, declared),
    )
    known = {device.name: device for device in devices}
    return page(
        request,
        "site.html",
        me,
        head=head,
        site=declared,
        place=place,
        known=known,
        state_of=lambda name: state_of(known.get(name)),
        racks=draw_racks(declared, devices, heights),
        topology=draw_topology(declared, frozenset(_cables_with(found))),
        cable_findings=_cables_with(found),
        findings=found,
        holds=held,
        operations=latest.items,
        inventory_trouble=inventory_trouble,
        netbox=_netbox(services, site),
        may_operate=who.may(Role.OPERATOR, place),
        starts=[(kind, title) for kind, title in STARTED_HERE.items() if kind in services.kinds],
        may_apply=APPLY in services.kinds,
    )


@router.post("/sites/{site}/start")
async def start(site: str, services: ServicesDep, form: OperatorsForm) -> Response:
    kind = form.text("choice", required=True)
    if kind not in STARTED_HERE:
        raise not_found("operation-kind-unknown", f"{kind!r} is not started from a site's page.")
    made = await operations.request_site_operation(services, form.principal, kind, site, form.key)
    return RedirectResponse(f"{PATH}/operations/{made.id}?done=started", HTTPStatus.SEE_OTHER)


@router.get("/sites/{site}/devices/{name}")
async def device_page(site: str, name: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    who = me.principal
    head = await declarations.site_of(services, who, site)
    devices, inventory_trouble = await read_devices(services, who, site)
    device = next((each for each in devices if each.name == name), None)
    declared = next((each for _, each in _declared(head.site) if each.name == name), None)
    if device is None and declared is None:
        raise not_found(
            "device-unknown", f"{site} has no device called {name}.", f"Look at the site's page: {PATH}/sites/{site}"
        )
    place = declarations.place_of(head.site)
    rack = (device.rack if device is not None else "") or (declared.rack if declared is not None else "") or ""
    here = place.model_copy(update={"rack": rack, "server": name})
    found = await everything(lambda p: findings.page(services, who, FindingFilter(place=Place(site=site)), p))
    return page(
        request,
        "device.html",
        me,
        site=head.site,
        name=name,
        device=device,
        declared=declared,
        state=state_of(device),
        kind=_kind(head.site, name, device),
        cables=[cable for cable in head.site.cables if name in (cable.a.device, cable.b.device)],
        cable_findings=_cables_with(found),
        findings=[f for f in found if _is_about(f, site, name)],
        holds=await _holds(services, me, here),
        place=here,
        may_operate=who.may(Role.OPERATOR, here),
        inventory_trouble=inventory_trouble,
    )


async def _holds(services: Services, me: SignedIn, place: Place) -> tuple[Hold, ...]:
    """Those that stop work here, and those on a part of it."""
    held = await everything(lambda p: holds.page(services, me.principal, False, p))
    inside = tuple(hold for hold in held if place.covers(hold.place) and hold.place != place)
    return holding(held, place) + inside


async def _heights(services: Services, me: SignedIn, site: SiteDeclaration) -> dict[str, int]:
    """Rack units by class, as far as the classes are declared."""
    known = await everything(lambda p: declarations.page(services, me.principal, SERVER_CLASS, p))
    wanted = set(site.class_names())
    return {c.name: ServerClass.model_validate(c.body).height_u for c in known if c.name in wanted}


def _cables_with(found: tuple[Finding, ...]) -> dict[str, Finding]:
    """The findings about cables, by the cable's key."""
    return {f.object.partition("/cable/")[2]: f for f in found if "/cable/" in f.object}


def _is_about(finding: Finding, site: str, name: str) -> bool:
    parts = finding.object.split("/")
    return finding.place.server == name or (
        parts[:2] == ["site", site] and (parts[-1] == name or f"{name}:" in finding.object)
    )


def _declared(site: SiteDeclaration) -> list[tuple[str, DeclaredDevice]]:
    return [
        *(("server", server) for server in site.servers),
        *(("switch", switch) for switch in site.switches),
        *(("system", system) for system in site.systems),
    ]


def _kind(site: SiteDeclaration, name: str, device: DeviceState | None) -> str:
    for kind, each in _declared(site):
        if each.name == name:
            return kind
    return "server" if device is not None and inventory.is_server(device) else "device"


def _netbox(services: Services, site: str) -> str:
    base = services.settings.netbox_url.rstrip("/")
    return f"{base}/dcim/sites/?slug={site}" if base else ""
