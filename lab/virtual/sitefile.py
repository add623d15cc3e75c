"""The site file: what physically stands at a virtual edge site. The declaration (what the admin expects) is another file.

A compact entry is enough for a server: its parts come from the catalogue's model, its MAC addresses count up from
`mac_base`, its parts' serial numbers derive from its own. Where a server differs from its model, `differs` says so.
"""

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from domain.documents import DocumentUnreadable, read_documents
from domain.errors import Rejected
from lab.virtual.catalogue import AdapterModel, Catalogue, Hardware, Plane, ServerModel, SwitchModel, shipped

LAB_NETWORK = IPv4Network("127.64.0.0/10")


class SiteFileInvalid(Rejected):
    """The site file says something impossible; the message lists every problem with its path."""

    kind = "site-file-invalid"


class PortRef(NamedTuple):
    """One port of one device."""

    device: str
    port: str

    def __str__(self) -> str:
        return f"{self.device}:{self.port}"


class SwitchRole(StrEnum):
    LEAF = "leaf"
    SPINE = "spine"
    OUT_OF_BAND = "out-of-band"
    FRONTHAUL = "fronthaul"


class Login(Hardware):
    user: str
    password: str


class Rack(Hardware):
    name: str
    units: int = 42


class Differences(Hardware):
    """Where one server is not what its model says, as it was delivered."""

    missing: tuple[str, ...] = ()
    """Part names as Redfish shows them: `GPU3`, `DIMM5`, `NVMe1`, `nic0`."""
    firmware: dict[str, str] = {}
    drives: dict[str, str] = {}
    """Another model in one bay: `NVMe1: sata-1920`. The bay keeps its label, whatever stands in it."""
    secure_boot: bool | None = None
    tpm: bool | None = None
    bios: dict[str, str | int | bool] = {}


class BmcPlace(Hardware):
    """Where the BMC answers and which habits it has. `certificate`: who signed what it shows."""

    address: IPv4Address
    login: str = "bmc"
    quirks: str = "plain"
    certificate: Literal["self-signed", "factory-ca", "expired"] = "self-signed"
    hostname: str | None = None


class Server(Hardware):
    name: str
    rack: str
    unit: int
    model: str
    serial: str
    mac_base: str
    bmc: BmcPlace
    power: Literal["On", "Off"] = "On"
    asset_tag: str = ""
    differs: Differences = Differences()


class Switch(Hardware):
    """A switch. `login` names an entry of `logins`."""

    name: str
    role: SwitchRole
    plane: Plane
    rack: str | None = None
    unit: int | None = None
    model: str
    serial: str
    mac_base: str
    address: IPv4Address
    login: str = "switch"
    firmware: str | None = None


class SystemPort(Hardware):
    name: str
    mac: str
    lldp: bool = True
    rate_gbps: int = 100


class NtpService(Hardware):
    """What its clock hangs on: four letters at stratum 1 (`GPS`), above that the address that it follows."""

    stratum: int = Field(ge=1, le=15)
    reference: str

    @model_validator(mode="after")
    def _fits_its_stratum(self) -> "NtpService":
        if self.stratum == 1 and not (self.reference.isascii() and 1 <= len(self.reference) <= 4):
            raise ValueError("at stratum 1 the reference is one to four letters, such as GPS")
        if self.stratum > 1:
            IPv4Address(self.reference)
        return self


class DnsZone(Hardware):
    """A zone that is served with authority; names in lower case without the last dot."""

    name: str
    primary: str
    serial: int = Field(default=1, ge=0, le=2**32 - 1)


class DnsService(Hardware):
    """`version`: what it says of itself to `version.bind`; empty: it keeps that to itself."""

    zones: tuple[DnsZone, ...] = Field(min_length=1)
    version: str = ""


class OtherSystem(Hardware):
    """A gateway, storage system, grandmaster, firewall ...: present at its address, with ports for its cables.

    It serves NTP or DNS if the file says so. One with a BMC (a storage head) or NVUE (a gateway) is written as the server or
    switch that it is made of.
    """

    name: str
    kind: str
    address: IPv4Address
    ports: tuple[SystemPort, ...] = ()
    ntp: NtpService | None = None
    dns: DnsService | None = None

    @model_validator(mode="after")
    def _serves_one_thing(self) -> "OtherSystem":
        if self.ntp is not None and self.dns is not None:
            raise ValueError("a system serves `ntp` or `dns`, not both")
        return self


class Cable(Hardware):
    """A cable. In YAML also one line: `r1-s01:dpu0-p0 r1-leaf-a:swp1 north-south 200`."""

    a_device: str
    a_port: str
    b_device: str
    b_port: str
    plane: Plane
    rate_gbps: int

    @model_validator(mode="before")
    @classmethod
    def _one_line(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        words = value.split()
        if len(words) != 4 or ":" not in words[0] or ":" not in words[1] or not words[3].isdigit():
            raise ValueError("a cable reads `device:port device:port plane gbps`")
        (a_device, a_port), (b_device, b_port) = words[0].split(":", 1), words[1].split(":", 1)
        ends = {"a_device": a_device, "a_port": a_port, "b_device": b_device, "b_port": b_port}
        return {**ends, "plane": words[2], "rate_gbps": int(words[3])}

    @property
    def a(self) -> PortRef:
        return PortRef(self.a_device, self.a_port)

    @property
    def b(self) -> PortRef:
        return PortRef(self.b_device, self.b_port)


class ServicePorts(Hardware):
    """The ports of devices and services: the standard one, and the one that is used where this user may not bind it."""

    redfish: int = 443
    redfish_unprivileged: int = 8443
    nvue: int = 8765
    ntp: int = 123
    ntp_unprivileged: int = 10123
    dns: int = 53
    dns_unprivileged: int = 10053


class PhysicalPort(NamedTuple):
    """One network port of a server: `adapter` is the slot it belongs to, None for the BMC's own port."""

    name: str
    mac: str
    plane: Plane
    rate_gbps: int
    slot: str | None
    adapter: AdapterModel | None


class Site(Hardware):
    """Everything that stands at one site. Names are unique over all kinds of device."""

    site: str
    ports: ServicePorts = ServicePorts()
    logins: dict[str, Login]
    racks: tuple[Rack, ...] = ()
    servers: tuple[Server, ...] = ()
    switches: tuple[Switch, ...] = ()
    systems: tuple[OtherSystem, ...] = ()
    cables: tuple[Cable, ...] = ()
    models: dict[str, ServerModel] = Field(default_factory=dict[str, ServerModel])
    """Server models of this site only, beside the shipped catalogue."""

    @property
    def catalogue(self) -> Catalogue:
        return shipped()

    def server_model(self, server: Server) -> ServerModel:
        return self.models.get(server.model) or self.catalogue.servers[server.model]

    def switch_model(self, switch: Switch) -> SwitchModel:
        return self.catalogue.switches[switch.model]

    @cached_property
    def server_by_name(self) -> dict[str, Server]:
        return {server.name: server for server in self.servers}

    @cached_property
    def switch_by_name(self) -> dict[str, Switch]:
        return {switch.name: switch for switch in self.switches}

    @cached_property
    def system_by_name(self) -> dict[str, OtherSystem]:
        return {system.name: system for system in self.systems}

    def server_ports(self, server: Server) -> list[PhysicalPort]:
        """The server's ports: `bmc` first (MAC = `mac_base`), then each adapter's, counting MAC addresses up."""
        mac = mac_number(server.mac_base)
        ports = [PhysicalPort("bmc", mac_text(mac), Plane.OUT_OF_BAND, 1, None, None)]
        for slot in self.server_model(server).adapters:
            adapter = self.catalogue.adapters[slot.model]
            for i in range(adapter.ports):
                mac += 1
                name = f"{slot.name}-p{i}"
                ports.append(PhysicalPort(name, mac_text(mac), slot.plane, adapter.rate_gbps, slot.name, adapter))
        return ports

    def switch_port_mac(self, switch: Switch, port: str) -> str:
        """The management port has `mac_base`, the front panel counts up from it."""
        names = [self.switch_model(switch).management_port, *self.switch_model(switch).port_rates()]
        return mac_text(mac_number(switch.mac_base) + names.index(port))

    def port_names(self, device: str) -> set[str]:
        """Every port a cable can be plugged into; empty for an unknown device."""
        if server := self.server_by_name.get(device):
            return {port.name for port in self.server_ports(server)}
        if switch := self.switch_by_name.get(device):
            model = self.switch_model(switch)
            return {model.management_port, *model.port_rates()}
        if system := self.system_by_name.get(device):
            return {port.name for port in system.ports}
        return set()

    def moved_by(self, address_offset: int) -> "Site":
        """The same site at other addresses, so that two copies can run at once (tests); stays inside 127.64.0.0/10."""
        if not address_offset:
            return self

        def moved(address: IPv4Address) -> IPv4Address:
            return address + address_offset

        return Site.model_validate(
            self.model_copy(
                update={
                    "servers": tuple(
                        s.model_copy(update={"bmc": s.bmc.model_copy(update={"address": moved(s.bmc.address)})})
                        for s in self.servers
                    ),
                    "switches": tuple(s.model_copy(update={"address": moved(s.address)}) for s in self.switches),
                    "systems": tuple(s.model_copy(update={"address": moved(s.address)}) for s in self.systems),
                }
            ).model_dump()
        )

    @model_validator(mode="after")
    def _stands(self) -> "Site":
        problems = [*self._unknown_references(), *self._doubles(), *self._impossible_cables()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unknown_references(self) -> list[str]:
        racks = {rack.name: rack for rack in self.racks}
        problems: list[str] = []
        for server in self.servers:
            if server.model not in self.models and server.model not in self.catalogue.servers:
                problems.append(f"servers.{server.name}: unknown model {server.model}")
                continue
            if server.rack not in racks:
                problems.append(f"servers.{server.name}: unknown rack {server.rack}")
            elif not 1 <= server.unit <= racks[server.rack].units + 1 - self.server_model(server).height_u:
                problems.append(f"servers.{server.name}: unit {server.unit} is outside rack {server.rack}")
            if server.bmc.login not in self.logins:
                problems.append(f"servers.{server.name}: unknown login {server.bmc.login}")
        for switch in self.switches:
            if switch.model not in self.catalogue.switches:
                problems.append(f"switches.{switch.name}: unknown model {switch.model}")
            if switch.rack is not None and switch.rack not in racks:
                problems.append(f"switches.{switch.name}: unknown rack {switch.rack}")
            if switch.login not in self.logins:
                problems.append(f"switches.{switch.name}: unknown login {switch.login}")
        return problems

    def _doubles(self) -> list[str]:
        problems: list[str] = []
        names = [d.name for d in (*self.servers, *self.switches, *self.systems)]
        addresses = [s.bmc.address for s in self.servers]
        addresses += [s.address for s in self.switches] + [s.address for s in self.systems]
        serials = [d.serial for d in (*self.servers, *self.switches)]
        for what, values in (("name", names), ("address", addresses), ("serial", serials)):
            seen: set[object] = set()
            for value in values:
                if value in seen:
                    problems.append(f"the {what} {value} occurs twice")
                seen.add(value)
        problems += [f"address {a} is outside {LAB_NETWORK}" for a in addresses if a not in LAB_NETWORK]
        return problems

    def _impossible_cables(self) -> list[str]:
        known: dict[str, set[str]] = {}
        plugged: set[PortRef] = set()
        problems: list[str] = []
        for cable in self.cables:
            for end in (cable.a, cable.b):
                if end.device not in known:
                    try:
                        known[end.device] = self.port_names(end.device)
                    except KeyError:
                        continue  # an unknown model, reported already
                if end.port not in known[end.device]:
                    problems.append(f"cables: there is no port {end}")
                if end in plugged:
                    problems.append(f"cables: two cables in port {end}")
                plugged.add(end)
        return problems


def mac_number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)


def mac_text(number: int) -> str:
    """Upper case with colons, the way BMCs print them."""
    return ":".join(f"{number:012X}"[i : i + 2] for i in range(0, 12, 2))


def load(path: Path, *, address_offset: int = 0) -> Site:
    """Reads a site file. Raises `SiteFileInvalid` listing every problem with its path."""
    try:
        documents = read_documents(path.read_text(), source=str(path))
        return Site.model_validate(documents[0] if len(documents) == 1 else None).moved_by(address_offset)
    except OSError as error:
        raise SiteFileInvalid(f"Cannot read the site file {path}: {error.strerror}.") from error
    except DocumentUnreadable as error:
        raise SiteFileInvalid(error.message, do=error.do) from error
    except ValidationError as error:
        lines = [f"{'.'.join(str(p) for p in e['loc']) or 'site'}: {e['msg']}" for e in error.errors()]
        raise SiteFileInvalid(f"{path} describes no site that can stand:\n" + "\n".join(lines)) from error
