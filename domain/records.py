"""The inventory as records: what we want in NetBox and what is there, in one shape, so that a plan is their difference.

A record has a *key*, unique within its endpoint (`dcim.devices/oslo-1/r1-s01`), which says which object it is whatever NetBox
numbered it, and the *fields we own*. A field that points at another object holds a `Link` to that object's record. What we do
not own is never read into a record, so it can neither be planned nor overwritten.
"""

from enum import StrEnum

from domain.model import Json, Model


class Endpoint(StrEnum):
    """NetBox API endpoints we write, in the order in which objects must be created."""

    REGION = "dcim.regions"
    SITE = "dcim.sites"
    LOCATION = "dcim.locations"
    RIR = "ipam.rirs"
    ASN = "ipam.asns"
    PREFIX = "ipam.prefixes"
    IP_RANGE = "ipam.ip-ranges"
    RACK = "dcim.racks"
    MANUFACTURER = "dcim.manufacturers"
    DEVICE_ROLE = "dcim.device-roles"
    DEVICE_TYPE = "dcim.device-types"
    INTERFACE_TEMPLATE = "dcim.interface-templates"
    DEVICE = "dcim.devices"
    INTERFACE = "dcim.interfaces"
    INVENTORY_ITEM = "dcim.inventory-items"
    MAC_ADDRESS = "dcim.mac-addresses"
    IP_ADDRESS = "ipam.ip-addresses"
    CABLE = "dcim.cables"


class Link(Model):
    """A field that points at another record."""

    endpoint: Endpoint
    key: str


type Field = Json | Link | tuple[Link, ...]


class Record(Model):
    """One wanted object. `fields` are NetBox's own field names; custom fields are `cf.<name>`."""

    endpoint: Endpoint
    key: str
    fields: dict[str, Field]
    create_only: frozenset[str] = frozenset()
    """Fields set when the object is made and left alone afterwards: a later difference is no change of ours."""


class ObservedRecord(Model):
    """One object that is in NetBox, with the fields we own read back."""

    endpoint: Endpoint
    key: str
    id: int
    etag: str = ""
    """`last_updated`: what `If-Match` compares."""
    fields: dict[str, Field]
    owned: bool = True
    """False: NetBox held it before us, so taking it over is an adoption that the plan shows."""
