"""The declaration's word that nobody could write to a server before: what it replaces, and what is kept of it. Pure."""

from collections.abc import Iterable

from domain.evidence import EvidenceDraft
from domain.lifecycle import Lifecycle
from domain.recording_facts import ServerFacts
from domain.site import SiteDeclaration

EVIDENCE_KIND = "factory-new-attestation"


def attestations(site: SiteDeclaration, facts: Iterable[ServerFacts], operation: str) -> tuple[EvidenceDraft, ...]:
    """An entry for each server that becomes available because it is attested, by its chassis' and drives' serial numbers."""
    declared = {server.name: server.factory_new for server in site.servers}
    found: list[EvidenceDraft] = []
    for server in facts:
        attested, hardware = declared.get(server.name), server.hardware
        if attested is None or hardware is None or server.lifecycle is not Lifecycle.AVAILABLE:
            continue
        drives = tuple(drive.serial for drive in hardware.drives if drive.serial)
        found.append(
            EvidenceDraft(
                site=site.name,
                key=f"{EVIDENCE_KIND}/{hardware.serial}/{attested.reference}/{attested.on}",
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
