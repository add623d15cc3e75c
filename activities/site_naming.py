"""Asking BMCs that no declared address names who they are, for servers declared by serial or BMC MAC. Queue `devices`.

Uses only devices, the secret store and the artifact store.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.bmc_login import BmcLogins
from activities.heartbeat import beat
from activities.site_survey import discovered
from activities.trust import remembered
from domain.account import LoginBudgetSpent, LoginRefused
from domain.artifact import ArtifactStore
from domain.bmc import BmcTarget
from domain.discovery import BmcFound, Survey, discover
from domain.errors import EdgewrightError
from domain.onboarding import Discovered, NameOrder, SiteBundle
from domain.order import DEVICES_QUEUE
from domain.site import SiteDeclaration
from domain.targets import unnamed_target

NAMED_AT_ONCE = 16


class SiteNaming:
    """Reads only; a retry asks again, within the same budget of login tries."""

    queue: ClassVar[str] = DEVICES_QUEUE

    def __init__(self, bmc_logins: BmcLogins, artifacts: ArtifactStore) -> None:
        self._logins = bmc_logins
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def name_bmcs(self, order: NameOrder) -> Discovered:
        """Discovers again, with what the unknown BMCs say of themselves. One that will not say stays unexpected.

        A BMC is known again by the certificate that it proves to hold; only one that never was ours gets the factory login, at
        most one try in a lock-out window, counted under a name made from its address.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        survey = self._shelf.get(Survey, order.survey)
        unnamed = {bmc.address for bmc in discover(site, survey).unnamed}
        ours = self._certificates(site)
        with ThreadPoolExecutor(NAMED_AT_ONCE, thread_name_prefix="name") as threads:
            asked = threads.map(partial(self._named, site, ours), (b for b in survey.bmcs if b.address in unnamed))
            known = {bmc.address: bmc for bmc in asked}
        bmcs = tuple(known.get(bmc.address, bmc) for bmc in survey.bmcs)
        return discovered(self._shelf, site, survey.model_copy(update={"bmcs": bmcs}))

    def _certificates(self, site: SiteDeclaration) -> dict[str, str]:
        """Fingerprint → the declared server that is known by it: pinned in the declaration, or remembered from the first login."""
        pins = site.out_of_band.trust.pins
        found = {
            pins.get(server.name) or remembered(self._logins.secrets, site.name, server.name): server.name
            for server in site.servers
        }
        return {sha256.replace(":", "").lower(): name for sha256, name in found.items() if sha256}

    def _named(self, site: SiteDeclaration, ours: dict[str, str], bmc: BmcFound) -> BmcFound:
        device = ours.get(bmc.identity.certificate_sha256)
        if device is not None:
            return bmc.model_copy(update={"device": device})
        try:
            target: BmcTarget = unnamed_target(site, bmc)
            with self._logins.open_session(target) as session:
                beat(bmc.address)
                plate = session.read_nameplate()
        except EdgewrightError as error:
            return bmc.model_copy(update={"unnamed_because": _why(error)})
        return bmc.model_copy(update={"serial": plate.serial, "mac": plate.mac})


def _why(error: EdgewrightError) -> str:
    """The same words in the same trouble, whenever it is asked."""
    if isinstance(error, LoginRefused | LoginBudgetSpent):
        return "It does not take the site's factory login, so it could not be asked for its serial."
    return f"It could not be asked for its serial ({error.kind})."
