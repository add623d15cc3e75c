"""Onboarding's own steps on the control queue: loading a declaration, judging a rack."""

from collections.abc import Iterable
from typing import Protocol

from temporalio import activity

from activities.artifacts import ModelShelf
from domain.artifact import ArtifactStore
from domain.cabling import CableVerdict, DevicePorts, cables_of, check_cables
from domain.errors import Rejected
from domain.judgement import ServerReading, cable_sightings, judge
from domain.lifecycle import Lifecycle
from domain.onboarding import (
    Judged,
    JudgeOrder,
    LoadOrder,
    RackSize,
    RackVerdict,
    SiteBundle,
    SiteRef,
    SwitchReadings,
)
from domain.order import DeclarationRef
from domain.server_class import ServerClass
from domain.site import PORT_OF_BMC, SiteDeclaration


class Declarations(Protocol):
    """What is read of the declaration store."""

    def site(self, ref: DeclarationRef) -> SiteDeclaration:
        """That version of a site. Raises `Rejected` if it is unknown."""
        ...

    def server_classes(self, names: Iterable[str]) -> dict[str, ServerClass]:
        """The newest version of each class that exists."""
        ...


class OnboardingActivities:
    """Reads and judges; changes nothing but the artifact store."""

    def __init__(self, declarations: Declarations, artifacts: ArtifactStore) -> None:
        self._declarations = declarations
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
        )

    @activity.defn
    def judge_rack(self, order: JudgeOrder) -> Judged:
        """Compares a rack's servers with their classes and its cables with the declaration, once all of them were read."""
        bundle = self._shelf.get(SiteBundle, order.site.bundle)
        switches = self._shelf.get(SwitchReadings, order.switches)
        readings = {r.name: r for r in (self._shelf.get(ServerReading, ref) for ref in order.readings)}
        site = bundle.site
        servers = site.servers_in(order.rack)
        cables = cables_of(site, (server.name for server in servers))
        verdicts = check_cables(cables, switches.sights, (ports_of(reading) for reading in readings.values()))
        judgements = [
            judge(
                site,
                server,
                bundle.classes[server.server_class],
                readings.get(server.name, ServerReading(name=server.name)),
                tuple(verdict for verdict in verdicts if server.name in verdict.devices),
            )
            for server in servers
        ]
        sightings = (*(s for j in judgements for s in j.sightings), *cable_sightings(site, verdicts))
        verdict = RackVerdict(servers=tuple(j.facts for j in judgements), cables=verdicts, sightings=sightings)
        return Judged(
            verdict=self._shelf.put(verdict),
            good=sum(1 for j in judgements if j.good),
            quarantined=tuple(j.facts.name for j in judgements if j.facts.lifecycle is Lifecycle.QUARANTINED),
            cables_verified=_count(verdicts, wrong=False, verified=True),
            cables_wrong=_count(verdicts, wrong=True, verified=False),
            cables_unverified=_count(verdicts, wrong=False, verified=False),
            sightings=sightings,
        )


def _count(verdicts: Iterable[CableVerdict], *, wrong: bool, verified: bool) -> int:
    return sum(1 for v in verdicts if v.wrong is wrong and (v.state == "verified") is verified)


def ports_of(reading: ServerReading) -> DevicePorts:
    """The MAC addresses of a server's ports, its BMC's included, as its BMC told them."""
    hardware = reading.hardware
    if hardware is None:
        return DevicePorts(device=reading.name, ports={})
    ports = {port.name: port.mac for port in hardware.ports}
    return DevicePorts(device=reading.name, ports={**ports, PORT_OF_BMC: hardware.bmc.mac})
