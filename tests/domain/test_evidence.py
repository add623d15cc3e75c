"""The offline check, on a chain that is made here as the ledger makes it: a test of the store holds the two together."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.canonical import canonical
from domain.evidence import CHAIN_START, PublicKeyUnreadable, entry_hash, verify_bundle

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()


def chain(*bodies: dict[str, Any], site: str = "oslo-1", key: Ed25519PrivateKey = KEY) -> list[bytes]:
    lines: list[bytes] = []
    before = CHAIN_START
    for number, body in enumerate(bodies, start=1):
        entry: dict[str, Any] = {
            "id": f"ev-{number}", "site": site, "key": f"k{number}", "kind": "acceptance", "subjects": ["SN1"],
            "operation": "", "at": "2026-11-01T12:00:00+00:00", "sequence": number, "previous": before, "body": body,
        }  # fmt: skip
        entry["hash"] = before = entry_hash(entry)
        entry["signature"] = key.sign(bytes.fromhex(entry["hash"])).hex()
        lines.append(canonical(entry))
    return lines


LINES = chain({"gpus": 8}, {"gpus": 8, "note": "é"}, {"gpus": 1})
HEADS = [json.loads(line)["hash"] for line in LINES]


def test_a_whole_chain_holds_and_names_its_head() -> None:
    found = verify_bundle(LINES, PUBLIC)
    assert (found.good, found.entries, found.head) == (True, 3, HEADS[-1])
    assert verify_bundle([], PUBLIC).broken == 1


def test_changing_any_single_byte_breaks_the_chain_at_that_entry() -> None:
    bundle = b"\n".join(LINES)
    starts = [0, len(LINES[0]) + 1, len(LINES[0]) + len(LINES[1]) + 2]
    for place in range(len(bundle)):
        for other in (bundle[place] ^ 0x01, bundle[place] ^ 0x20, 0x20):
            if other == bundle[place]:
                continue
            changed = bundle[:place] + bytes([other]) + bundle[place + 1 :]
            found = verify_bundle(changed.split(b"\n"), PUBLIC)
            entry = max(number for number, start in enumerate(starts, start=1) if place >= start)
            assert found.broken == entry, (place, other, found)


@pytest.mark.parametrize(
    ("lines", "known", "broken", "entry", "why"),
    [
        ([LINES[0], LINES[2]], "", 2, "ev-3", "entry 2 is missing or out of order"),
        ([LINES[1], LINES[0], LINES[2]], "", 1, "ev-2", "entry 1 is missing or out of order"),
        (LINES[1:], "", 1, "ev-2", "entry 1 is missing or out of order"),
        ([*LINES, LINES[2]], "", 4, "ev-3", "entry 4 is missing or out of order"),
        (LINES[:2], HEADS[2], 3, "", "entries were cut off"),
        ([LINES[0], chain({}, {"gpus": 2})[1]], "", 2, "ev-2", "does not continue the entry before it"),
        ([LINES[0], chain({}, {}, site="rome-1")[1]], "", 2, "ev-2", "belongs to another site"),
        ([LINES[0], b"{}"], "", 2, "", "no entry of a ledger"),
        ([LINES[0], b"\xff\xfe"], "", 2, "", "no entry of a ledger"),
        ([LINES[0], LINES[1].replace(b":", b": ", 1)], "", 2, "ev-2", "content was changed"),
        (chain({"gpus": 8}, key=Ed25519PrivateKey.generate()), "", 1, "ev-1", "not by this key"),
    ],
)
def test_removing_reordering_cutting_or_forging_is_named(
    lines: list[bytes], known: str, broken: int, entry: str, why: str
) -> None:
    found = verify_bundle(lines, PUBLIC, known)
    assert (found.good, found.broken, found.entry) == (False, broken, entry)
    assert why in found.why


@pytest.mark.parametrize("key", ["", "no hex", "ab" * 31])
def test_a_key_that_is_none_is_refused_before_anything_is_checked(key: str) -> None:
    with pytest.raises(PublicKeyUnreadable, match="no Ed25519 key"):
        verify_bundle(LINES, key)
