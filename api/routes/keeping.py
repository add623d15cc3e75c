"""Secrets, devices' credentials, artifacts and tokens."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.deps import ADMINISTER, OPERATE, VIEW, KeyDep, PageDep, PrincipalDep, ServicesDep
from api.routes.records import Nothing
from api.services import access, credentials, keeping
from api.services.access import NewToken, TokenRequest
from api.services.credentials import CredentialStanding
from api.services.keeping import SecretBody, SecretStanding
from domain import secret
from domain.access import Token
from domain.artifact import ArtifactRef
from domain.paging import Page

router = APIRouter(prefix="/v1", tags=["keeping"])

SecretPath = Annotated[str, Path(pattern=secret.NAMES, max_length=200)]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.put("/secrets/{path:path}", operation_id="putSecret", dependencies=[OPERATE])
async def put_secret(
    path: SecretPath, body: SecretBody, services: ServicesDep, principal: PrincipalDep
) -> SecretStanding:
    """Stores a login under a path that declarations refer to. Nobody can read it back."""
    return await keeping.put_secret(services, principal, path, body)


@router.get("/secrets/{path:path}", operation_id="getSecretStanding", dependencies=[OPERATE])
async def get_secret(path: SecretPath, services: ServicesDep, principal: PrincipalDep) -> SecretStanding:
    """Whether it is there, never what it is."""
    return await keeping.secret_standing(services, principal, path)


@router.delete("/secrets/{path:path}", operation_id="deleteSecret", status_code=204, dependencies=[OPERATE])
async def delete_secret(path: SecretPath, services: ServicesDep, principal: PrincipalDep) -> None:
    await keeping.forget_secret(services, principal, path)


@router.put("/sites/{site}/devices/{device}/credentials", operation_id="enterCredentials", dependencies=[OPERATE])
async def enter_credentials(
    site: str, device: str, body: SecretBody, services: ServicesDep, principal: PrincipalDep
) -> CredentialStanding:
    """The login that opens a server's BMC or a switch, where none that we know does. The next onboarding tries it first and
    replaces it by a password of ours."""
    return await credentials.enter(services, principal, site, device, body)


@router.get("/sites/{site}/devices/{device}/credentials", operation_id="getCredentialStanding", dependencies=[OPERATE])
async def get_credentials(site: str, device: str, services: ServicesDep, principal: PrincipalDep) -> CredentialStanding:
    """Whether we have a credential of our own, never what it is."""
    return await credentials.standing(services, principal, site, device)


@router.put("/artifacts/{sha256}", operation_id="putArtifact", dependencies=[OPERATE])
async def put_artifact(sha256: Sha256, request: Request, services: ServicesDep, principal: PrincipalDep) -> ArtifactRef:
    """Stores the body under its own SHA-256, which is checked."""
    media_type = request.headers.get("Content-Type", "application/octet-stream")
    content = await keeping.body_within_limit(services, request.stream())
    return await keeping.put_artifact(services, principal, sha256, content, media_type)


@router.head("/artifacts/{sha256}", operation_id="findArtifact", response_class=Response, dependencies=[VIEW])
async def find_artifact(sha256: Sha256, services: ServicesDep) -> Response:
    """Whether it is there, with its size and type."""
    ref = await keeping.find_artifact(services, sha256)
    headers = {"ETag": f'"{sha256}"', "Content-Length": str(ref.size)}
    return Response(media_type=ref.media_type, headers=headers)


@router.get("/artifacts/{sha256}", operation_id="getArtifact", response_class=Response, dependencies=[VIEW])
async def get_artifact(sha256: Sha256, services: ServicesDep) -> Response:
    """Whoever knows the SHA-256 of a content may read it: it cannot be guessed, and it is shown only within scope."""
    ref, content = await keeping.get_artifact(services, sha256)
    return Response(content, media_type=ref.media_type, headers={"ETag": f'"{sha256}"'})


@router.get("/tokens", operation_id="listTokens", dependencies=[ADMINISTER])
async def list_tokens(services: ServicesDep, principal: PrincipalDep, page: PageDep) -> Page[Token]:
    return await access.tokens(services, principal, page)


@router.post("/tokens", operation_id="createToken", status_code=201, dependencies=[ADMINISTER])
async def create_token(body: TokenRequest, services: ServicesDep, principal: PrincipalDep, key: KeyDep) -> NewToken:
    """The secret is in this answer and nowhere else: what is kept is its hash."""
    return await access.create_token(services, principal, body, key)


@router.get("/tokens/{token}", operation_id="getToken", dependencies=[ADMINISTER])
async def get_token(token: str, services: ServicesDep, principal: PrincipalDep) -> Token:
    return await access.token(services, principal, token)


@router.post("/tokens/{token}/revoke", operation_id="revokeToken", dependencies=[ADMINISTER])
async def revoke_token(token: str, body: Nothing, services: ServicesDep, principal: PrincipalDep, key: KeyDep) -> Token:
    return await access.revoke_token(services, principal, token, key)
