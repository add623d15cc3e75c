"""Looking at a site's out-of-band network from the devices queue: who answers, and who they are. Sends no secret."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.heartbeat import beat
from domain.artifact import ArtifactStore
from domain.bmc import BmcAddress, BmcFactory, Endpoint, Reached
from domain.discovery import BmcFound, Survey, discover, sightings
from domain.errors import EdgewrightError
from domain.nvue import SwitchPresence
from domain.onboarding import Discovered, DiscoverOrder, Scanned, ScanOrder, SiteBundle
from domain.site import SiteDeclaration

type SwitchProbe = Callable[[str, int], SwitchPresence | None]
"""Address and port → who answers there, without a login; None if nobody does."""

PROBE_TIMEOUT_S = 3.0
PROBED_AT_ONCE = 256
IDENTIFIED_AT_ONCE = 16
"""Few: a BMC answers slowly, and there is one connection to each."""


def discovered(shelf: ModelShelf, site: SiteDeclaration, survey: Survey) -> Discovered:
    """A survey held against the declaration, both kept."""
    discovery = discover(site, survey)
    return Discovered(
        discovery=shelf.put(discovery),
        survey=shelf.put(survey),
        nameable=discovery.nameable,
        servers=len(discovery.servers),
        switches=len(discovery.switches),
        missing=discovery.missing_servers,
        unexpected=len(discovery.unexpected),
        sightings=sightings(site, discovery),
    )


class SiteSurvey:
    """Scans and identifies. Reads only; a retry looks again."""

    def __init__(self, bmcs: BmcFactory, switches: SwitchProbe, artifacts: ArtifactStore) -> None:
        self._bmcs = bmcs
        self._switches = switches
        self._shelf = ModelShelf(artifacts)

    @activity.defn
    def reach_out_of_band(self, order: ScanOrder) -> Scanned:
        """Tries every declared address and port with a TLS handshake and says how many answered."""
        out_of_band = self._shelf.get(SiteBundle, order.site.bundle).site.out_of_band
        hosts = out_of_band.addresses()
        bmcs = tuple(BmcAddress(host=host, port=port) for host in hosts for port in out_of_band.bmc_ports)
        switches = tuple(BmcAddress(host=host, port=port) for host in hosts for port in out_of_band.switch_ports)
        answering = set(
            self._bmcs.answering((*bmcs, *switches), timeout_s=PROBE_TIMEOUT_S, at_once=PROBED_AT_ONCE, beat=beat)
        )
        reached = Reached(
            bmcs=tuple(address for address in bmcs if address in answering),
            switches=tuple(address for address in switches if address in answering),
            tried=len(bmcs) + len(switches),
        )
        return Scanned(tried=reached.tried, answering=len(answering), answers=self._shelf.put(reached))

    @activity.defn
    def discover_devices(self, order: DiscoverOrder) -> Discovered:
        """Asks everything that answered who it is, and holds that against the declaration. Adopts nothing."""
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        reached = self._shelf.get(Reached, order.answers)
        with ThreadPoolExecutor(IDENTIFIED_AT_ONCE, thread_name_prefix="identify") as threads:
            bmcs = list(threads.map(self._identify, reached.bmcs))
            switches = list(threads.map(self._probe_switch, reached.switches))
        beat("identified")
        known = tuple(bmc for bmc in bmcs if isinstance(bmc, BmcFound))
        presences = tuple(presence for presence in switches if presence is not None)
        # A switch answers HTTPS on the BMC's port too: what was identified once is no stranger.
        hosts = {bmc.address for bmc in known} | {presence.address for presence in presences}
        others = tuple(f"{at.host}:{at.port}" for at in reached.bmcs if at.host not in hosts)
        survey = Survey(scanned=reached.tried, bmcs=known, switches=presences, others=others)
        return discovered(self._shelf, site, survey)

    def _identify(self, at: BmcAddress) -> BmcFound | None:
        """None for what answers TLS and is no BMC: one odd device never stops the survey."""
        try:
            identity = self._bmcs.identify(Endpoint(name=at.host, address=at))
        except EdgewrightError:
            return None
        return BmcFound(address=at.host, port=at.port, identity=identity)

    def _probe_switch(self, at: BmcAddress) -> SwitchPresence | None:
        return self._switches(at.host, at.port)
