"""From a declaration and a discovery to the device an activity speaks to. Pure."""

from domain.bmc import BmcAddress, BmcTarget, DeviceTrust
from domain.discovery import BmcFound, Discovery, FoundAt
from domain.errors import Rejected
from domain.nvue import SwitchTarget
from domain.secret import SecretRef
from domain.site import SiteDeclaration, SystemDeclaration
from domain.system_drivers import ports_of
from domain.systems import SystemTarget


class NotFoundOnNetwork(Rejected):
    """A declared device was not found, so nothing can be asked of it."""

    kind = "server-not-found"


def switch_target(site: SiteDeclaration, found: FoundAt) -> SwitchTarget:
    """Where the switch's API is and which secrets open it. Raises `Rejected` where no login is declared."""
    if site.credentials.switch is None:
        raise Rejected(
            f"No login is declared for the switches of {site.name}.",
            do="Name a secret under credentials.switch, and store it: edgewright secret put.",
        )
    return SwitchTarget(
        site=site.name,
        device=found.name,
        address=BmcAddress(host=found.address, port=found.port),
        trust=DeviceTrust.declared(site.out_of_band.trust, found.name),
        factory=SecretRef(path=site.credentials.switch),
    )


def system_target(site: SiteDeclaration, system: SystemDeclaration) -> SystemTarget:
    """Where a system's driver asks. Only for systems that are `observable`."""
    return SystemTarget(
        site=site.name,
        system=system,
        trust=site.out_of_band.trust,
        ports=ports_of(site, system),
    )


def unnamed_target(site: SiteDeclaration, found: BmcFound) -> BmcTarget:
    """A BMC that is nobody's yet: its tries are counted under a name made from its address, `at-127-64-1-11`.

    Where the first certificate is trusted, it is the one that discovery saw; nothing is remembered of a stranger.
    """
    trust = DeviceTrust.declared(site.out_of_band.trust, name := unnamed_device(found.address))
    if trust.first_use:
        trust = DeviceTrust(pin=found.identity.certificate_sha256)
    return BmcTarget(
        site=site.name,
        device=name,
        address=BmcAddress(host=found.address, port=found.port),
        trust=trust,
        factory=SecretRef(path=site.credentials.bmc),
    )


def unnamed_device(address: str) -> str:
    return f"at-{address.replace('.', '-').replace(':', '-')}"


def bmc_target(site: SiteDeclaration, discovery: Discovery, server: str) -> BmcTarget:
    """Where the server's BMC is and which secrets open it. Raises `NotFoundOnNetwork`."""
    found = discovery.server(server)
    if found is None:
        raise NotFoundOnNetwork(
            f"No BMC answers for {server} on the out-of-band network of {site.name}.",
            do=f"Check power and the management cable of {server}, then retry.",
        )
    return BmcTarget(
        site=site.name,
        device=server,
        address=BmcAddress(host=found.address, port=found.port),
        trust=DeviceTrust.declared(site.out_of_band.trust, server),
        factory=SecretRef(path=site.credentials.bmc),
    )
