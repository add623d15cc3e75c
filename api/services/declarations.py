"""Declarations of sites and server classes: checked whole before they are stored, every version kept."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from api.context import Services, now
from api.problems import Refusal, invalid, not_found
from api.services.access import allow, see
from api.threads import in_thread
from domain.access import AuditEvent, Place, Principal, Role
from domain.attestation import future_attestations
from domain.canonical import digest
from domain.checking import Problem
from domain.declaration import Declaration
from domain.declaration_checks import class_problems
from domain.model import Json, Model
from domain.paging import Page, PageRequest
from domain.secret import owner_of
from domain.server_class import ServerClass
from domain.site import SiteDeclaration, stored_site
from domain.site_contradictions import secret_paths
from domain.system_drivers import system_problems

SITE, SERVER_CLASS = "Site", "ServerClass"
_JSON: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])


class DeclarationView[T](Model):
    """One version. `unchanged`: what was sent is what was there, so no version was added."""

    name: str
    version: int
    digest: str
    author: str
    at: datetime
    deleted: bool = False
    unchanged: bool = False
    declaration: T


class SiteHead(Model):
    """A site's newest declaration, read."""

    kind: str
    name: str
    version: int
    digest: str
    site: SiteDeclaration


def place_of(site: SiteDeclaration) -> Place:
    return Place(region=site.region.name, site=site.name)


def _body(declared: SiteDeclaration | ServerClass) -> dict[str, Json]:
    return _JSON.validate_python(declared.model_dump(mode="json", by_alias=True))


def site_view(found: Declaration, unchanged: bool = False) -> DeclarationView[SiteDeclaration]:
    return DeclarationView[SiteDeclaration](**_facts(found), unchanged=unchanged, declaration=stored_site(found.body))


def class_view(found: Declaration, unchanged: bool = False) -> DeclarationView[ServerClass]:
    return DeclarationView[ServerClass](
        **_facts(found), unchanged=unchanged, declaration=ServerClass.model_validate(found.body)
    )


def _facts(found: Declaration) -> dict[str, Any]:
    return {
        "name": found.name, "version": found.version, "digest": found.digest, "author": found.author,
        "at": found.at, "deleted": found.deleted,
    }  # fmt: skip


async def site_of(services: Services, principal: Principal, name: str) -> SiteHead:
    """The newest declaration of a site that is not deleted and lies within reach."""
    found = await _visible(services, principal, SITE, name)
    return SiteHead(
        kind=SITE,
        name=name,
        version=found.version,
        digest=found.digest,
        site=stored_site(found.body),
    )


def in_force(found: Declaration | None) -> SiteDeclaration | None:
    """The site, if there is one that nobody has deleted."""
    return None if found is None or found.deleted else stored_site(found.body)


async def need_site(services: Services, principal: Principal, name: str) -> None:
    """For a list that is narrowed to a site: a misspelt one is no empty list. One that was deleted still has its past."""
    if name:
        await _visible(services, principal, SITE, name, deleted_too=True)


async def get(
    services: Services, principal: Principal, kind: str, name: str, version: int | None = None
) -> Declaration:
    return await _visible(services, principal, kind, name, version)


async def page(services: Services, principal: Principal, kind: str, request: PageRequest) -> Page[Declaration]:
    """Server classes belong to the fleet and everybody may read them; sites are filtered in the query."""
    reach = principal.place if kind == SITE else Place()
    return await in_thread(services.declarations.list, kind, reach, request)


async def versions(
    services: Services, principal: Principal, kind: str, name: str, request: PageRequest
) -> Page[Declaration]:
    await _visible(services, principal, kind, name, deleted_too=True)
    return await in_thread(services.declarations.versions, kind, name, request)


async def put_site(
    services: Services, principal: Principal, site: SiteDeclaration, expected: int | None
) -> tuple[Declaration, bool]:
    """Stores a new version, or finds that nothing changed. Returns it and whether it was unchanged.

    `expected` is the version the writer has seen: None for a new site. Refuses, before anything is stored, what does not
    agree with the server classes it names.
    """
    place = place_of(site)
    allow(principal, Role.OPERATOR, place)
    current = await in_thread(services.declarations.head, SITE, site.name)
    if current is not None:
        allow(principal, Role.OPERATOR, current.place)
        _same_region(current, site)
    classes: dict[str, ServerClass] = {}
    for name in site.class_names():
        found = await in_thread(services.declarations.head, SERVER_CLASS, name)
        if found is not None and not found.deleted:
            classes[name] = ServerClass.model_validate(found.body)
    if site.acceptance_report is not None and site.acceptance_report.file is not None:
        message = "is a file of yours: `edgewright apply -f` uploads it and sends `artifact` and `signature` instead"
        raise invalid([Problem(path="acceptance_report.file", message=message)])
    reach = _out_of_reach(principal, site, current)
    ahead = future_attestations(site, now())
    if problems := (*class_problems(site, classes), *system_problems(site), *ahead, *reach):
        raise invalid(problems)
    return await _put(services, principal, SITE, site.name, _body(site), place, expected, current)


def _out_of_reach(principal: Principal, site: SiteDeclaration, current: Declaration | None) -> Iterator[Problem]:
    """The fleet's secrets that this declaration newly names: what a site names is sent to devices at the addresses it names, so
    who may not touch a secret may not name it either."""
    if principal.place.covers(Place()):
        return
    kept = in_force(current)
    known = {secret for _, secret in secret_paths(kept.parts)} if kept is not None else set[str]()
    for path, secret in secret_paths(site.parts):
        if not owner_of(secret) and secret not in known:
            message = f"{secret} is the fleet's, and {principal.name} acts on {principal.place}: name one of site/{site.name}/…"
            yield Problem(path=path, message=message)


async def put_class(
    services: Services, principal: Principal, declared: ServerClass, expected: int | None
) -> tuple[Declaration, bool]:
    """Server classes are the fleet's; a new version takes effect for a site with its next plan."""
    allow(principal, Role.OPERATOR, Place())
    current = await in_thread(services.declarations.head, SERVER_CLASS, declared.name)
    if current is not None and not current.deleted and (problems := await _would_break(services, current, declared)):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "class-in-use",
            f"Declared sites contradict server class {declared.name} as it would be: nothing was changed.",
            do="Declare those sites without these first, each in a file of its own, then the class.",
            errors=problems,
        )
    return await _put(services, principal, SERVER_CLASS, declared.name, _body(declared), Place(), expected, current)


async def delete(services: Services, principal: Principal, kind: str, name: str, expected: int | None) -> Declaration:
    """Marks it as deleted; its versions stay, and what was built from it is not touched."""
    current = await _visible(services, principal, kind, name)
    allow(principal, Role.ADMIN, current.place)
    _check_version(current, expected)
    if kind == SERVER_CLASS and (users := await _sites_using(services, name)):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "class-in-use",
            f"Server class {name} is used by {', '.join(site.name for site in users)}.",
            do="Declare their servers with another class first.",
        )
    deleted = await in_thread(services.declarations.delete, kind, name, current.version, principal.name)
    await _audit(services, principal, "delete", deleted)
    return deleted


async def _put(
    services: Services,
    principal: Principal,
    kind: str,
    name: str,
    body: dict[str, Json],
    place: Place,
    expected: int | None,
    current: Declaration | None,
) -> tuple[Declaration, bool]:
    if current is not None and not current.deleted and current.digest == digest(body):
        # Sending again what is there is no update, whatever version the sender had seen.
        return current, True
    if current is None or current.deleted:
        if expected is not None:
            raise _stale(name, "does not exist", expected)
    else:
        _check_version(current, expected)
    based_on = current.version if current is not None else 0
    stored = await in_thread(services.declarations.put, kind, name, body, place, based_on, principal.name)
    await _audit(services, principal, "put", stored)
    return stored, False


def _check_version(current: Declaration, expected: int | None) -> None:
    if expected is None:
        raise Refusal(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if-match-required",
            f"{current.name} exists (version {current.version}): say which version you change.",
            do="Read it, then send its ETag as If-Match.",
            headers={"ETag": etag(current.version)},
        )
    if expected != current.version:
        raise _stale(current.name, f"is at version {current.version}", expected)


def _stale(name: str, stands: str, expected: int) -> Refusal:
    return Refusal(
        HTTPStatus.PRECONDITION_FAILED,
        "version-stale",
        f"{name} {stands}, and the change is based on version {expected}.",
        do="Read it again, look at what changed, and send the change once more.",
    )


def etag(version: int) -> str:
    return f'"{version}"'


def _same_region(current: Declaration, site: SiteDeclaration) -> None:
    if not current.deleted and current.place.region != site.region.name:
        message = f"the site is in region {current.place.region}: a site does not move to another region"
        raise invalid([Problem(path="region.name", message=message)])


async def _visible(
    services: Services,
    principal: Principal,
    kind: str,
    name: str,
    version: int | None = None,
    *,
    deleted_too: bool = False,
) -> Declaration:
    word = "site" if kind == SITE else "server class"
    absent = not_found(
        f"{word.replace(' ', '-')}-unknown", f"No {word} is called {name}.", "List them: edgewright get sites"
    )
    if version is None:
        found = await in_thread(services.declarations.head, kind, name)
    else:
        found = await in_thread(services.declarations.version, kind, name, version)
        deleted_too = True
    if found is None or (found.deleted and not deleted_too):
        raise absent
    if kind == SITE:
        see(principal, found, found.place, absent.kind, absent.detail)
    return found


async def _would_break(services: Services, current: Declaration, declared: ServerClass) -> list[Problem]:
    """What sites would contradict in the changed class and do not in the one that is: a height, or a port with a cable."""
    before, problems = ServerClass.model_validate(current.body), list[Problem]()
    for site in await _sites_using(services, declared.name):
        known = set(class_problems(site, {declared.name: before}))
        problems += [
            Problem(path=f"site {site.name}: {problem.path}", message=problem.message)
            for problem in class_problems(site, {declared.name: declared})
            if problem not in known
        ]
    return problems


async def _sites_using(services: Services, server_class: str) -> tuple[SiteDeclaration, ...]:
    users, cursor = list[SiteDeclaration](), ""
    while True:
        page = await in_thread(services.declarations.list, SITE, Place(), PageRequest(cursor=cursor, limit=200))
        sites = (stored_site(found.body) for found in page.items)
        users += [site for site in sites if server_class in site.class_names()]
        if not page.next:
            return tuple(users)
        cursor = page.next


async def _audit(services: Services, principal: Principal, action: str, about: Declaration) -> None:
    await services.record(
        AuditEvent(
            at=now(),
            who=principal.name,
            action=f"{about.kind.lower()}.{action}",
            object=about.name,
            place=about.place,
            detail={"version": about.version, "digest": about.digest},
        )
    )
