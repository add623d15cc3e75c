"""Observing a site's systems by their drivers. Queue `devices`. Uses only devices, the secret store and the artifact store."""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import ClassVar

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.heartbeat import beat, is_retry
from domain.account import LoginBudgetSpent
from domain.artifact import ArtifactStore
from domain.errors import EdgewrightError
from domain.onboarding import SiteBundle
from domain.order import DEVICES_QUEUE
from domain.site import SiteDeclaration, SystemDeclaration
from domain.system_drivers import observable
from domain.system_judgement import judge_system, not_observable, system_refused
from domain.system_observation import ObserveSystemsOrder, SystemObservation, SystemObservations, SystemsObserved
from domain.systems import SystemDriver, SystemDrivers
from domain.targets import system_target

SYSTEMS_AT_ONCE = 8


class SystemObserving:
    """Reads only, whoever a system belongs to."""

    queue: ClassVar[str] = DEVICES_QUEUE

    def __init__(self, drivers: SystemDrivers, artifacts: ArtifactStore) -> None:
        self._drivers = drivers
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def observe_systems(self, order: ObserveSystemsOrder) -> SystemsObserved:
        """Every system with a driver, held against its declaration. One that does not answer is a sighting and stops nobody.

        Raises:
            LoginBudgetSpent: only in a retry: a try of an attempt that was cut off is waited out before anybody is asked.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        systems = [system for system in site.systems if observable(system)]
        if is_retry():
            for system in systems:
                self._check_ready(site, system)
        with ThreadPoolExecutor(SYSTEMS_AT_ONCE, thread_name_prefix="system") as threads:
            found = tuple(threads.map(self._observe, repeat(site), systems))
        seen = SystemObservations(systems=found, others=not_observable(site))
        return SystemsObserved(
            observations=self._shelf.put(seen),
            observed=sum(1 for system in found if system.facts),
            total=sum(1 for system in site.systems if system.driver is not None),
            left=seen.left,
            sightings=seen.sightings,
            unseen=seen.unseen,
        )

    def _check_ready(self, site: SiteDeclaration, system: SystemDeclaration) -> None:
        """Whatever else is wrong with it is said by observing it. Raises `LoginBudgetSpent`."""
        try:
            self._driver(system).check_ready(system_target(site, system))
        except LoginBudgetSpent:
            raise
        except EdgewrightError:
            return

    def _observe(self, site: SiteDeclaration, system: SystemDeclaration) -> SystemObservation:
        try:
            sight = self._driver(system).observe(system_target(site, system), beat)
        except EdgewrightError as error:
            return system_refused(site, system, error)
        return judge_system(site, system, sight)

    def _driver(self, system: SystemDeclaration) -> SystemDriver:
        assert system.driver is not None, "only systems with a driver are observed"
        return self._drivers[system.kind, system.driver]
