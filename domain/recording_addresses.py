"""The address of a device, and which of the device's fields point at it. Pure.

NetBox's meaning (its manual, "Devices"): `primary_ip4` and `primary_ip6` are the address at which the device itself is managed,
`oob_ip` is the one on the physically separate management network. One address may be both: a switch is managed there.
"""

import ipaddress
from collections.abc import Iterator

from domain.recording_site import CF_KEY, vrf_link, vrf_name, with_mask
from domain.records import Endpoint, Link, Record
from domain.site import SiteDeclaration, SwitchDeclaration, SystemDeclaration

OOB_IP = "oob_ip"


def primary_ip(address: str) -> str:
    """The field for the primary address of this family."""
    return f"primary_ip{ipaddress.ip_address(address).version}"


def pointers_of_switch(switch: SwitchDeclaration) -> tuple[str, ...]:
    """A switch is managed over its management port, which is on the out-of-band network."""
    return (OOB_IP, primary_ip(switch.address))


def pointers_of_system(declaration: SiteDeclaration, system: SystemDeclaration) -> tuple[str, ...]:
    """A system is managed at its declared address; that is an out-of-band one only where it lies in those ranges."""
    if system.address is None:
        return ()
    primary = primary_ip(system.address)
    return (OOB_IP, primary) if declaration.out_of_band.holds(system.address) else (primary,)


def with_address(
    declaration: SiteDeclaration, device: Record, port: str, address: str, pointers: tuple[str, ...]
) -> Iterator[Record]:
    """The device with these fields pointing at its address, and the address at its port, in the site's own VRF."""
    if not address:
        yield device
        return
    site = declaration.name
    ip = Link(endpoint=Endpoint.IP_ADDRESS, key=f"{vrf_name(site)}/{address}")
    yield device.model_copy(update={"fields": {**device.fields, **dict.fromkeys(pointers, ip)}})
    yield Record(
        endpoint=Endpoint.IP_ADDRESS,
        key=ip.key,
        fields={
            "address": with_mask(declaration, address),
            "vrf": vrf_link(site),
            "status": "active",
            "assigned_object": Link(endpoint=Endpoint.INTERFACE, key=f"{device.key}/{port}"),
            CF_KEY: f"{site}/{address}",
        },
    )
