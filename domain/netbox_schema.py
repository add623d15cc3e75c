"""What we own in NetBox: custom fields, choice sets, tags and device roles. The one list; `bootstrap` ensures it.

Everything of ours starts with `ew_` (fields, `ui_editable: no`: NetBox's pages show it and cannot change it) or `edgewright`.
A customer's own fields, tags and roles stay theirs: a device role that exists under our slug is used as it is.
"""

from enum import StrEnum

from domain.lifecycle import Lifecycle
from domain.model import Model
from domain.site import Owner, Plane, SwitchRole, SystemKind, Tier


class Cf(StrEnum):
    """Our custom fields, by name."""

    KEY = "ew_key"
    ADOPTED = "ew_adopted"
    LIFECYCLE = "ew_lifecycle"
    SINCE = "ew_since"
    HOLDER = "ew_holder"
    OPERATION = "ew_operation"
    QUARANTINE_REASONS = "ew_quarantine_reasons"
    OBSERVED = "ew_observed"
    OWNER = "ew_owner"
    CLASS = "ew_class"
    HARDWARE = "ew_hardware"
    FIRMWARE = "ew_firmware"
    ATTESTATION = "ew_attestation"
    DRIVER = "ew_driver"
    PLANE = "ew_plane"
    ASN = "ew_asn"
    TIER = "ew_tier"
    JURISDICTION = "ew_jurisdiction"
    WAN = "ew_wan"
    POWER_CAP_W = "ew_power_cap_w"
    WORKER = "ew_worker"
    POOL = "ew_pool"


class FieldType(StrEnum):
    """NetBox's names of custom field types, as far as we use them."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    SELECT = "select"
    JSON = "json"
    DATETIME = "datetime"


class Observed(StrEnum):
    OBSERVED = "observed"
    DECLARED = "declared, not observed"


class PoolKind(StrEnum):
    """What a prefix or range of a site is for."""

    OUT_OF_BAND = "out-of-band"
    LOOPBACKS = "loopbacks"
    FABRIC = "fabric"
    STORAGE = "storage"
    PUBLIC = "public"


class ChoiceSet(Model):
    name: str
    choices: tuple[str, ...]


class CustomField(Model):
    name: Cf
    type: FieldType
    label: str
    description: str
    object_types: tuple[str, ...]
    choice_set: str | None = None


class Tag(Model):
    slug: str
    name: str
    description: str
    color: str = "9e9e9e"


class DeviceRole(Model):
    slug: str
    name: str
    color: str


FIELD_GROUP = "Edgewright"
"""The heading under which NetBox shows our fields."""

REGION, SITE, LOCATION, RACK = "dcim.region", "dcim.site", "dcim.location", "dcim.rack"
DEVICE, INTERFACE, CABLE = "dcim.device", "dcim.interface", "dcim.cable"
ASN, ASN_RANGE, VRF, VLAN = "ipam.asn", "ipam.asnrange", "ipam.vrf", "ipam.vlan"
PREFIX, IP_RANGE, IP_ADDRESS = "ipam.prefix", "ipam.iprange", "ipam.ipaddress"
JOURNAL = "extras.journalentry"

LIFECYCLES = ChoiceSet(name="ew-lifecycle", choices=tuple(Lifecycle))
OBSERVATIONS = ChoiceSet(name="ew-observed", choices=tuple(Observed))
OWNERS = ChoiceSet(name="ew-owner", choices=tuple(Owner))
PLANES = ChoiceSet(name="ew-plane", choices=tuple(Plane))
TIERS = ChoiceSet(name="ew-tier", choices=tuple(Tier))
POOLS = ChoiceSet(name="ew-pool", choices=tuple(PoolKind))

CHOICE_SETS: tuple[ChoiceSet, ...] = (LIFECYCLES, OBSERVATIONS, OWNERS, PLANES, TIERS, POOLS)


def _text(name: Cf, label: str, description: str, *object_types: str) -> CustomField:
    return CustomField(name=name, type=FieldType.TEXT, label=label, description=description, object_types=object_types)


def _json(name: Cf, label: str, description: str, *object_types: str) -> CustomField:
    return CustomField(name=name, type=FieldType.JSON, label=label, description=description, object_types=object_types)


def _time(name: Cf, label: str, description: str, *object_types: str) -> CustomField:
    return CustomField(
        name=name, type=FieldType.DATETIME, label=label, description=description, object_types=object_types
    )


def _yes(name: Cf, label: str, description: str, *object_types: str) -> CustomField:
    return CustomField(
        name=name, type=FieldType.BOOLEAN, label=label, description=description, object_types=object_types
    )


def _number(name: Cf, label: str, description: str, *object_types: str) -> CustomField:
    return CustomField(
        name=name, type=FieldType.INTEGER, label=label, description=description, object_types=object_types
    )


def _choice(name: Cf, label: str, description: str, choices: ChoiceSet, *object_types: str) -> CustomField:
    return CustomField(
        name=name,
        type=FieldType.SELECT,
        label=label,
        description=description,
        object_types=object_types,
        choice_set=choices.name,
    )


_KEYED = (
    REGION, SITE, LOCATION, RACK, DEVICE, CABLE, ASN, ASN_RANGE, VRF, VLAN, PREFIX, IP_RANGE, IP_ADDRESS, JOURNAL,
)  # fmt: skip

CUSTOM_FIELDS: tuple[CustomField, ...] = (
    _text(Cf.KEY, "Key", "Which record or claim of Edgewright this is; empty: Edgewright does not own it.", *_KEYED),
    _yes(Cf.ADOPTED, "Adopted", "NetBox held it before Edgewright: what people wrote into it is left alone.", *_KEYED),
    _choice(Cf.LIFECYCLE, "Lifecycle", "Where the server stands; moved only by its operation.", LIFECYCLES, DEVICE),
    _time(Cf.SINCE, "In this state since", "When its operation moved the server into its state; empty: when it was recorded.", DEVICE),
    _text(Cf.HOLDER, "Holder", "The allocation that holds the server; empty: nobody.", DEVICE),
    _text(Cf.OPERATION, "Operation", "The operation that moved the server last.", DEVICE),
    _json(Cf.QUARANTINE_REASONS, "Quarantine reasons", "Why the server is quarantined.", DEVICE),
    _choice(Cf.OBSERVED, "Observed", "Whether Edgewright has seen it, or only been told of it.", OBSERVATIONS, DEVICE, CABLE),
    _choice(Cf.OWNER, "Owner", "Who runs it: ours, or the site's local IT.", OWNERS, DEVICE),
    _text(Cf.CLASS, "Server class", "The server class it was compared with.", DEVICE),
    _json(Cf.HARDWARE, "Hardware", "Processors and memory by kind, and what has no serial number.", DEVICE),
    _json(Cf.FIRMWARE, "Firmware", "Component and version, as the device reports it.", DEVICE),
    _json(Cf.ATTESTATION, "Attestation", "Who attested that the server came factory-new.", DEVICE),
    _text(Cf.DRIVER, "Driver", "How Edgewright speaks to it; empty: not at all.", DEVICE),
    _choice(Cf.PLANE, "Plane", "The network plane it belongs to.", PLANES, DEVICE, INTERFACE, CABLE),
    _number(Cf.ASN, "ASN", "The autonomous system number a switch speaks BGP with.", DEVICE),
    _choice(Cf.TIER, "Tier", "Edge, regional or core.", TIERS, SITE),
    _text(Cf.JURISDICTION, "Jurisdiction", "Whose law holds there: ISO 3166 country or subdivision.", SITE),
    _json(Cf.WAN, "WAN", "Bandwidth in Mbit/s and latency in ms.", SITE),
    _number(Cf.POWER_CAP_W, "Power cap (W)", "What the supply allows.", SITE, RACK),
    _text(Cf.WORKER, "Worker", "Whether a worker of the site's own serves it.", SITE),
    _choice(Cf.POOL, "Pool", "What the addresses or numbers are for.", POOLS, PREFIX, IP_RANGE, ASN_RANGE),
)  # fmt: skip

TAG = Tag(slug="edgewright", name="Edgewright", description="Kept by Edgewright.", color="607d8b")
"""On sites, racks and devices, for people who filter by it: tagging every object would double the cost of creating it, and
`ew_key` says the same."""

TAGS: tuple[Tag, ...] = (TAG,)

SERVER_ROLE = "gpu-server"

_ROLE_TITLES: dict[str, tuple[str, str]] = {
    SERVER_ROLE: ("GPU server", "4caf50"),
    f"switch-{SwitchRole.LEAF}": ("Leaf switch", "2196f3"),
    f"switch-{SwitchRole.SPINE}": ("Spine switch", "3f51b5"),
    f"switch-{SwitchRole.OUT_OF_BAND}": ("Out-of-band switch", "9e9e9e"),
    f"switch-{SwitchRole.FRONTHAUL}": ("Fronthaul switch", "ff9800"),
    SystemKind.STORAGE: ("Storage system", "795548"),
    SystemKind.GATEWAY: ("Gateway", "00bcd4"),
    SystemKind.FIREWALL: ("Firewall", "f44336"),
    SystemKind.LOAD_BALANCER: ("Load balancer", "9c27b0"),
    SystemKind.DNS: ("DNS server", "cddc39"),
    SystemKind.NTP: ("NTP server", "ffc107"),
    SystemKind.GRANDMASTER: ("PTP grandmaster", "ff5722"),
    SystemKind.INFINIBAND_MANAGER: ("InfiniBand manager", "009688"),
}

DEVICE_ROLES: tuple[DeviceRole, ...] = tuple(
    DeviceRole(slug=slug, name=name, color=color) for slug, (name, color) in _ROLE_TITLES.items()
)


def switch_role(role: SwitchRole) -> str:
    """The slug of a switch's device role."""
    return f"switch-{role}"


def fields_of(object_type: str) -> tuple[Cf, ...]:
    """Our custom fields on one object type: the only ones we ever read into a record or write."""
    return tuple(field.name for field in CUSTOM_FIELDS if object_type in field.object_types)


class Missing(Model):
    """One thing that `bootstrap` would make or widen."""

    kind: str
    name: str
    what: str


class SchemaState(Model):
    """What `bootstrap` did, or what `check_bootstrap` found wanting."""

    changed: tuple[Missing, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def ready(self) -> bool:
        return not self.missing
