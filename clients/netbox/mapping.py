"""NetBox's objects as our records and back: for each endpoint its path, what we read of it, its key, and its links."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from clients.netbox.session import Row
from domain.model import Json
from domain.netbox_schema import Cf, fields_of
from domain.reconcile import CF_KEY, cable_key
from domain.recording_site import slug_of
from domain.records import COMPONENTS, CUSTOM, SHARED, Endpoint, Field, Link, ObservedRecord, from_json, links_of

GLOBAL = "global"
"""Stands for the global routing table in keys of addresses."""


class Unresolved(Exception):
    """A link names an object that NetBox does not have (yet)."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.object)
        self.link = link


class Ids:
    """Which number NetBox gave to which record, both ways; filled while reading, in the order of endpoints."""

    def __init__(self) -> None:
        self._key: dict[tuple[Endpoint, int], str] = {}
        self._id: dict[tuple[Endpoint, str], int] = {}

    def add(self, endpoint: Endpoint, key: str, number: int) -> None:
        self._key[endpoint, number] = key
        self._id[endpoint, key] = number

    def key(self, endpoint: Endpoint, number: int) -> str | None:
        return self._key.get((endpoint, number))

    def id(self, link: Link) -> int:
        """Raises `Unresolved`."""
        number = self._id.get((link.endpoint, link.key))
        if number is None:
            raise Unresolved(link)
        return number

    def numbers(self, endpoint: Endpoint) -> tuple[int, ...]:
        return tuple(number for (kind, number) in self._key if kind is endpoint)


@dataclass(frozen=True)
class Shape:
    """How one endpoint's objects look."""

    path: str
    object_type: str
    key: Callable[[Row, Ids], str]
    native: tuple[str, ...]
    """The fields we may write, by NetBox's names; read back under the same."""
    links: Mapping[str, Endpoint] = field(default_factory=dict[str, Endpoint])
    also: tuple[str, ...] = ()
    """Read for the key only."""
    tracked: bool = True
    """Whether it has custom fields."""

    @property
    def reads(self) -> tuple[str, ...]:
        names = ["id", *self.native, *self.also, "last_updated"]
        if "scope" in self.native:
            names += ["scope_type", "scope_id"]
        if "assigned_object" in self.native:
            names += ["assigned_object_type", "assigned_object_id"]
        if self.tracked:
            names.append("custom_fields")
        return tuple(dict.fromkeys(names))


def _named(row: Row, name: str) -> Row:
    return cast(Row, row.get(name) or {})


def _key_of(ids: Ids, endpoint: Endpoint, row: Row, name: str, otherwise: str = "slug") -> str:
    nested = _named(row, name)
    known = ids.key(endpoint, nested["id"]) if nested else None
    return known or str(nested.get(otherwise) or f"#{nested.get('id')}")


def _table(row: Row) -> str:
    return str(_named(row, "vrf").get("name") or GLOBAL)


def _address(value: str) -> str:
    return value.partition("/")[0]


def kept_key(row: Row) -> str:
    """The key of ours that an object carries; empty: it is not ours."""
    return str(cast(dict[str, Any], row.get("custom_fields") or {}).get(Cf.KEY) or "")


def _device_key(row: Row, ids: Ids) -> str:
    name = row.get("name") or f"#{row['id']}"
    return kept_key(row) or f"{_key_of(ids, Endpoint.SITE, row, 'site')}/{name}"


def _part_key(row: Row, ids: Ids) -> str:
    return f"{_key_of(ids, Endpoint.DEVICE, row, 'device', 'id')}/{row['name']}"


def _template_key(row: Row, ids: Ids) -> str:
    return f"{_key_of(ids, Endpoint.DEVICE_TYPE, row, 'device_type')}/{row['name']}"


def _cable_key(row: Row, ids: Ids) -> str:
    return cable_key(*_terminations(row, "a_terminations", ids), *_terminations(row, "b_terminations", ids))


def _terminations(row: Row, name: str, ids: Ids) -> tuple[Link, ...]:
    found: list[Link] = []
    for end in cast(list[Row], row.get(name) or []):
        key = ids.key(Endpoint.INTERFACE, end["object_id"]) if end["object_type"] == "dcim.interface" else None
        found.append(Link(endpoint=Endpoint.INTERFACE, key=key or f"#{end['object_type']}/{end['object_id']}"))
    return tuple(found)


_SITED: Mapping[str, Endpoint] = {"site": Endpoint.SITE}

SHAPES: Mapping[Endpoint, Shape] = {
    Endpoint.REGION: Shape("dcim/regions", "dcim.region", lambda r, _: r["slug"], ("name", "slug")),
    Endpoint.RIR: Shape("ipam/rirs", "ipam.rir", lambda r, _: r["slug"], ("name", "slug", "is_private"), tracked=False),
    Endpoint.ASN: Shape("ipam/asns", "ipam.asn", lambda r, _: str(r["asn"]), ("asn", "rir"), {"rir": Endpoint.RIR}),
    Endpoint.SITE: Shape(
        "dcim/sites",
        "dcim.site",
        lambda r, _: r["slug"],
        ("name", "slug", "status", "region", "physical_address", "latitude", "longitude", "asns", "tags"),
        {"region": Endpoint.REGION, "asns": Endpoint.ASN},
    ),
    Endpoint.ASN_RANGE: Shape(
        "ipam/asn-ranges",
        "ipam.asnrange",
        lambda r, _: r["name"],
        ("name", "slug", "rir", "start", "end"),
        {"rir": Endpoint.RIR},
    ),
    Endpoint.VRF: Shape("ipam/vrfs", "ipam.vrf", lambda r, _: r["name"], ("name", "enforce_unique")),
    Endpoint.PREFIX: Shape(
        "ipam/prefixes",
        "ipam.prefix",
        lambda r, _: f"{_table(r)}/{r['prefix']}",
        ("prefix", "vrf", "scope", "status", "is_pool"),
        {"vrf": Endpoint.VRF, "scope": Endpoint.SITE},
    ),
    Endpoint.IP_RANGE: Shape(
        "ipam/ip-ranges",
        "ipam.iprange",
        lambda r, _: f"{_table(r)}/{_address(r['start_address'])}-{_address(r['end_address'])}",
        ("start_address", "end_address", "vrf", "status"),
        {"vrf": Endpoint.VRF},
    ),
    Endpoint.LOCATION: Shape(
        "dcim/locations",
        "dcim.location",
        lambda r, ids: f"{_key_of(ids, Endpoint.SITE, r, 'site')}/{r['slug']}",
        ("name", "slug", "site"),
        _SITED,
    ),
    Endpoint.RACK: Shape(
        "dcim/racks",
        "dcim.rack",
        lambda r, ids: f"{_key_of(ids, Endpoint.SITE, r, 'site')}/{r['name']}",
        ("name", "site", "location", "status", "u_height", "tags"),
        {**_SITED, "location": Endpoint.LOCATION},
    ),
    Endpoint.MANUFACTURER: Shape(
        "dcim/manufacturers", "dcim.manufacturer", lambda r, _: r["slug"], ("name", "slug"), tracked=False
    ),
    Endpoint.DEVICE_ROLE: Shape(
        "dcim/device-roles", "dcim.devicerole", lambda r, _: r["slug"], ("name", "slug"), tracked=False
    ),
    Endpoint.DEVICE_TYPE: Shape(
        "dcim/device-types",
        "dcim.devicetype",
        lambda r, ids: f"{_key_of(ids, Endpoint.MANUFACTURER, r, 'manufacturer')}/{slug_of(r['model'])}",
        ("manufacturer", "model", "slug", "u_height", "is_full_depth"),
        {"manufacturer": Endpoint.MANUFACTURER},
        tracked=False,
    ),
    Endpoint.INTERFACE_TEMPLATE: Shape(
        "dcim/interface-templates",
        "dcim.interfacetemplate",
        _template_key,
        ("device_type", "name", "type", "mgmt_only"),
        {"device_type": Endpoint.DEVICE_TYPE},
        tracked=False,
    ),
    Endpoint.MODULE_BAY_TEMPLATE: Shape(
        "dcim/module-bay-templates",
        "dcim.modulebaytemplate",
        _template_key,
        ("device_type", "name"),
        {"device_type": Endpoint.DEVICE_TYPE},
        tracked=False,
    ),
    Endpoint.MODULE_TYPE: Shape(
        "dcim/module-types",
        "dcim.moduletype",
        lambda r, ids: f"{_key_of(ids, Endpoint.MANUFACTURER, r, 'manufacturer')}/{r['model']}",
        ("manufacturer", "model"),
        {"manufacturer": Endpoint.MANUFACTURER},
        tracked=False,
    ),
    Endpoint.DEVICE: Shape(
        "dcim/devices",
        "dcim.device",
        _device_key,
        (
            "name", "site", "location", "rack", "position", "face", "role", "device_type", "serial", "status",
            "oob_ip", "primary_ip4", "primary_ip6", "tags",
        ),
        {
            **_SITED,
            "location": Endpoint.LOCATION,
            "rack": Endpoint.RACK,
            "role": Endpoint.DEVICE_ROLE,
            "device_type": Endpoint.DEVICE_TYPE,
            "oob_ip": Endpoint.IP_ADDRESS,
            "primary_ip4": Endpoint.IP_ADDRESS,
            "primary_ip6": Endpoint.IP_ADDRESS,
        },
    ),
    Endpoint.MODULE_BAY: Shape(
        "dcim/module-bays",
        "dcim.modulebay",
        _part_key,
        ("device", "name"),
        {"device": Endpoint.DEVICE},
        tracked=False,
    ),
    Endpoint.MODULE: Shape(
        "dcim/modules",
        "dcim.module",
        lambda r, ids: _key_of(ids, Endpoint.MODULE_BAY, r, "module_bay", "id"),
        ("device", "module_bay", "module_type", "serial", "status"),
        {"device": Endpoint.DEVICE, "module_bay": Endpoint.MODULE_BAY, "module_type": Endpoint.MODULE_TYPE},
        tracked=False,
    ),
    Endpoint.INTERFACE: Shape(
        "dcim/interfaces",
        "dcim.interface",
        _part_key,
        ("device", "name", "type", "mgmt_only", "mac_address"),
        {"device": Endpoint.DEVICE},
    ),
    Endpoint.IP_ADDRESS: Shape(
        "ipam/ip-addresses",
        "ipam.ipaddress",
        lambda r, _: f"{_table(r)}/{_address(r['address'])}",
        ("address", "vrf", "status", "assigned_object"),
        {"vrf": Endpoint.VRF, "assigned_object": Endpoint.INTERFACE},
    ),
    Endpoint.CABLE: Shape(
        "dcim/cables",
        "dcim.cable",
        _cable_key,
        ("a_terminations", "b_terminations", "status"),
    ),
}  # fmt: skip


# Reading.


def read(endpoint: Endpoint, row: Row, ids: Ids, key: str) -> ObservedRecord:
    """The record that a row is. All rows must be known to `ids` before: links point both ways."""
    shape = SHAPES[endpoint]
    fields: dict[str, Field] = {name: _native(shape, name, row, ids) for name in shape.native}
    custom = cast(dict[str, Any], row.get("custom_fields") or {})
    for name in fields_of(shape.object_type):
        fields[f"{CUSTOM}{name}"] = _plain(custom.get(name))
    return ObservedRecord(
        endpoint=endpoint,
        key=key,
        id=row["id"],
        etag=str(row.get("last_updated") or ""),
        fields=fields,
        owned=endpoint in SHARED or endpoint in COMPONENTS or bool(fields.get(CF_KEY)),
    )


def _native(shape: Shape, name: str, row: Row, ids: Ids) -> Field:
    if name in ("a_terminations", "b_terminations"):
        return _terminations(row, name, ids)
    if name == "tags":
        return [str(tag["slug"]) for tag in cast(list[Row], row.get("tags") or [])]
    if name == "scope":
        return _typed_link(row, "scope", "dcim.site", Endpoint.SITE, ids)
    if name == "assigned_object":
        return _typed_link(row, "assigned_object", "dcim.interface", Endpoint.INTERFACE, ids)
    value = row.get(name)
    endpoint = shape.links.get(name)
    if endpoint is None:
        return _mac(value) if name == "mac_address" else _plain(value)
    if isinstance(value, list):
        return tuple(_link(endpoint, nested, ids) for nested in cast(list[Row], value))
    return None if value is None else _link(endpoint, cast(Row, value), ids)


def _typed_link(row: Row, name: str, object_type: str, endpoint: Endpoint, ids: Ids) -> Field:
    number = row.get(f"{name}_id")
    if number is None:
        return None
    known = ids.key(endpoint, number) if row.get(f"{name}_type") == object_type else None
    return Link(endpoint=endpoint, key=known or f"#{row.get(f'{name}_type')}/{number}")


def _link(endpoint: Endpoint, nested: Row, ids: Ids) -> Link:
    known = ids.key(endpoint, nested["id"])
    return Link(endpoint=endpoint, key=known or str(nested.get("slug") or f"#{nested['id']}"))


def _mac(value: Any) -> Json:
    return str(value).lower() if value else None


def _plain(value: Any) -> Json:
    """A value without NetBox's labels: `{"value": "active", "label": "Active"}` is `active`."""
    if isinstance(value, dict) and set(cast(Row, value)) == {"value", "label"}:
        return cast(Row, value)["value"]
    return cast(Json, value)


# Writing.


def payload(endpoint: Endpoint, fields: Mapping[str, Json], ids: Ids) -> Row:
    """What NetBox wants to be sent for fields as a plan holds them. Raises `Unresolved`."""
    row: Row = {}
    custom: Row = {}
    for name, value in fields.items():
        if name.startswith(CUSTOM):
            custom[name.removeprefix(CUSTOM)] = value
            continue
        content = from_json(value)
        if name == "scope":
            row["scope_type"], row["scope_id"] = "dcim.site", _number(content, ids)
        elif name == "assigned_object":
            row["assigned_object_type"], row["assigned_object_id"] = "dcim.interface", _number(content, ids)
        elif name in ("a_terminations", "b_terminations"):
            row[name] = [{"object_type": "dcim.interface", "object_id": ids.id(link)} for link in links_of(content)]
        elif name == "tags":
            row[name] = [{"slug": slug} for slug in cast(list[str], content or [])]
        elif isinstance(content, tuple):
            row[name] = [ids.id(link) for link in content]
        else:
            row[name] = _number(content, ids) if isinstance(content, Link) else content
    if custom:
        row["custom_fields"] = custom
    if endpoint is Endpoint.MODULE and "module_bay" in row:
        row["replicate_components"] = False  # our module types have no components to replicate: half the cost
    return row


def _number(content: Field, ids: Ids) -> int | None:
    return ids.id(content) if isinstance(content, Link) else None
