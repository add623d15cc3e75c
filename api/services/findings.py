"""Findings as people see and acknowledge them."""

from api.context import JoinedStores, Services, now
from api.services.access import allow, see
from api.threads import in_thread
from domain.access import AuditEvent, Principal, Role
from domain.finding import Finding, FindingFilter
from domain.operation import IdempotencyKey
from domain.paging import Page, PageRequest


async def page(services: Services, principal: Principal, where: FindingFilter, request: PageRequest) -> Page[Finding]:
    return await in_thread(services.findings.list, where, principal.place, request)


async def get(services: Services, principal: Principal, finding: str) -> Finding:
    found = await in_thread(services.findings.get, finding)
    return see(principal, found, found.place, "finding-unknown", f"No finding is called {finding}.")


async def acknowledge(
    services: Services, principal: Principal, finding: str, note: str, key: IdempotencyKey
) -> Finding:
    """It stays until the check that saw it stops seeing it; acknowledging again keeps the newer note."""
    found = await get(services, principal, finding)
    allow(principal, Role.OPERATOR, found.place)
    event = AuditEvent(at=now(), who=principal.name, action="finding.acknowledge", object=finding, place=found.place)

    def effect(stores: JoinedStores) -> Finding:
        stores.audit(event)
        return stores.findings.acknowledge(finding, principal.name, note)

    return await in_thread(services.answers.once, key, Finding, effect)
