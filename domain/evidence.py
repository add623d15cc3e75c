"""Evidence: what was proved, chained per site and signed, so that anybody can check offline that nobody changed it since.

Each entry carries the hash of the one before it; its own hash covers everything but hash and signature; the signature
(Ed25519) covers the hash. Changing, removing or reordering an entry breaks the chain at that place. Removing the newest ones
does not, so a reader who knows the head (the last hash they saw) names it.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.canonical import canonical, digest
from domain.errors import Rejected
from domain.model import Json, Model


class PublicKeyUnreadable(Rejected):
    """What was given as the ledger's public key is none."""

    kind = "public-key-unreadable"


CHAIN_START = "0" * 64


class EvidenceDraft(Model):
    """What an activity proved. `key` makes a repeated append one entry; `subjects` are serial numbers, never only names."""

    site: str
    key: str
    kind: str
    subjects: tuple[str, ...]
    body: dict[str, Json]
    operation: str = ""


class EvidenceBatch(Model):
    """Appended together or not at all."""

    entries: tuple[EvidenceDraft, ...]


class EvidenceEntry(Model):
    """One entry of the ledger; `signed` is the whole entry as it is exported and verified."""

    id: str
    site: str
    kind: str
    subjects: tuple[str, ...] = ()
    operation: str = ""
    at: datetime
    signed: dict[str, Json]

    @staticmethod
    def of(signed: dict[str, Any]) -> "EvidenceEntry":
        return EvidenceEntry.model_validate({**signed, "signed": signed})


class Appended(Model):
    """The ids of a batch's entries, in its order: new ones, and those that the same keys wrote before."""

    ids: tuple[str, ...]


class Verification(Model):
    """`broken`: the number of the first line that does not hold, counted from 1, and `entry` its id as far as it can be
    read; `why` says in what way."""

    entries: int
    head: str = CHAIN_START
    broken: int | None = None
    entry: str = ""
    why: str = ""

    @property
    def good(self) -> bool:
        return self.broken is None


def entry_hash(signed: dict[str, Json]) -> str:
    return digest({name: value for name, value in signed.items() if name not in ("hash", "signature")})


def verify_bundle(lines: Iterable[str | bytes], public_key: str, known_head: str = "") -> Verification:
    """Checks an exported chain with nothing but the public key (hex). `known_head` must be the hash of one of its entries.

    Every byte counts: a line that says the same in another form is refused, since nobody but a forger writes it so.
    Raises `PublicKeyUnreadable`.
    """
    key = _public_key(public_key)
    head, site, count = CHAIN_START, None, 0
    known_seen = not known_head
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        raw = line.encode() if isinstance(line, str) else line
        entry = _read(raw)
        if entry is None:
            return Verification(entries=count, head=head, broken=number, why="the line is no entry of a ledger")
        site = entry["site"] if site is None else site
        fault = _fault(entry, raw, number, head, site) or _signature_fault(entry, key)
        if fault:
            return Verification(entries=count, head=head, broken=number, entry=str(entry["id"]), why=fault)
        head, count = str(entry["hash"]), number
        known_seen = known_seen or head == known_head
    if count == 0:
        why = "there is none: a file without entries proves nothing"
        return Verification(entries=0, head=head, broken=1, why=why)
    if not known_seen:
        why = f"it ends without the known head {known_head}: entries were cut off"
        return Verification(entries=count, head=head, broken=count + 1, why=why)
    return Verification(entries=count, head=head)


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise PublicKeyUnreadable(
            "The public key is no Ed25519 key.",
            do="It has 64 hex digits: edgewright evidence export SITE --to FILE --public-key-to KEY",
        ) from error


_FIELDS = frozenset({"id", "site", "sequence", "previous", "hash", "signature"})


def _read(raw: bytes) -> dict[str, Json] | None:
    try:
        entry: Json = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and entry.keys() >= _FIELDS else None


def _fault(entry: dict[str, Json], raw: bytes, number: int, head: str, site: Json) -> str:
    try:
        changed = entry_hash(entry) != entry["hash"] or canonical(entry) != raw
    except (rfc8785.CanonicalizationError, RecursionError, ValueError):
        changed = True
    if changed:
        return "its content was changed: the hash differs"
    if entry["site"] != site:
        return f"it belongs to another site ({entry['site']})"
    if entry["sequence"] != number:
        return f"entry {number} is missing or out of order: entry {entry['sequence']} stands here"
    if entry["previous"] != head:
        return "it does not continue the entry before it"
    return ""


def _signature_fault(entry: dict[str, Json], key: Ed25519PublicKey) -> str:
    given = str(entry["signature"])
    try:
        signature = bytes.fromhex(given)
        key.verify(signature, bytes.fromhex(str(entry["hash"])))
    except (ValueError, InvalidSignature):
        return "the signature is not by this key"
    return "" if signature.hex() == given else "its signature was changed"
