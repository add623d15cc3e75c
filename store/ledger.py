"""The ledger of evidence: append-only rows, chained per site and signed by a key that only this host's file holds."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, func, insert, select

from domain.canonical import canonical
from domain.errors import NotYet
from domain.evidence import CHAIN_START, Appended, EvidenceBatch, EvidenceDraft, EvidenceEntry, entry_hash
from domain.paging import CursorUnreadable, Page, PageRequest
from store.database import Clock, limited, new_id, page_of, utc_now
from store.files import private_folder, write_whole
from store.tables import evidence


def signing_key(file: Path) -> Ed25519PrivateKey:
    """The ledger's key; made on first use, mode 0600. Of two processes at once, one makes it and both use that one."""
    private_folder(file.parent)
    if not file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(number, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # A link, unlike a rename, never replaces the key that another process has made meanwhile.
            os.link(beside, file)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{file} is no Ed25519 key")
    public = key.public_key().public_bytes_raw().hex().encode()
    if not public_half(file).exists() or public_half(file).read_bytes() != public:
        write_whole(public_half(file), public)
    return key


class SigningKeyAbsent(NotYet):
    """Nothing has been signed yet, or the public half of the key is not where we look for it."""

    kind = "signing-key-absent"


def public_half(file: Path) -> Path:
    """Lies beside the signing key, so that the API shows it without ever holding the key itself."""
    return file.with_suffix(".pub")


class Ledger:
    """Writes. Only the control queue has the key."""

    def __init__(self, engine: Engine, key: Ed25519PrivateKey, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock

    def append(self, batch: EvidenceBatch) -> Appended:
        """All entries or none, one writer at a time per site; a key that is there already is not written again."""
        with self._engine.begin() as connection:
            # In one order, so that two batches over the same sites never wait for each other.
            for site in sorted({draft.site for draft in batch.entries}):
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"evidence/{site}"))))
            return Appended(ids=tuple(self._append(connection, draft) for draft in batch.entries))

    def find(self, site: str, keys: Iterable[str]) -> dict[str, EvidenceEntry]:
        """The entries that were appended with these keys."""
        c = evidence.c
        statement = select(c.entry_key, c.line).where(c.site == site, c.entry_key.in_(tuple(keys)))
        with self._engine.connect() as connection:
            return {key: EvidenceEntry.of(json.loads(line)) for key, line in connection.execute(statement)}

    def _append(self, connection: Connection, draft: EvidenceDraft) -> str:
        c = evidence.c
        known = connection.scalar(select(c.id).where(c.site == draft.site, c.entry_key == draft.key))
        if known is not None:
            return known
        last = connection.scalar(select(c.line).where(c.site == draft.site).order_by(c.sequence.desc()).limit(1))
        before: dict[str, Any] = {"sequence": 0, "hash": CHAIN_START} if last is None else json.loads(last)
        now = self._clock()
        entry: dict[str, Any] = {
            **draft.model_dump(mode="json"),
            "id": new_id("ev", now),
            "sequence": before["sequence"] + 1,
            "previous": before["hash"],
            "at": now.isoformat(),
        }
        entry["hash"] = entry_hash(entry)
        entry["signature"] = self._key.sign(bytes.fromhex(entry["hash"])).hex()
        connection.execute(
            insert(evidence).values(
                site=draft.site,
                sequence=entry["sequence"],
                id=entry["id"],
                entry_key=draft.key,
                line=canonical(entry),
                at=now,
            )
        )
        return entry["id"]


class LedgerReader:
    """Reads and exports. It has the public half of the key only: whoever breaks into the API can forge nothing."""

    def __init__(self, engine: Engine, public_key_file: Path) -> None:
        self._engine = engine
        self._public_key_file = public_key_file

    def get(self, entry: str) -> EvidenceEntry | None:
        with self._engine.connect() as connection:
            line = connection.scalar(select(evidence.c.line).where(evidence.c.id == entry))
        return None if line is None else EvidenceEntry.of(json.loads(line))

    def list(self, site: str, page: PageRequest) -> Page[EvidenceEntry]:
        """Newest first."""
        c = evidence.c
        statement = select(c.line).where(c.site == site).order_by(c.sequence.desc())
        if page.cursor:
            if not re.fullmatch(r"[0-9]{1,18}", page.cursor):
                raise CursorUnreadable(f"{page.cursor!r} is no cursor of this list.", do="Start without a cursor.")
            statement = statement.where(c.sequence < int(page.cursor))
        with self._engine.connect() as connection:
            lines = connection.scalars(limited(statement, page)).all()
        entries = [EvidenceEntry.of(json.loads(line)) for line in lines]
        return page_of(entries, page, lambda entry: str(entry.signed["sequence"]))

    def export(self, site: str) -> tuple[str, ...]:
        statement = select(evidence.c.line).where(evidence.c.site == site).order_by(evidence.c.sequence)
        with self._engine.connect() as connection:
            return tuple(line.decode() for line in connection.scalars(statement))

    def public_key(self) -> str:
        """Raw, in hex: what `verify_bundle` takes. Raises `SigningKeyAbsent`."""
        if not self._public_key_file.exists():
            raise SigningKeyAbsent(
                f"There is no public key of the ledger at {self._public_key_file}.",
                do="A control worker writes it when it starts; on another machine, copy it and set "
                "EDGEWRIGHT_LEDGER_PUBLIC_KEY_FILE.",
            )
        return self._public_key_file.read_text(encoding="ascii").strip()
