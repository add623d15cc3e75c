"""The inventory as records: what we want in NetBox and what is there, in one shape, so that a plan is their difference.

A record has a *key*, unique within its endpoint (`dcim.devices/oslo-1/r1-s01`), which says which object it is whatever NetBox
numbered it, and the *fields we own*. A field that points at another object holds a `Link` to that object's record. What we do
not own is never read into a record, so it can neither be planned nor overwritten.
"""

from collections.abc import Mapping
from enum import StrEnum

from domain.model import Json, Model


class Endpoint(StrEnum):
    """NetBox API endpoints we write, in the order in which objects must be created."""

    REGION = "dcim.regions"
    RIR = "ipam.rirs"
    ASN = "ipam.asns"
    SITE = "dcim.sites"
    ASN_RANGE = "ipam.asn-ranges"
    VRF = "ipam.vrfs"
    PREFIX = "ipam.prefixes"
    IP_RANGE = "ipam.ip-ranges"
    LOCATION = "dcim.locations"
    RACK = "dcim.racks"
    MANUFACTURER = "dcim.manufacturers"
    DEVICE_ROLE = "dcim.device-roles"
    DEVICE_TYPE = "dcim.device-types"
    INTERFACE_TEMPLATE = "dcim.interface-templates"
    MODULE_BAY_TEMPLATE = "dcim.module-bay-templates"
    MODULE_TYPE = "dcim.module-types"
    DEVICE = "dcim.devices"
    MODULE_BAY = "dcim.module-bays"
    MODULE = "dcim.modules"
    INTERFACE = "dcim.interfaces"
    IP_ADDRESS = "ipam.ip-addresses"
    CABLE = "dcim.cables"


ORDER: Mapping[Endpoint, int] = {endpoint: position for position, endpoint in enumerate(Endpoint)}

SHARED = frozenset({
    Endpoint.REGION, Endpoint.RIR, Endpoint.ASN, Endpoint.MANUFACTURER, Endpoint.DEVICE_ROLE, Endpoint.DEVICE_TYPE,
    Endpoint.INTERFACE_TEMPLATE, Endpoint.MODULE_BAY_TEMPLATE, Endpoint.MODULE_TYPE,
})  # fmt: skip
"""The catalogue that sites share: made where it is missing, otherwise used as it is and never changed by a site."""

COMPONENTS = frozenset({Endpoint.MODULE_BAY, Endpoint.MODULE, Endpoint.INTERFACE})
"""Parts of a device. They carry no key of ours: who owns the device owns them."""

LATE: Mapping[Endpoint, frozenset[str]] = {Endpoint.DEVICE: frozenset({"oob_ip", "primary_ip4", "primary_ip6"})}
"""Fields that point at objects which can only be made after this one: written by a second call."""

ADDITIVE: Mapping[Endpoint, frozenset[str]] = {
    Endpoint.SITE: frozenset({"asns", "tags"}),
    Endpoint.RACK: frozenset({"tags"}),
    Endpoint.DEVICE: frozenset({"tags"}),
}
"""Lists to which we add and from which we never take: other people's entries stay."""

CUSTOM = "cf."
"""The prefix of a custom field's name in `Record.fields`."""


class Link(Model):
    """A field that points at another record."""

    endpoint: Endpoint
    key: str

    @property
    def object(self) -> str:
        return f"{self.endpoint}/{self.key}"


type Field = Json | Link | tuple[Link, ...]


class Record(Model):
    """One wanted object. `fields` are NetBox's own field names; custom fields are `cf.<name>`."""

    endpoint: Endpoint
    key: str
    fields: dict[str, Field]
    create_only: frozenset[str] = frozenset()
    """Fields set when the object is made and left alone afterwards: a later difference is no change of ours."""

    @property
    def object(self) -> str:
        """The name of the object in plans: `dcim.devices/oslo-1/r1-s01`."""
        return f"{self.endpoint}/{self.key}"

    @property
    def link(self) -> Link:
        return Link(endpoint=self.endpoint, key=self.key)


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

    @property
    def object(self) -> str:
        return f"{self.endpoint}/{self.key}"


def links_of(field: Field) -> tuple[Link, ...]:
    """The links in a field's value, none if it holds data."""
    if isinstance(field, Link):
        return (field,)
    if isinstance(field, tuple):
        return field
    return ()


def to_json(field: Field) -> Json:
    """A field as it stands in a plan: a link is the name of the object it points at."""
    if isinstance(field, Link):
        return {"link": field.object}
    if isinstance(field, tuple):
        return [{"link": link.object} for link in field]
    return field


def from_json(value: Json) -> Field:
    """The field that `to_json` wrote."""
    if isinstance(value, dict) and set(value) == {"link"}:
        return _link(value["link"])
    if isinstance(value, list) and value and all(isinstance(item, dict) and set(item) == {"link"} for item in value):
        return tuple(_link(item["link"]) for item in value if isinstance(item, dict))
    return value


def split_object(name: str) -> tuple[Endpoint, str]:
    """Endpoint and key of an object's name in a plan. Raises ValueError if it names no record."""
    endpoint, _, key = name.partition("/")
    return Endpoint(endpoint), key


def _link(name: Json) -> Link:
    endpoint, key = split_object(str(name))
    return Link(endpoint=endpoint, key=key)


def is_empty(field: Field) -> bool:
    """NetBox has several ways to say nothing, and writes one where it was given another."""
    return field is None or field in ("", [], {}, ())


def same(left: Field, right: Field) -> bool:
    """Whether two values mean the same: empty is empty, and the order of links does not count."""
    if is_empty(left) or is_empty(right):
        return is_empty(left) and is_empty(right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return {link.object for link in left} == {link.object for link in right}
    return left == right
