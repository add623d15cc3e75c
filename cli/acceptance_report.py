"""The installer's acceptance report that a declaration names: uploaded, and replaced by what it is in the store."""

import base64
import hashlib
from pathlib import Path

from cli.client import ApiClient
from cli.documents import Document
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from domain.site import AcceptanceReport, SiteDeclaration

SIGNATURE_BYTES = 64


def with_report_uploaded(api: ApiClient, document: Document, site: SiteDeclaration) -> SiteDeclaration:
    """Uploading what is there already changes nothing. Raises `CommandError` if the report or its signature cannot be read."""
    named = site.acceptance_report
    if named is None or named.file is None:
        return site
    file = Path(document.file).parent / named.file if document.file != "-" else Path(named.file)
    content, signature = _read(document, file), _signature(document, file.with_name(file.name + ".sig"))
    sha256 = hashlib.sha256(content).hexdigest()
    api.put_bytes(f"/v1/artifacts/{sha256}", content, "application/json")
    stored = AcceptanceReport(installer=named.installer, artifact=sha256, signature=signature)
    return site.model_copy(update={"acceptance_report": stored})


def _read(document: Document, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{document.place}, acceptance_report.file: {file} cannot be read: {error.strerror}.",
            do="Put the report and its signature (FILE.sig) beside the declaration.",
            code=ExitCode.REFUSED,
        ) from error


def _signature(document: Document, file: Path) -> str:
    """As it is signed with `openssl pkeyutl -sign -rawin` (64 bytes), or in base64."""
    raw = _read(document, file)
    if len(raw) != SIGNATURE_BYTES:
        try:
            raw = base64.b64decode(raw.strip(), validate=True)
        except ValueError:
            raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise CommandError(
            f"{document.place}, acceptance_report.file: {file} holds no Ed25519 signature.",
            do="It is 64 raw bytes, or those in base64.",
            code=ExitCode.REFUSED,
        )
    return base64.b64encode(raw).decode()
