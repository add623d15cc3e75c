"""From a declaration and a discovery to the device an activity speaks to. Pure."""

from domain.bmc import BmcAddress, BmcTarget, DeviceTrust
from domain.discovery import Discovery
from domain.errors import Rejected
from domain.secret import SecretRef
from domain.site import SiteDeclaration


class NotFoundOnNetwork(Rejected):
    """A declared device was not found, so nothing can be asked of it."""

    kind = "server-not-found"


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
