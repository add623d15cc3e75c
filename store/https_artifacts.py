"""Artifacts over HTTPS, for a worker that shares no folder with the API. Fulfils `domain.artifact.ArtifactStore`."""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from domain.artifact import ArtifactRef, ArtifactsAway
from domain.errors import Rejected, Throttled
from store.artifacts import ArtifactDamaged, ArtifactMissing

LOOPBACK = re.compile(r"^(localhost|127(\.\d{1,3}){3}|::1)$")


class ArtifactsUnreachable(ArtifactsAway):
    """The API does not answer, or says that it cannot at the moment."""

    kind = "artifacts-unreachable"


class ArtifactsThrottled(Throttled):
    """The API asks us to slow down."""

    kind = "artifacts-throttled"


class ArtifactRefused(Rejected):
    """The API does not take or give this artifact: a token that may not, or a content that is too large."""

    kind = "artifact-refused"


class ArtifactsUrlRefused(Rejected):
    """The address would send artifacts and a token in the clear."""

    kind = "artifacts-url-refused"


@dataclass(frozen=True)
class ArtifactsAddress:
    url: str
    token_file: Path
    """Read for each request, so that a replaced token needs no restart."""
    ca_file: Path | None = None


class HttpsArtifacts:
    def __init__(self, address: ArtifactsAddress, transport: httpx.BaseTransport | None = None) -> None:
        """Opens nothing yet. Raises `ArtifactsUrlRefused` for plain HTTP to another machine."""
        parts = urlsplit(address.url)
        if parts.scheme != "https" and not LOOPBACK.match(parts.hostname or ""):
            raise ArtifactsUrlRefused(
                f"{address.url} is no HTTPS address.", do="Set EDGEWRIGHT_ARTIFACTS_URL to https://…"
            )
        self._at = address
        self._http = httpx.Client(
            base_url=address.url.rstrip("/"),
            timeout=httpx.Timeout(60, connect=5),
            verify=str(address.ca_file) if address.ca_file else True,
            trust_env=False,
            transport=transport,
        )

    def put(self, content: bytes, media_type: str = "application/json") -> ArtifactRef:
        """What is there already is not sent again: a worker behind a thin line puts the same reading at every retry."""
        sha256 = hashlib.sha256(content).hexdigest()
        known = self.find(sha256)
        if known is not None and known.size == len(content):
            return known
        answer = self._ask("PUT", sha256, content=content, headers={"Content-Type": media_type})
        ref = ArtifactRef.model_validate(answer.json())
        if ref.sha256 != sha256 or ref.size != len(content):
            raise ArtifactsUnreachable(
                f"The API kept {ref.sha256} ({ref.size} bytes) for {sha256} ({len(content)} bytes).",
                do="Something between here and the API changes what is sent; it is tried again.",
            )
        return ref

    def get(self, ref: ArtifactRef) -> bytes:
        answer = self._ask("GET", ref.sha256)
        if hashlib.sha256(answer.content).hexdigest() != ref.sha256:
            raise ArtifactDamaged(
                f"Artifact {ref.sha256} arrived damaged.",
                do="Check what lies between this worker and the API, then run the step again.",
            )
        return answer.content

    def find(self, sha256: str) -> ArtifactRef | None:
        try:
            answer = self._ask("HEAD", sha256)
        except ArtifactMissing:
            return None
        media_type = answer.headers.get("Content-Type", "application/octet-stream")
        return ArtifactRef(sha256=sha256, size=int(answer.headers["Content-Length"]), media_type=media_type)

    def _ask(
        self, method: str, sha256: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
            raise _missing(sha256)
        authorised = {"Authorization": f"Bearer {self._token()}"} | (headers or {})
        try:
            answer = self._http.request(method, f"/v1/artifacts/{sha256}", content=content, headers=authorised)
        except httpx.TransportError as error:
            raise ArtifactsUnreachable(
                f"The API at {self._at.url} does not answer: {error or type(error).__name__}.",
                do="Check the line and EDGEWRIGHT_ARTIFACTS_URL; it is tried again.",
            ) from error
        if answer.is_success:
            return answer
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise _missing(sha256)
        raise _as_our_error(answer, method, sha256)

    def _token(self) -> str:
        try:
            return self._at.token_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ArtifactsUnreachable(
                f"The token file {self._at.token_file} cannot be read: {error.strerror}.",
                do="Correct EDGEWRIGHT_ARTIFACTS_TOKEN_FILE or the file's mode.",
            ) from error


def _missing(sha256: str) -> ArtifactMissing:
    return ArtifactMissing(f"There is no artifact {sha256}.", do="Run the step that made it again.")


def _as_our_error(answer: httpx.Response, method: str, sha256: str) -> Exception:
    code = answer.status_code
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        after = answer.headers.get("Retry-After", "")
        seconds = float(after) if after.isdecimal() else None
        return ArtifactsThrottled("The API asks us to slow down.", retry_after_s=seconds)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ArtifactsUnreachable(f"The API answered {code} to {method} of {sha256}.", do="It is tried again.")
    try:
        said = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        said = answer.reason_phrase
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        do = "This worker needs a token of its own: edgewright token create NAME --role operator --scope site:SITE"
    else:
        do = "See what the step stores."
    return ArtifactRefused(f"The API refused {method} of artifact {sha256}: {code} {said}", do=do)
