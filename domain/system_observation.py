"""What travels between the steps that observe a site's systems: a system alone, all of them, and all by reference."""

from domain.artifact import ArtifactRef
from domain.finding import Severity, Sighting
from domain.model import Model, Name
from domain.onboarding import SiteRef
from domain.recording_facts import DeviceFacts


class SystemObservation(Model):
    """What came of observing one system. Without facts it is recorded as declared, not observed."""

    name: Name
    facts: tuple[DeviceFacts, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    unseen: bool = False
    """Nobody could look: what was said of it before is neither seen nor resolved."""


class SystemObservations(Model):
    """Every system that names a driver."""

    systems: tuple[SystemObservation, ...] = ()
    others: tuple[Sighting, ...] = ()
    """About systems whose driver cannot be asked."""

    @property
    def facts(self) -> tuple[DeviceFacts, ...]:
        return tuple(facts for system in self.systems for facts in system.facts)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return (*(sighting for system in self.systems for sighting in system.sightings), *self.others)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The objects of those that nobody could look at, as findings name them."""
        return tuple(sighting.object for system in self.systems if system.unseen for sighting in system.sightings)

    @property
    def left(self) -> tuple[str, ...]:
        """Systems that are critically not as they should be."""
        return tuple(
            system.name
            for system in self.systems
            if any(sighting.severity is Severity.CRITICAL for sighting in system.sightings)
        )


class ObserveSystemsOrder(Model):
    site: SiteRef


class SystemsObserved(Model):
    """`observed` of `total` systems that name a driver. Without observations: none names one, so nobody was asked."""

    observations: ArtifactRef | None = None
    observed: int = 0
    total: int = 0
    left: tuple[Name, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    unseen: tuple[str, ...] = ()
