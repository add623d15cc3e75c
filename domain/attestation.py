"""The declaration's word that nobody could write to a server before: what it replaces, and what is kept of it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

from domain.checking import Problem
from domain.evidence import EvidenceDraft, EvidenceEntry
from domain.hardware import ServerHardware
from domain.lifecycle import Lifecycle
from domain.recording_facts import ServerFacts
from domain.site import FactoryNew, ServerDeclaration, SiteDeclaration

EVIDENCE_KIND = "factory-new-attestation"

EARLIEST_ZONE = timedelta(hours=14)
"""Where a day begins first (UTC+14), after UTC."""

type Covered = Mapping[str, frozenset[str]]
"""The drives that each attestation was about when it was used, by the key of its entry in the ledger."""

NOTHING_COVERED: Covered = MappingProxyType({})


class AttestationLedger(Protocol):
    """What is read of the ledger: entries of a site by the keys that they were appended with."""

    def find(self, site: str, keys: Iterable[str]) -> Mapping[str, EvidenceEntry]: ...


def attestation_key(serial: str, attested: FactoryNew) -> str:
    """One entry for each machine and attestation: the same word again is the same entry."""
    return f"{EVIDENCE_KIND}/{serial}/{attested.reference}/{attested.on}"


def covered(ledger: AttestationLedger, site: SiteDeclaration, hardware: Mapping[str, ServerHardware]) -> Covered:
    """What the ledger holds of the attestations of these servers, by their names."""
    declared = {server.name: server.factory_new for server in site.servers}
    keys = [
        attestation_key(machine.serial, attested)
        for name, machine in hardware.items()
        if (attested := declared.get(name)) is not None
    ]
    if not keys:
        return NOTHING_COVERED
    return {key: frozenset(entry.subjects[1:]) for key, entry in ledger.find(site.name, keys).items()}


def not_covered(server: ServerDeclaration, hardware: ServerHardware | None, kept: Covered) -> tuple[str, ...]:
    """Serials of the drives that came after the server's attestation was used. One not used before covers what is there."""
    if server.factory_new is None or hardware is None:
        return ()
    drives = kept.get(attestation_key(hardware.serial, server.factory_new))
    return () if drives is None else tuple(sorted(set(drives_of(hardware)) - drives))


def drives_of(hardware: ServerHardware) -> tuple[str, ...]:
    """The serials by which drives are known."""
    return tuple(drive.serial for drive in hardware.drives if drive.serial)


def future_attestations(site: SiteDeclaration, now: datetime) -> tuple[Problem, ...]:
    """Nobody can vouch for a day that has not come anywhere on earth."""
    today = (now + EARLIEST_ZONE).date()
    return tuple(
        Problem(
            path=f"servers[{index}].factory_new.on",
            message=f"{server.factory_new.on.isoformat()} is in the future: give the day on which it was attested",
        )
        for index, server in enumerate(site.servers)
        if server.factory_new is not None and server.factory_new.on > today
    )


def attestations(site: SiteDeclaration, facts: Iterable[ServerFacts], operation: str) -> tuple[EvidenceDraft, ...]:
    """An entry for each server that becomes available because it is attested, by its chassis' and drives' serial numbers."""
    declared = {server.name: server.factory_new for server in site.servers}
    found: list[EvidenceDraft] = []
    for server in facts:
        attested, hardware = declared.get(server.name), server.hardware
        if attested is None or hardware is None or server.lifecycle is not Lifecycle.AVAILABLE:
            continue
        drives = drives_of(hardware)
        found.append(
            EvidenceDraft(
                site=site.name,
                key=attestation_key(hardware.serial, attested),
                kind=EVIDENCE_KIND,
                subjects=(hardware.serial, *drives),
                operation=operation,
                body={
                    "by": attested.by,
                    "on": attested.on.isoformat(),
                    "reference": attested.reference,
                    "drives": list(drives),
                    "replaces": "a first sanitisation, and nothing else",
                },
            )
        )
    return tuple(found)
