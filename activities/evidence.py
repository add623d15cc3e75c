"""Evidence as an activity. Queue `control`."""

from typing import Protocol

from temporalio import activity

from domain.evidence import Appended, EvidenceBatch


class EvidenceLedger(Protocol):
    def append(self, batch: EvidenceBatch) -> Appended: ...


class EvidenceActivities:
    def __init__(self, ledger: EvidenceLedger) -> None:
        self._ledger = ledger

    @activity.defn
    def record_evidence(self, batch: EvidenceBatch) -> Appended:
        """Keeps what was proved, for good. A retry finds its entries by their keys and writes nothing twice."""
        return self._ledger.append(batch)
