"""Secrets (written, never read back), artifacts by their hash, and the ledger of evidence."""

import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus

from pydantic import Field, SecretStr

from api.context import Services, now
from api.problems import Refusal, invalid, not_found
from api.services import declarations
from api.services.access import allow, see
from api.threads import in_thread
from domain.access import AuditEvent, Place, Principal, Role
from domain.artifact import ArtifactRef
from domain.checking import Problem
from domain.errors import Rejected
from domain.evidence import EvidenceEntry
from domain.model import Declared, Model
from domain.paging import Page, PageRequest
from domain.secret import Login, SecretRef, owner_of


class SecretBody(Declared):
    username: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(min_length=1, max_length=1000)


class SecretStanding(Model):
    path: str
    exists: bool
    since: datetime | None = None


async def put_secret(services: Services, principal: Principal, path: str, body: SecretBody) -> SecretStanding:
    await _may_touch(services, principal, path)
    login = Login(username=body.username, password=body.password)
    await in_thread(services.secrets.put, SecretRef(path=path), login)
    await _audit(services, principal, "secret.put", path)
    return SecretStanding(path=path, exists=True)


async def secret_standing(services: Services, principal: Principal, path: str) -> SecretStanding:
    await _may_touch(services, principal, path)
    try:
        await in_thread(services.secrets.get, SecretRef(path=path))
    except Rejected:
        return SecretStanding(path=path, exists=False)
    return SecretStanding(path=path, exists=True)


async def forget_secret(services: Services, principal: Principal, path: str) -> None:
    await _may_touch(services, principal, path)
    await in_thread(services.secrets.forget, SecretRef(path=path))
    await _audit(services, principal, "secret.forget", path)


async def _may_touch(services: Services, principal: Principal, path: str) -> None:
    """`site/{site}/…` belongs to that site, everything else to the fleet. A device's own credential is the product's."""
    place, site = Place(), owner_of(path)
    if site:
        head = await in_thread(services.declarations.head, "Site", site)
        region = head.place.region if head is not None else principal.place.region
        place = Place(region=region, site=site)
    allow(principal, Role.OPERATOR, place)


async def put_artifact(
    services: Services, principal: Principal, sha256: str, content: bytes, media_type: str
) -> ArtifactRef:
    """Refuses content that is not what its name says. Storing it again changes nothing."""
    allow(principal, Role.OPERATOR, principal.place)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise invalid([Problem(path="sha256", message=f"the content's SHA-256 is {found}")])
    return await in_thread(services.artifacts.put, content, media_type)


async def body_within_limit(services: Services, chunks: AsyncIterator[bytes]) -> bytes:
    """Stops reading where it becomes too large, whatever length the sender announced."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > services.settings.artifact_limit_mib * 1024 * 1024:
            detail = f"An artifact has at most {services.settings.artifact_limit_mib} MiB."
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    return bytes(content)


async def find_artifact(services: Services, sha256: str) -> ArtifactRef:
    ref = await in_thread(services.artifacts.find, sha256)
    if ref is None:
        raise not_found("artifact-missing", f"No artifact has the SHA-256 {sha256}.")
    return ref


async def get_artifact(services: Services, sha256: str) -> tuple[ArtifactRef, bytes]:
    ref = await find_artifact(services, sha256)
    return ref, await in_thread(services.artifacts.get, ref)


async def evidence_page(
    services: Services, principal: Principal, site: str, request: PageRequest
) -> Page[EvidenceEntry]:
    await declarations.site_of(services, principal, site)
    return await in_thread(services.evidence.list, site, request)


async def evidence_entry(services: Services, principal: Principal, entry: str) -> EvidenceEntry:
    found = await in_thread(services.evidence.get, entry)
    absent = not_found("evidence-unknown", f"No evidence is called {entry}.")
    if found is None:
        raise absent
    head = await in_thread(services.declarations.head, "Site", found.site)
    place = head.place if head is not None else Place(site=found.site)
    return see(principal, found, place, absent.kind, absent.detail)


async def evidence_bundle(services: Services, principal: Principal, site: str) -> str:
    await declarations.site_of(services, principal, site)
    lines = await in_thread(services.evidence.export, site)
    return "".join(f"{line}\n" for line in lines)


async def _audit(services: Services, principal: Principal, action: str, path: str) -> None:
    await services.record(AuditEvent(at=now(), who=principal.name, action=action, object=path, place=principal.place))
