"""Onboarding's own steps on the control queue: loading a declaration, judging a rack."""

from collections.abc import Iterable
from typing import Protocol

from temporalio import activity

from activities.artifacts import ModelShelf
from domain.artifact import ArtifactStore
from domain.attestation import AttestationLedger, covered
from domain.cabling import CableState
from domain.errors import Rejected
from domain.judgement import ServerReading
from domain.lifecycle import Lifecycle
from domain.onboarding import (
    Judged,
    JudgeOrder,
    LoadOrder,
    RackSize,
    SiteBundle,
    SiteRef,
    SwitchReadings,
)
from domain.order import DeclarationRef
from domain.server_class import ServerClass
from domain.site import SiteDeclaration
from domain.site_judgement import hardware_of, judge_servers, judge_trunks, not_looked_at


class Declarations(Protocol):
    """What is read of the declaration store."""

    def site(self, ref: DeclarationRef) -> SiteDeclaration:
        """That version of a site. Raises `Rejected` if it is unknown."""
        ...

    def server_classes(self, names: Iterable[str]) -> dict[str, ServerClass]:
        """The newest version of each class that exists."""
        ...


class OnboardingActivities:
    """Reads and judges; changes nothing but the artifact store. Of the ledger it reads what attestations were about."""

    def __init__(self, declarations: Declarations, artifacts: ArtifactStore, ledger: AttestationLedger) -> None:
        self._declarations, self._ledger = declarations, ledger
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def load_site(self, order: LoadOrder) -> SiteRef:
        """Freezes a declaration and the classes it names for the whole operation: later versions are the next one's."""
        site = self._declarations.site(order.declaration)
        classes = self._declarations.server_classes(site.class_names())
        missing = [name for name in site.class_names() if name not in classes]
        if missing:
            raise Rejected(
                f"Site {site.name} names server classes that are not declared: {', '.join(missing)}.",
                do="Declare them (`edgewright apply -f`), then retry.",
            )
        bundle = self._shelf.put(SiteBundle(site=site, classes=classes))
        return SiteRef(
            name=site.name,
            region=site.region.name,
            bundle=bundle,
            racks=tuple(
                RackSize(rack=rack.name, servers=tuple(server.name for server in site.servers_in(rack.name)))
                for rack in site.racks
            ),
            switches=tuple(switch.name for switch in site.switches),
            systems=tuple(system.name for system in site.systems if system.driver is not None),
        )

    @activity.defn
    def judge_rack(self, order: JudgeOrder) -> Judged:
        """Compares a rack's servers with their classes and its cables with the declaration, once all of them were read.

        Without a rack: only the cables that end at no server, which no rack judges.
        """
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        switches = self._shelf.get(SwitchReadings, order.switches)
        readings = [self._shelf.get(ServerReading, ref) for ref in order.readings]
        if order.rack is None:
            verdict = judge_trunks(bundle.site, switches)
        else:
            readings += [ServerReading(name=name, trouble=trouble) for name, trouble in order.troubles.items()]
            attested = covered(self._ledger, bundle.site, hardware_of(readings))
            verdict = judge_servers(bundle, order.rack, switches, readings, order.missing, attested)
        states = [server.lifecycle for server in verdict.servers]
        return Judged(
            verdict=self._shelf.put(verdict),
            good=sum(1 for state in states if state is not Lifecycle.QUARANTINED),
            quarantined=tuple(s.name for s in verdict.servers if s.lifecycle is Lifecycle.QUARANTINED),
            cables_verified=sum(1 for cable in verdict.cables if cable.state is CableState.VERIFIED),
            cables_wrong=sum(1 for cable in verdict.cables if cable.wrong),
            cables_unverified=sum(1 for cable in verdict.cables if cable.state is CableState.UNVERIFIED),
            sightings=verdict.sightings,
            unseen=self._unseen(bundle.site, order.rack, readings),
        )

    @staticmethod
    def _unseen(site: SiteDeclaration, rack: str | None, readings: list[ServerReading]) -> tuple[str, ...]:
        if rack is None:
            return ()
        return not_looked_at(site, rack, (reading.name for reading in readings if reading.hardware is not None))
