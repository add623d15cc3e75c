import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from activities.ledger import LedgerActivities
from domain.evidence import EvidenceBatch, EvidenceDraft, verify_bundle
from store.ledger import Ledger, signing_key

pytestmark = pytest.mark.services


def batch(*keys: str) -> EvidenceBatch:
    return EvidenceBatch(
        entries=tuple(
            EvidenceDraft(site="oslo-1", key=key, kind="acceptance", subjects=("SN1",), body={"gpus": 8})
            for key in keys
        )
    )


@pytest.fixture
def ledger(engine: Engine, tmp_path: Path) -> Ledger:
    return Ledger(engine, signing_key(tmp_path / "keys" / "ledger.pem"))


def test_the_key_is_made_once_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "ledger.pem"
    assert signing_key(file).private_bytes_raw() == signing_key(file).private_bytes_raw()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [f.name for f in file.parent.iterdir()] == ["ledger.pem"]


def test_a_retried_append_writes_nothing_twice(ledger: Ledger) -> None:
    steps = LedgerActivities(ledger)
    assert steps.append_evidence(batch("a", "b")) == steps.append_evidence(batch("a", "b"))
    assert len(ledger.export("oslo-1")) == 2


def test_a_chain_written_by_many_at_once_verifies(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: ledger.append(batch(f"k{n}")), range(16)))
    found = verify_bundle(ledger.export("oslo-1"), ledger.public_key())
    assert found.good, found.why
    assert found.entries == 16


def test_a_changed_removed_reordered_or_cut_bundle_names_the_first_broken_line(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(batch("a", "b", "c"))
    lines, key = list(ledger.export("oslo-1")), ledger.public_key()
    head = str(json.loads(lines[-1])["hash"])
    assert verify_bundle(lines, key, head).head == head
    assert verify_bundle([lines[0], lines[1].replace('"gpus":8', '"gpus":7'), lines[2]], key).broken == 2
    assert verify_bundle([lines[0], lines[2]], key).broken == 2
    assert verify_bundle([lines[1], lines[0], lines[2]], key).broken == 1
    assert verify_bundle(lines[:2], key, head).broken == 3
    assert verify_bundle([lines[0], "{}"], key).broken == 2
    other = signing_key(tmp_path / "other.pem").public_key().public_bytes_raw().hex()
    assert verify_bundle(lines, other).broken == 1
