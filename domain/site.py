"""The site declaration: what an admin expects to stand at a site. Onboarding compares the world with it, never the other way round."""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from domain.addresses import Address, AddressRange, AsnRange, Prefix, addresses_of, count_of, holds
from domain.checking import Inconsistent
from domain.model import Declared, MacAddress, Name, PortName, with_more
from domain.secret import SecretPath
from domain.site_contradictions import Part, SiteParts, contradictions


class Tier(StrEnum):
    EDGE = "edge"
    REGIONAL = "regional"
    CORE = "core"


class Plane(StrEnum):
    EAST_WEST = "east-west"
    NORTH_SOUTH = "north-south"
    STORAGE = "storage"
    OUT_OF_BAND = "out-of-band"
    FRONTHAUL = "fronthaul"
    INFINIBAND = "infiniband"


class SwitchRole(StrEnum):
    LEAF = "leaf"
    SPINE = "spine"
    OUT_OF_BAND = "out-of-band"
    FRONTHAUL = "fronthaul"


class Owner(StrEnum):
    OURS = "ours"
    LOCAL_IT = "local-it"


class SystemKind(StrEnum):
    STORAGE = "storage"
    GATEWAY = "gateway"
    FIREWALL = "firewall"
    LOAD_BALANCER = "load-balancer"
    DNS = "dns"
    NTP = "ntp"
    GRANDMASTER = "grandmaster"
    INFINIBAND_MANAGER = "infiniband-manager"


def _public_key(value: str) -> str:
    return _bytes_in_base64(value, 32, "an Ed25519 public key")


def _signature(value: str) -> str:
    return _bytes_in_base64(value, 64, "an Ed25519 signature")


def _bytes_in_base64(value: str, size: int, what: str) -> str:
    try:
        found = base64.b64decode(value, validate=True)
    except ValueError:
        found = b""
    if len(found) != size:
        raise ValueError(f"must be {what}: {size} bytes in base64")
    return value


type Title = Annotated[str, StringConstraints(max_length=100)]
"""NetBox holds names and models of 100 characters."""
type Label = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
type DeclaredSerial = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]
"""NetBox holds 50 characters of a serial number."""
type Fingerprint = Annotated[str, Field(pattern=r"^(?i:sha256:)?([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")]
"""SHA-256 of a certificate in hex, with or without colons."""
type Port = Annotated[StrictInt, Field(ge=1, le=65535)]
type ZoneName = Annotated[
    str, Field(max_length=253, pattern=r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
]
"""A DNS zone in lower case, without the last dot: `oslo-1.edge.example`."""


_NETWORK: TypeAdapter[str] = TypeAdapter(Prefix)


def _name_in(value: object) -> str:
    named = cast("Mapping[str, object]", value).get("name") if isinstance(value, Mapping) else value
    if not isinstance(named, str):
        raise ValueError("no name")
    return named


type _Named = Annotated[str, BeforeValidator(_name_in)]
"""Of a part whose other fields may be wrong."""


class Region(Declared):
    name: Name
    title: Title = ""


class Location(Declared):
    """Where the site is, and whose law holds there."""

    address: Annotated[str, Field(max_length=200)] = ""
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    """ISO 3166 country, or country and subdivision: `NO`, `DE-BY`."""
    latitude: StrictFloat = Field(ge=-90, le=90)
    longitude: StrictFloat = Field(ge=-180, le=180)


class Wan(Declared):
    bandwidth_mbps: StrictFloat = Field(gt=0, le=1e9)
    latency_ms: StrictFloat = Field(ge=0, le=60_000)


class Trust(Declared):
    """How a device's certificate is checked. Exactly one way."""

    ca: SecretPath | None = None
    """A CA bundle in the secret store that signs this site's devices."""
    pins: dict[Name, Fingerprint] = {}
    """SHA-256 fingerprints by device name."""
    first_use: StrictBool = False
    """Accept the certificate that a device shows first and remember it; another one later is refused."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.ca is not None, bool(self.pins), self.first_use)) != 1:
            raise ValueError("say how certificates are checked: one of `ca`, `pins` or `first_use: true`")
        return self


class OutOfBand(Declared):
    """The management network: which addresses are scanned for BMCs and switches, and on which ports."""

    ranges: tuple[AddressRange, ...] = Field(min_length=1)
    bmc_ports: tuple[Port, ...] = (443,)
    switch_ports: tuple[Port, ...] = (8765,)
    trust: Trust

    @model_validator(mode="after")
    def _scannable(self) -> Self:
        total = sum(count_of(value) for value in self.ranges)
        if total > 65536:
            raise ValueError(
                f"the out-of-band ranges hold {total} addresses; a scan takes at most 65536: name smaller ranges"
            )
        return self

    def holds(self, address: str) -> bool:
        """Whether an address is on the management network."""
        return any(holds(value, address) for value in self.ranges)

    def addresses(self) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for value in self.ranges:
            seen.update(dict.fromkeys(addresses_of(value)))
        return tuple(seen)


class Credentials(Declared):
    """Which secrets open devices that were never taken over: set by the vendor or the installer."""

    bmc: SecretPath
    switch: SecretPath | None = None


class FactoryNew(Declared):
    """Attests that nobody could write to the server before: replaces a first sanitisation, and nothing else."""

    by: Label
    on: date
    reference: Label

    @field_validator("on", mode="before")
    @classmethod
    def _is_a_day(cls, value: object) -> object:
        """Not what pydantic takes for one beside: a number would be seconds since 1970."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and _DAY.fullmatch(value):
            return value
        raise ValueError("give the day as YYYY-MM-DD")


class ServerDeclaration(Declared):
    """A server is found by its serial, BMC MAC or BMC address: at least one is given."""

    name: Name
    server_class: Name = Field(alias="class")
    rack: Name
    unit: StrictInt = Field(ge=1, le=60)
    """The lowest rack unit it fills."""
    serial: DeclaredSerial | None = None
    bmc_mac: MacAddress | None = None
    bmc_address: Address | None = None
    factory_new: FactoryNew | None = None

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if self.serial is None and self.bmc_mac is None and self.bmc_address is None:
            raise ValueError(f"server {self.name} cannot be found: give its serial, bmc_mac or bmc_address")
        return self


class SwitchDeclaration(Declared):
    name: Name
    role: SwitchRole
    plane: Plane
    rack: Name
    unit: StrictInt = Field(ge=1, le=60)
    manufacturer: Label = "NVIDIA"
    model: Label
    height_u: StrictInt = Field(default=1, ge=1, le=10)
    address: Address
    serial: DeclaredSerial | None = None
    asn: StrictInt | None = Field(default=None, ge=1, le=4294967295)


class RackDeclaration(Declared):
    name: Name
    height_u: StrictInt = Field(default=42, ge=1, le=60)
    power_cap_w: StrictFloat | None = Field(default=None, gt=0, le=1e9)


class CableEnd(Declared):
    device: Name
    port: PortName


def _number(text: str) -> float | str:
    """What is none stays text, and the field says what is wrong with it."""
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else text


class CableDeclaration(Declared):
    """A cable, also written in one line as `DEVICE:PORT DEVICE:PORT PLANE [GBPS]`."""

    a: CableEnd
    b: CableEnd
    plane: Plane
    speed_gbps: StrictFloat | None = Field(default=None, gt=0, le=10_000)

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        words = value.split()
        ends = [dict(zip(("device", "port"), end.split(":", 1), strict=False)) for end in words[:2]]
        if len(words) not in (3, 4) or any(len(end) != 2 for end in ends):
            raise ValueError(
                f"{value!r} is no cable: write `DEVICE:PORT DEVICE:PORT PLANE`, and the speed in Gbit/s if known"
            )
        speed = {"speed_gbps": _number(words[3])} if len(words) == 4 else {}
        return {"a": ends[0], "b": ends[1], "plane": words[2], **speed}

    @property
    def key(self) -> str:
        """The same for both directions: `r1-leaf-a:swp1--r1-s01:dpu0-p0`."""
        return "--".join(sorted((f"{self.a.device}:{self.a.port}", f"{self.b.device}:{self.b.port}")))


class SystemDeclaration(Declared):
    """A storage system, gateway, firewall, load balancer, DNS, NTP, grandmaster or InfiniBand manager of the site."""

    name: Name
    kind: SystemKind
    owner: Owner
    driver: Name | None = None
    """How it is observed (`domain.system_drivers`); without one it is recorded as `declared, not observed`."""
    address: Address | None = None
    service_ports: tuple[Port, ...] = ()
    """Where its driver asks, in this order; none: the protocol's own port."""
    credential: SecretPath | None = None
    """The login with which a driver reads it."""
    zones: tuple[ZoneName, ...] = ()
    """What a DNS server must serve with authority."""
    manufacturer: Label = "generic"
    model: Title = ""
    serial: DeclaredSerial | None = None
    rack: Name | None = None
    unit: StrictInt | None = Field(default=None, ge=1, le=60)
    ports: tuple[PortName, ...] = ()

    @model_validator(mode="after")
    def _unit_of_a_rack(self) -> Self:
        if self.unit is not None and self.rack is None:
            raise ValueError(f"{self.name} has a unit but no rack: say which rack it stands in")
        return self


class UnderlayPools(Declared):
    """Where the underlay takes its addresses and numbers from."""

    loopbacks: Prefix | None = None
    fabric: Prefix | None = None
    storage: Prefix | None = None
    asns: AsnRange | None = None


class Installer(Declared):
    """Who installs at this site and signs acceptance reports."""

    name: Name
    public_key: Annotated[str, AfterValidator(_public_key)]
    """Ed25519, the 32 raw bytes in base64."""


class AcceptanceReport(Declared):
    """The installer's own test report: imported, checked against its schema and signature, and kept as evidence.

    People name a `file`; the command line uploads it and sends `artifact` and `signature` in its place.
    """

    installer: Name
    """Whose key signed it: one of the site's `installers`."""
    file: str | None = Field(default=None, min_length=1, max_length=4096)
    """Beside the declaration, with its detached signature beside it as `{file}.sig`."""
    artifact: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the uploaded report."""
    signature: Annotated[str, AfterValidator(_signature)] | None = None
    """Ed25519 over the report's bytes, base64."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.artifact is None) or (self.artifact is None) != (self.signature is None):
            raise ValueError("name the report's `file`, or an uploaded `artifact` with its `signature`")
        return self


class SiteDeclaration(Declared):
    kind: Literal["Site"] = "Site"
    name: Name
    title: Title = ""
    region: Region
    location: Location
    tier: Tier
    wan: Wan
    power_cap_w: StrictFloat = Field(gt=0, le=1e9)
    worker: Literal["central", "site"] = "central"
    """`site`: a worker of the site's own serves its devices, from the queue `edge-{name}`."""
    out_of_band: OutOfBand
    credentials: Credentials
    racks: tuple[RackDeclaration, ...] = Field(min_length=1)
    servers: tuple[ServerDeclaration, ...] = ()
    switches: tuple[SwitchDeclaration, ...] = ()
    systems: tuple[SystemDeclaration, ...] = ()
    cables: tuple[CableDeclaration, ...] = ()
    underlay: UnderlayPools = UnderlayPools()
    public_ranges: tuple[Prefix, ...] = ()
    installers: tuple[Installer, ...] = ()
    acceptance_report: AcceptanceReport | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _fits_together(cls, value: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Contradictions are told together with wrong fields: from what of it can be read."""
        if isinstance(value, cls) or info.context is _AS_STORED:
            return handler(value)
        try:
            made = handler(value)
        except ValidationError as error:
            found = contradictions(_readable(cast("Mapping[str, object]", value))) if isinstance(value, Mapping) else ()
            if not found:
                raise
            detail = InitErrorDetails(type="value_error", loc=(), input=None, ctx={"error": Inconsistent(found)})
            raise with_more(error, [detail]) from error
        if found := contradictions(made.parts):
            raise Inconsistent(found)
        return made

    @property
    def parts(self) -> SiteParts:
        """For the rules that hold between them."""
        return SiteParts(
            name=self.name,
            names={
                kind: [(f"{kind}[{index}]", part.name) for index, part in enumerate(getattr(self, kind))]
                for kind in _NAMED
            },
            racks=_at("racks", self.racks),
            servers=_at("servers", self.servers),
            switches=_at("switches", self.switches),
            systems=_at("systems", self.systems),
            cables=_at("cables", self.cables),
            installers=_at("installers", self.installers),
            out_of_band=self.out_of_band,
            credentials=self.credentials,
            underlay=self.underlay,
            public_ranges=_at("public_ranges", self.public_ranges),
            acceptance_report=self.acceptance_report,
        )

    def servers_in(self, rack: str) -> tuple[ServerDeclaration, ...]:
        return tuple(server for server in self.servers if server.rack == rack)

    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({server.server_class for server in self.servers}))


_AS_STORED = object()


def stored_site(body: Mapping[str, object]) -> SiteDeclaration:
    """A declaration as it lies in the store: an older build may have let contradictions pass, and it can be shown all the same."""
    return SiteDeclaration.model_validate(body, context=_AS_STORED)


_NAMED = ("racks", "servers", "switches", "systems", "installers")


def _at[T](kind: str, parts: Iterable[T]) -> list[Part[T]]:
    return [(f"{kind}[{index}]", part) for index, part in enumerate(parts)]


def _readable(raw: Mapping[str, object]) -> SiteParts:
    """The parts of a refused declaration that are right by themselves."""

    def one[T](name: str, kind: TypeAdapter[T]) -> T | None:
        return next((part for _, part in _valid(kind, [("", raw.get(name))])), None)

    def many[T](name: str, kind: TypeAdapter[T]) -> list[Part[T]]:
        given = raw.get(name)
        return _valid(kind, _at(name, cast("list[object]", given)) if isinstance(given, list) else [])

    named: TypeAdapter[str] = TypeAdapter(_Named)
    return SiteParts(
        name=one("name", named) or "",
        names={kind: many(kind, named) for kind in _NAMED},
        racks=many("racks", TypeAdapter(RackDeclaration)),
        servers=many("servers", TypeAdapter(ServerDeclaration)),
        switches=many("switches", TypeAdapter(SwitchDeclaration)),
        systems=many("systems", TypeAdapter(SystemDeclaration)),
        cables=many("cables", TypeAdapter(CableDeclaration)),
        installers=many("installers", TypeAdapter(Installer)),
        out_of_band=one("out_of_band", TypeAdapter(OutOfBand)),
        credentials=one("credentials", TypeAdapter(Credentials)),
        underlay=one("underlay", TypeAdapter(UnderlayPools)),
        public_ranges=many("public_ranges", _NETWORK),
        acceptance_report=one("acceptance_report", TypeAdapter(AcceptanceReport)),
    )


def _valid[T](kind: TypeAdapter[T], given: Iterable[Part[object]]) -> list[Part[T]]:
    found: list[Part[T]] = []
    for path, value in given:
        try:
            found.append((path, kind.validate_python(value)))
        except ValidationError:
            continue
    return found


PORT_OF_BMC = "bmc"
"""The name of a BMC's network port in cables and in NetBox."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGITS = re.compile(r"(\d+)")


def natural_order(name: str) -> tuple[str | int, ...]:
    """A sort key that puts `swp10` after `swp9`."""
    return tuple(int(part) if part.isdigit() else part for part in _DIGITS.split(name))
