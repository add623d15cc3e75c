"""The site declaration: what an admin expects to stand at a site. Onboarding compares the world with it, never the other way round."""

import base64
import ipaddress
import re
from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from domain.checking import Inconsistent, Problem
from domain.model import Declared, MacAddress, Name, PortName, SerialNumber


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


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _prefix(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=True))


def _address_range(value: str) -> str:
    """`10.0.0.1`, `10.0.0.0/27` or `10.0.0.5-10.0.0.20`, normalised."""
    if "-" in value:
        first, _, last = (part.strip() for part in value.partition("-"))
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{value} is no range: write the lower address first")
        return f"{low}-{high}"
    return _prefix(value) if "/" in value else _address(value)


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


type Address = Annotated[str, AfterValidator(_address)]
type Prefix = Annotated[str, AfterValidator(_prefix)]
type AddressRange = Annotated[str, AfterValidator(_address_range)]
type SecretPath = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./_-]{0,199}$")]
"""Where in the secret store a secret lies; a declaration names secrets, it never holds one."""


type ZoneName = Annotated[
    str, Field(max_length=253, pattern=r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
]
"""A DNS zone in lower case, without the last dot: `oslo-1.edge.example`."""


def addresses_of(value: str) -> Iterator[str]:
    """Every address of a normalised `AddressRange`; a prefix without its network and broadcast addresses."""
    if "-" in value:
        low, high = (ipaddress.ip_address(part) for part in value.split("-"))
        return (str(ipaddress.ip_address(n)) for n in range(int(low), int(high) + 1))
    if "/" in value:
        return (str(host) for host in ipaddress.ip_network(value).hosts())
    return iter((value,))


def count_of(value: str) -> int:
    """How many addresses an `AddressRange` has, without listing them."""
    if "-" in value:
        low, high = (int(ipaddress.ip_address(part)) for part in value.split("-"))
        return high - low + 1
    return ipaddress.ip_network(value).num_addresses if "/" in value else 1


def holds(value: str, address: str) -> bool:
    """Whether an address lies in a normalised `AddressRange`."""
    ip = ipaddress.ip_address(address)
    if "/" in value:
        return ip in ipaddress.ip_network(value)
    low, high = (ipaddress.ip_address(part) for part in (value.split("-") if "-" in value else (value, value)))
    return ip.version == low.version and int(low) <= int(ip) <= int(high)


class Region(Declared):
    name: Name
    title: str = ""


class Location(Declared):
    """Where the site is, and whose law holds there."""

    address: str = ""
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    """ISO 3166 country, or country and subdivision: `NO`, `DE-BY`."""
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Wan(Declared):
    bandwidth_mbps: float = Field(gt=0)
    latency_ms: float = Field(ge=0)


class Trust(Declared):
    """How a device's certificate is checked. Exactly one way."""

    ca: SecretPath | None = None
    """A CA bundle in the secret store that signs this site's devices."""
    pins: dict[Name, str] = {}
    """SHA-256 fingerprints by device name."""
    first_use: bool = False
    """Accept the certificate that a device shows first and remember it; another one later is refused."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.ca is not None, bool(self.pins), self.first_use)) != 1:
            raise ValueError("say how certificates are checked: one of `ca`, `pins` or `first_use: true`")
        return self


class OutOfBand(Declared):
    """The management network: which addresses are scanned for BMCs and switches, and on which ports."""

    ranges: tuple[AddressRange, ...] = Field(min_length=1)
    bmc_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    switch_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (8765,)
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

    by: str = Field(min_length=1)
    on: date
    reference: str = Field(min_length=1)

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
    unit: int = Field(ge=1, le=60)
    """The lowest rack unit it fills."""
    serial: SerialNumber | None = None
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
    unit: int = Field(ge=1, le=60)
    manufacturer: str = "NVIDIA"
    model: str
    height_u: int = Field(default=1, ge=1, le=10)
    address: Address
    serial: SerialNumber | None = None
    asn: int | None = Field(default=None, ge=1, le=4294967295)


class RackDeclaration(Declared):
    name: Name
    height_u: int = Field(default=42, ge=1, le=60)
    power_cap_w: float | None = Field(default=None, gt=0)


class CableEnd(Declared):
    device: Name
    port: PortName


class CableDeclaration(Declared):
    """A cable, also written in one line as `DEVICE:PORT DEVICE:PORT PLANE [GBPS]`."""

    a: CableEnd
    b: CableEnd
    plane: Plane
    speed_gbps: float | None = Field(default=None, gt=0)

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
        speed = {"speed_gbps": words[3]} if len(words) == 4 else {}
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
    service_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    """Where its driver asks, in this order; none: the protocol's own port."""
    credential: SecretPath | None = None
    """The login with which a driver reads it."""
    zones: tuple[ZoneName, ...] = ()
    """What a DNS server must serve with authority."""
    manufacturer: str = "generic"
    model: str = ""
    serial: SerialNumber | None = None
    rack: Name | None = None
    unit: int | None = Field(default=None, ge=1, le=60)
    ports: tuple[PortName, ...] = ()


class UnderlayPools(Declared):
    """Where the underlay takes its addresses and numbers from."""

    loopbacks: Prefix | None = None
    fabric: Prefix | None = None
    storage: Prefix | None = None
    asns: Annotated[str, Field(pattern=r"^\d+-\d+$")] | None = None


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
    file: str | None = Field(default=None, min_length=1)
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
    title: str = ""
    region: Region
    location: Location
    tier: Tier
    wan: Wan
    power_cap_w: float = Field(gt=0)
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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [
            *self._name_problems(),
            *self._rack_problems(),
            *self._cable_problems(),
            *self._identity_problems(),
            *self._installer_problems(),
        ]
        if problems:
            raise Inconsistent(problems)
        return self

    def _devices(self) -> Iterator[tuple[str, ServerDeclaration | SwitchDeclaration | SystemDeclaration]]:
        for field, devices in (("servers", self.servers), ("switches", self.switches), ("systems", self.systems)):
            for index, device in enumerate(devices):
                yield f"{field}[{index}]", device

    def _name_problems(self) -> Iterator[Problem]:
        first: dict[str, str] = {}
        for path, device in self._devices():
            other = first.setdefault(device.name, path)
            if other != path:
                message = f"the name {device.name} is also used by {other}: names are unique in a site"
                yield Problem(path=f"{path}.name", message=message)
        seen: set[str] = set()
        for index, rack in enumerate(self.racks):
            if rack.name in seen:
                yield Problem(path=f"racks[{index}].name", message=f"rack {rack.name} is declared more than once")
            seen.add(rack.name)

    def _rack_problems(self) -> Iterator[Problem]:
        racks = {rack.name: rack for rack in self.racks}
        taken: dict[tuple[str, int], str] = {}
        for path, device in self._devices():
            if device.rack is None or device.unit is None:
                continue
            rack, name = racks.get(device.rack), device.name
            if rack is None:
                message = f"{name} stands in rack {device.rack}, which is not declared under `racks`"
                yield Problem(path=f"{path}.rack", message=message)
                continue
            top = device.unit + (device.height_u if isinstance(device, SwitchDeclaration) else 1) - 1
            if top > rack.height_u:
                message = (
                    f"{name} does not fit: rack {rack.name} has {rack.height_u} units and it would reach unit {top}"
                )
                yield Problem(path=f"{path}.unit", message=message)
            for filled in range(device.unit, top + 1):
                other = taken.setdefault((rack.name, filled), name)
                if other != name:
                    message = f"{name} and {other} are both in rack {rack.name} unit {filled}"
                    yield Problem(path=f"{path}.unit", message=message)

    def _cable_problems(self) -> Iterator[Problem]:
        devices = {device.name for _, device in self._devices()}
        ends: dict[tuple[str, str], str] = {}
        for index, cable in enumerate(self.cables):
            for side, end in (("a", cable.a), ("b", cable.b)):
                path = f"cables[{index}].{side}"
                if end.device not in devices:
                    message = f"cable {cable.key} ends at {end.device}, which is not declared"
                    yield Problem(path=f"{path}.device", message=message)
                other = ends.setdefault((end.device, end.port), path)
                if other != path:
                    message = f"{other} also ends at {end.device} {end.port}: a port holds one cable"
                    yield Problem(path=f"{path}.port", message=message)

    def _identity_problems(self) -> Iterator[Problem]:
        for what in ("serial", "bmc_mac", "bmc_address"):
            first: dict[str, str] = {}
            for index, server in enumerate(self.servers):
                value: str | None = getattr(server, what)
                other = server.name if value is None else first.setdefault(value, server.name)
                if other != server.name:
                    message = f"{what} {value} is given to {other} and {server.name}"
                    yield Problem(path=f"servers[{index}].{what}", message=message)

    def _installer_problems(self) -> Iterator[Problem]:
        names: set[str] = set()
        for index, installer in enumerate(self.installers):
            if installer.name in names:
                yield Problem(
                    path=f"installers[{index}].name", message=f"installer {installer.name} is declared more than once"
                )
            names.add(installer.name)
        if self.acceptance_report is not None and self.acceptance_report.installer not in names:
            message = (
                f"{self.acceptance_report.installer} is not declared under `installers`: give its public key there"
            )
            yield Problem(path="acceptance_report.installer", message=message)

    def servers_in(self, rack: str) -> tuple[ServerDeclaration, ...]:
        return tuple(server for server in self.servers if server.rack == rack)

    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({server.server_class for server in self.servers}))


PORT_OF_BMC = "bmc"
"""The name of a BMC's network port in cables and in NetBox."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGITS = re.compile(r"(\d+)")


def natural_order(name: str) -> tuple[str | int, ...]:
    """A sort key that puts `swp10` after `swp9`."""
    return tuple(int(part) if part.isdigit() else part for part in _DIGITS.split(name))
