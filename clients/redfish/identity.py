"""Who a BMC says it is, before any login."""

from clients.redfish.resource import Resource
from clients.redfish.wire import SERVICE_ROOT, Wire
from domain.bmc import BmcTroubled
from domain.hardware import BmcIdentity


def read_root(wire: Wire) -> Resource:
    """The service root, readable without a login (DSP0266). Raises `BmcTroubled` if something else answers there."""
    root = wire.get(SERVICE_ROOT)
    if not root.text("RedfishVersion") and not root.has("Systems"):
        raise BmcTroubled(f"{wire.endpoint} speaks HTTPS, but what it answers is no Redfish service root.")
    return root


def identity_of(wire: Wire, root: Resource) -> BmcIdentity:
    oem = root.body.get("Oem")
    named_by_oem = next(iter(oem), "") if isinstance(oem, dict) else ""
    return BmcIdentity(
        address=wire.endpoint.address.host,
        port=wire.endpoint.address.port,
        uuid=root.text("UUID").lower(),
        # Vendor came with Redfish 1.5; before that the OEM section's key names the vendor.
        vendor=root.text("Vendor") or named_by_oem,
        product=root.text("Product"),
        redfish_version=root.text("RedfishVersion"),
        certificate_sha256=wire.certificate_sha256,
    )
