"""What onboarding found out about a site and wants recorded: the input of `domain.recording`, beside the declaration."""

from domain.hardware import ServerHardware
from domain.lifecycle import Lifecycle
from domain.model import Json, MacAddress, Model, Name


class ServerFacts(Model):
    """One declared server that was found. One that was not found has no facts, and is not recorded."""

    name: Name
    lifecycle: Lifecycle
    """The state a new server is recorded in. An existing one keeps its own: that is moved by `set_lifecycle`."""
    reasons: tuple[str, ...] = ()
    """Why it is quarantined."""
    uncovered: tuple[str, ...] = ()
    """Serials of drives that its attestation does not cover: what it was handed over by does not hold for them."""
    address: str = ""
    """Where its BMC was found."""
    hardware: ServerHardware | None = None
    """None: the BMC would not let us read."""


class PortFacts(Model):
    name: str
    mac: MacAddress | None = None
    speed_gbps: float | None = None
    """What the port can do, not what its link does today."""


class DeviceFacts(Model):
    """What was read from a switch, or from another system that has a driver."""

    name: Name
    serial: str = ""
    firmware: dict[str, str] = {}
    ports: tuple[PortFacts, ...] = ()
    summary: dict[str, Json] = {}


class SiteFacts(Model):
    """What was seen of a site. A switch or system without facts is recorded as declared, not observed."""

    operation: str
    servers: tuple[ServerFacts, ...] = ()
    devices: tuple[DeviceFacts, ...] = ()
    verified_cables: frozenset[str] = frozenset()
    """Keys of the declared cables (`CableDeclaration.key`) that were seen to be as declared."""
    wrong_cables: frozenset[str] = frozenset()
    """Keys of those that were seen to be otherwise: recorded as planned, not as connected."""
