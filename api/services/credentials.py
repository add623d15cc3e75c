"""What a device is opened with: whether there is a credential of ours, and what a person enters where we know none that works."""

from datetime import datetime

from api.context import Services, now
from api.problems import not_found
from api.services import declarations
from api.services.access import allow
from api.services.keeping import SecretBody
from api.threads import in_thread
from domain.access import AuditEvent, Place, Principal, Role
from domain.model import Model
from domain.secret import Login


class CredentialStanding(Model):
    """Never what it is. `ours`: a password that we made and proved; `pending`: one is on its way to the device; `entered`: what a
    person entered, which the next onboarding tries first and replaces."""

    site: str
    device: str
    ours: bool
    since: datetime | None = None
    pending: bool = False
    entered: bool = False


async def standing(services: Services, principal: Principal, site: str, device: str) -> CredentialStanding:
    await _place_of(services, principal, site, device)
    return await _read(services, site, device)


async def enter(
    services: Services, principal: Principal, site: str, device: str, body: SecretBody
) -> CredentialStanding:
    """Entering it again replaces what was entered. Nothing is sent to the device."""
    place = await _place_of(services, principal, site, device)
    login = Login(username=body.username, password=body.password)
    await in_thread(services.secrets.enter, site, device, login)
    event = AuditEvent(at=now(), who=principal.name, action="credential.enter", object=f"{site}/{device}", place=place)
    await services.record(event)
    return await _read(services, site, device)


async def _read(services: Services, site: str, device: str) -> CredentialStanding:
    state = await in_thread(services.secrets.credential_state, site, device)
    return CredentialStanding(
        site=site,
        device=device,
        ours=state.has_current,
        since=state.current_since,
        pending=state.has_pending,
        entered=state.has_entered,
    )


async def _place_of(services: Services, principal: Principal, site: str, device: str) -> Place:
    """Only for what is declared: a login for a name that is mistyped would never be tried, and nobody would know."""
    head = await declarations.site_of(services, principal, site)
    place = declarations.place_of(head.site)
    allow(principal, Role.OPERATOR, place)
    if device not in {declared.name for declared in (*head.site.servers, *head.site.switches)}:
        raise not_found("device-unknown", f"Site {site} declares no server or switch {device}.")
    return place
