"""What the console shows besides operations: who did what, and the server classes."""

import json

from fastapi import APIRouter, Request, Response

from api.console.rendering import page
from api.console.sessions import SignedInDep
from api.deps import ServicesDep
from api.services import access, declarations
from api.services.declarations import SERVER_CLASS
from api.threads import in_thread
from domain.access import AuditFilter, Role
from domain.paging import PageRequest

router = APIRouter()


@router.get("/audit")
async def audit_page(
    request: Request,
    services: ServicesDep,
    me: SignedInDep,
    site: str = "",
    operation: str = "",
    who: str = "",
    cursor: str = "",
) -> Response:
    access.need_role(me.principal, Role.OPERATOR)
    where = AuditFilter(site=site.strip(), operation=operation.strip(), who=who.strip())
    found = await in_thread(services.audit.list, where, me.principal.place, PageRequest(cursor=cursor[:500], limit=50))
    return page(request, "audit.html", me, events=found.items, next=found.next, where=where)


@router.get("/classes")
async def classes_page(request: Request, services: ServicesDep, me: SignedInDep, cursor: str = "") -> Response:
    found = await declarations.page(services, me.principal, SERVER_CLASS, PageRequest(cursor=cursor[:500], limit=50))
    return page(request, "classes.html", me, classes=found.items, next=found.next)


@router.get("/classes/{name}")
async def class_page(name: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    found = await declarations.get(services, me.principal, SERVER_CLASS, name)
    text = json.dumps(found.body, indent=2, ensure_ascii=False)
    return page(request, "class.html", me, declared=found, text=text)
