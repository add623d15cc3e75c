"""Sites and server classes: declared, read in every version, marked as deleted."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.deps import ADMINISTER, OPERATE, VIEW, PageDep, PrincipalDep, ServicesDep, VersionDep
from api.problems import invalid
from api.services import declarations
from api.services.declarations import SERVER_CLASS, SITE, DeclarationView, class_view, etag, site_view
from domain.checking import Problem
from domain.paging import Page
from domain.server_class import ServerClass
from domain.site import SiteDeclaration

router = APIRouter(prefix="/v1", tags=["declarations"])

type SiteView = DeclarationView[SiteDeclaration]
type ClassView = DeclarationView[ServerClass]
VersionPath = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/sites", operation_id="listSites", dependencies=[VIEW])
async def list_sites(services: ServicesDep, principal: PrincipalDep, page: PageDep) -> Page[SiteView]:
    found = await declarations.page(services, principal, SITE, page)
    return Page[SiteView](items=tuple(site_view(item) for item in found.items), next=found.next)


@router.get("/sites/{site}", operation_id="getSite", dependencies=[VIEW])
async def get_site(site: str, services: ServicesDep, principal: PrincipalDep, response: Response) -> SiteView:
    found = await declarations.get(services, principal, SITE, site)
    response.headers["ETag"] = etag(found.version)
    return site_view(found)


@router.put("/sites/{site}", operation_id="putSite", dependencies=[OPERATE])
async def put_site(
    site: str,
    body: SiteDeclaration,
    services: ServicesDep,
    principal: PrincipalDep,
    expected: VersionDep,
    response: Response,
) -> SiteView:
    """Stores a new version of the declaration; nothing happens at the site. An unchanged one adds no version."""
    _same_name(site, body.name)
    stored, unchanged = await declarations.put_site(services, principal, body, expected)
    response.headers["ETag"] = etag(stored.version)
    response.status_code = 201 if stored.version == 1 and not unchanged else 200
    return site_view(stored, unchanged)


@router.delete("/sites/{site}", operation_id="deleteSite", status_code=204, dependencies=[ADMINISTER])
async def delete_site(site: str, services: ServicesDep, principal: PrincipalDep, expected: VersionDep) -> None:
    """Marks the declaration as deleted. What was built from it is not touched."""
    await declarations.delete(services, principal, SITE, site, expected)


@router.get("/sites/{site}/versions", operation_id="listSiteVersions", dependencies=[VIEW])
async def list_site_versions(
    site: str, services: ServicesDep, principal: PrincipalDep, page: PageDep
) -> Page[SiteView]:
    found = await declarations.versions(services, principal, SITE, site, page)
    return Page[SiteView](items=tuple(site_view(item) for item in found.items), next=found.next)


@router.get("/sites/{site}/versions/{version}", operation_id="getSiteVersion", dependencies=[VIEW])
async def get_site_version(site: str, version: VersionPath, services: ServicesDep, principal: PrincipalDep) -> SiteView:
    return site_view(await declarations.get(services, principal, SITE, site, version))


@router.get("/server-classes", operation_id="listServerClasses", dependencies=[VIEW])
async def list_classes(services: ServicesDep, principal: PrincipalDep, page: PageDep) -> Page[ClassView]:
    found = await declarations.page(services, principal, SERVER_CLASS, page)
    return Page[ClassView](items=tuple(class_view(item) for item in found.items), next=found.next)


@router.get("/server-classes/{name}", operation_id="getServerClass", dependencies=[VIEW])
async def get_class(name: str, services: ServicesDep, principal: PrincipalDep, response: Response) -> ClassView:
    found = await declarations.get(services, principal, SERVER_CLASS, name)
    response.headers["ETag"] = etag(found.version)
    return class_view(found)


@router.put("/server-classes/{name}", operation_id="putServerClass", dependencies=[OPERATE])
async def put_class(
    name: str,
    body: ServerClass,
    services: ServicesDep,
    principal: PrincipalDep,
    expected: VersionDep,
    response: Response,
) -> ClassView:
    """Server classes are the fleet's: only a token of the whole fleet may change one."""
    _same_name(name, body.name)
    stored, unchanged = await declarations.put_class(services, principal, body, expected)
    response.headers["ETag"] = etag(stored.version)
    response.status_code = 201 if stored.version == 1 and not unchanged else 200
    return class_view(stored, unchanged)


@router.delete("/server-classes/{name}", operation_id="deleteServerClass", status_code=204, dependencies=[ADMINISTER])
async def delete_class(name: str, services: ServicesDep, principal: PrincipalDep, expected: VersionDep) -> None:
    await declarations.delete(services, principal, SERVER_CLASS, name, expected)


@router.get("/server-classes/{name}/versions", operation_id="listServerClassVersions", dependencies=[VIEW])
async def list_class_versions(
    name: str, services: ServicesDep, principal: PrincipalDep, page: PageDep
) -> Page[ClassView]:
    found = await declarations.versions(services, principal, SERVER_CLASS, name, page)
    return Page[ClassView](items=tuple(class_view(item) for item in found.items), next=found.next)


def _same_name(path: str, body: str) -> None:
    if path != body:
        raise invalid([Problem(path="name", message=f"the body declares {body}, the path says {path}")])
