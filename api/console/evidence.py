"""Evidence: what was proved at a site, entry by entry, and the whole chain to take away and verify."""

import json
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from api.console.overview import everything
from api.console.rendering import page
from api.console.sessions import PATH, SignedInDep
from api.deps import ServicesDep
from api.services import declarations, keeping
from api.services.declarations import SITE
from api.threads import in_thread
from domain.paging import Page, PageRequest

router = APIRouter()


@router.get("/evidence")
async def list_page(
    request: Request, services: ServicesDep, me: SignedInDep, site: str = "", cursor: str = ""
) -> Response:
    """Chains are kept per site, so one is chosen; with a single site it is that one."""
    sites = [found.name for found in await everything(lambda p: declarations.page(services, me.principal, SITE, p))]
    if not site and len(sites) == 1:
        return RedirectResponse(f"{PATH}/evidence?site={sites[0]}", HTTPStatus.SEE_OTHER)
    found, public_key = None, ""
    if site:
        request_page = PageRequest(cursor=cursor[:500], limit=50)
        found = await keeping.evidence_page(services, me.principal, site, request_page)
        public_key = await in_thread(services.evidence.public_key)
    entries = found or Page(items=())
    return page(
        request,
        "evidence.html",
        me,
        sites=sites,
        site=site,
        entries=entries.items,
        next=entries.next,
        public_key=public_key,
    )


@router.get("/evidence/{entry}")
async def entry_page(entry: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    found = await keeping.evidence_entry(services, me.principal, entry)
    text = json.dumps(found.signed, indent=2, ensure_ascii=False)
    return page(request, "evidence-entry.html", me, entry=found, text=text)


@router.get("/sites/{site}/evidence.jsonl")
async def bundle(site: str, services: ServicesDep, me: SignedInDep) -> PlainTextResponse:
    """The same bundle as the API's, for `edgewright evidence verify`."""
    text = await keeping.evidence_bundle(services, me.principal, site)
    name = f'attachment; filename="{site}.evidence.jsonl"'
    return PlainTextResponse(text, media_type="application/jsonl", headers={"Content-Disposition": name})
