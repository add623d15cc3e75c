"""Evidence: what was proved, chained per site and signed, so that anybody can check offline that nobody changed it since.

Each entry carries the hash of the one before it; its own hash covers everything but hash and signature; the signature
(Ed25519) covers the hash. Changing, removing or reordering an entry breaks the chain at that place. Removing the newest ones
does not, so a reader who knows the head (the last hash they saw) names it.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.canonical import digest
from domain.model import Json, Model

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
    """`broken`: the number of the first line that does not hold, counted from 1; `why` says in what way."""

    entries: int
    head: str = CHAIN_START
    broken: int | None = None
    why: str = ""

    @property
    def good(self) -> bool:
        return self.broken is None


def entry_hash(signed: dict[str, Json]) -> str:
    return digest({name: value for name, value in signed.items() if name not in ("hash", "signature")})


def verify_bundle(lines: Iterable[str], public_key: str, known_head: str = "") -> Verification:
    """Checks an exported chain with nothing but the public key (hex). `known_head` must be the hash of one of its entries."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    head, site, count = CHAIN_START, None, 0
    known_seen = not known_head
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        try:
            entry: dict[str, Json] = json.loads(line)
            hash_, signature = str(entry["hash"]), bytes.fromhex(str(entry["signature"]))
            site = entry["site"] if site is None else site
            fault = _fault(entry, number, head, site)
            if fault:
                return Verification(entries=count, head=head, broken=number, why=fault)
            key.verify(signature, bytes.fromhex(hash_))
        except InvalidSignature:
            return Verification(entries=count, head=head, broken=number, why="the signature is not by this key")
        except (ValueError, KeyError, TypeError, AttributeError):
            return Verification(entries=count, head=head, broken=number, why="the line is no entry of a ledger")
        head, count = hash_, number
        known_seen = known_seen or head == known_head
    if not known_seen:
        why = f"it ends without the known head {known_head}: entries were cut off"
        return Verification(entries=count, head=head, broken=count + 1, why=why)
    return Verification(entries=count, head=head)


def _fault(entry: dict[str, Json], number: int, head: str, site: Json) -> str:
    if entry_hash(entry) != entry["hash"]:
        return "its content was changed: the hash differs"
    if entry["site"] != site:
        return f"it belongs to another site ({entry['site']})"
    if entry["sequence"] != number:
        return f"entry {number} is missing or out of order: entry {entry['sequence']} stands here"
    if entry["previous"] != head:
        return "it does not continue the entry before it"
    return ""
