"""Servers, switches and other systems as NetBox holds them, within the principal's reach."""

from collections.abc import Callable
from http import HTTPStatus

from api.context import Services
from api.problems import Refusal
from api.services import declarations
from api.threads import in_thread
from domain.access import Place, Principal
from domain.inventory import DeviceQuery, DeviceState
from domain.lifecycle import Lifecycle
from domain.netbox_schema import SERVER_ROLE, switch_role
from domain.paging import CursorUnreadable, Page, PageRequest
from domain.site import SwitchRole

_SWITCH_ROLES = frozenset(switch_role(role) for role in SwitchRole)


def is_server(device: DeviceState) -> bool:
    return device.role == SERVER_ROLE


def is_switch(device: DeviceState) -> bool:
    return device.role in _SWITCH_ROLES


def is_system(device: DeviceState) -> bool:
    return not is_server(device) and not is_switch(device)


async def page(
    services: Services,
    principal: Principal,
    wanted: Callable[[DeviceState], bool],
    request: PageRequest,
    *,
    site: str = "",
    states: tuple[Lifecycle, ...] = (),
) -> Page[DeviceState]:
    """The cursor is the last device's place in the list."""
    devices = await everything(services, principal, site=site, states=states)
    after = _after(request.cursor)
    left = [device for device in devices if wanted(device) and (after is None or _order(device) > after)]
    items = tuple(left[: request.limit])
    return Page[DeviceState](items=items, next="/".join(_order(items[-1])) if len(left) > len(items) else "")


async def everything(
    services: Services, principal: Principal, *, site: str = "", states: tuple[Lifecycle, ...] = ()
) -> tuple[DeviceState, ...]:
    """All devices within reach, by site and name: NetBox is read in one list, by site or region."""
    if services.inventory is None:
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "inventory-missing",
            "No NetBox is configured, so there is no inventory to read.",
            do="Set EDGEWRIGHT_NETBOX_URL and EDGEWRIGHT_NETBOX_TOKEN_FILE for `edgewright serve`.",
        )
    reach = principal.place
    if site:
        head = await declarations.site_of(services, principal, site)
        reach = declarations.place_of(head.site)
    query = DeviceQuery(site=reach.site or None, region=_region(reach), lifecycles=states)
    return tuple(sorted(await in_thread(services.inventory.devices, query), key=_order))


def _region(reach: Place) -> str | None:
    return reach.region or None if not reach.site else None


def _order(device: DeviceState) -> tuple[str, str]:
    return device.site, device.name


def _after(cursor: str) -> tuple[str, str] | None:
    if not cursor:
        return None
    site, slash, name = cursor.partition("/")
    if not slash:
        raise CursorUnreadable(f"{cursor!r} is no cursor of this list.", do="Start again without one.")
    return site, name
