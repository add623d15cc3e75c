"""Servers, switches and other systems, of the fleet and of one site."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import VIEW, PageDep, PrincipalDep, ServicesDep
from api.services import inventory
from domain.inventory import DeviceState
from domain.lifecycle import Lifecycle
from domain.paging import Page

router = APIRouter(prefix="/v1", tags=["inventory"])

StatesQuery = Annotated[list[Lifecycle] | None, Query()]


@router.get("/servers", operation_id="listServers", dependencies=[VIEW])
async def list_servers(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, site: str = "", state: StatesQuery = None
) -> Page[DeviceState]:
    """With lifecycle, holder, class and, where quarantined, the reasons."""
    states = tuple(state or ())
    return await inventory.page(services, principal, inventory.is_server, page, site=site, states=states)


@router.get("/switches", operation_id="listSwitches", dependencies=[VIEW])
async def list_switches(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, site: str = ""
) -> Page[DeviceState]:
    return await inventory.page(services, principal, inventory.is_switch, page, site=site)


@router.get("/systems", operation_id="listSystems", dependencies=[VIEW])
async def list_systems(
    services: ServicesDep, principal: PrincipalDep, page: PageDep, site: str = ""
) -> Page[DeviceState]:
    """Storage, gateways, firewalls, load balancers, DNS, NTP, grandmasters, InfiniBand managers."""
    return await inventory.page(services, principal, inventory.is_system, page, site=site)


@router.get("/sites/{site}/servers", operation_id="listSiteServers", dependencies=[VIEW])
async def list_site_servers(
    site: str, services: ServicesDep, principal: PrincipalDep, page: PageDep, state: StatesQuery = None
) -> Page[DeviceState]:
    states = tuple(state or ())
    return await inventory.page(services, principal, inventory.is_server, page, site=site, states=states)


@router.get("/sites/{site}/switches", operation_id="listSiteSwitches", dependencies=[VIEW])
async def list_site_switches(
    site: str, services: ServicesDep, principal: PrincipalDep, page: PageDep
) -> Page[DeviceState]:
    return await inventory.page(services, principal, inventory.is_switch, page, site=site)


@router.get("/sites/{site}/systems", operation_id="listSiteSystems", dependencies=[VIEW])
async def list_site_systems(
    site: str, services: ServicesDep, principal: PrincipalDep, page: PageDep
) -> Page[DeviceState]:
    return await inventory.page(services, principal, inventory.is_system, page, site=site)
