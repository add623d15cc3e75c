import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from activities.evidence import EvidenceActivities
from domain.evidence import EvidenceBatch, EvidenceDraft, verify_bundle
from domain.paging import PageRequest
from store.ledger import Ledger, LedgerReader, SigningKeyAbsent, signing_key

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


@pytest.fixture
def reader(engine: Engine, tmp_path: Path) -> LedgerReader:
    return LedgerReader(engine, tmp_path / "keys" / "ledger.pub")


def test_the_key_is_made_once_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "ledger.pem"
    assert signing_key(file).private_bytes_raw() == signing_key(file).private_bytes_raw()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(f.name for f in file.parent.iterdir()) == ["ledger.pem", "ledger.pub"]


def test_a_retried_append_writes_nothing_twice(ledger: Ledger, reader: LedgerReader) -> None:
    steps = EvidenceActivities(ledger)
    assert steps.record_evidence(batch("a", "b")) == steps.record_evidence(batch("a", "b"))
    assert len(reader.export("oslo-1")) == 2


def test_a_chain_written_by_many_at_once_verifies(ledger: Ledger, reader: LedgerReader) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: ledger.append(batch(f"k{n}")), range(16)))
    found = verify_bundle(reader.export("oslo-1"), reader.public_key())
    assert found.good, found.why
    assert found.entries == 16


def test_who_only_reads_has_no_key_and_says_so_until_one_was_made(engine: Engine, tmp_path: Path) -> None:
    reader = LedgerReader(engine, tmp_path / "ledger.pub")
    with pytest.raises(SigningKeyAbsent, match="no public key"):
        reader.public_key()
    signing_key(tmp_path / "ledger.pem")
    assert len(bytes.fromhex(reader.public_key())) == 32


def test_pages_come_newest_first_and_each_entry_is_found(ledger: Ledger, reader: LedgerReader) -> None:
    made = ledger.append(batch("a", "b", "c")).ids
    first = reader.list("oslo-1", PageRequest(limit=2))
    rest = reader.list("oslo-1", PageRequest(limit=2, cursor=first.next))
    assert [entry.id for entry in (*first.items, *rest.items)] == list(reversed(made))
    found = reader.get(made[0])
    assert found is not None
    assert found.signed["key"] == "a"
    assert reader.get("ev-none") is None


def test_an_entry_is_found_by_the_key_that_it_was_appended_with_at_its_own_site(ledger: Ledger) -> None:
    entry, _ = ledger.append(batch("a", "b")).ids
    found = ledger.find("oslo-1", ["a", "no-such-key"])
    assert {key: (kept.id, kept.subjects) for key, kept in found.items()} == {"a": (entry, ("SN1",))}
    assert ledger.find("bergen-1", ["a"]) == {}
