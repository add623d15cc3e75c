"""The inventory as the product sees it: what it can be asked and told. NetBox is behind it; nobody else knows that."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from pydantic import Field

from domain.artifact import ArtifactRef
from domain.errors import Conflict, Rejected, Transient
from domain.lifecycle import Lifecycle
from domain.model import Json, Model, Name
from domain.netbox_schema import SchemaState
from domain.plan import Change
from domain.records import Endpoint, ObservedRecord, Record, links_of


class InventoryUnreachable(Transient):
    """NetBox did not answer, or answered that it is in trouble."""

    kind = "inventory-unreachable"


class InventoryRefused(Rejected):
    """NetBox refused; the message has its words for each field."""

    kind = "inventory-refused"


class InventoryConflict(Conflict):
    """An object in NetBox is not as we left it, in a field we decided on."""

    kind = "inventory-conflict"


class DeviceUnknown(Rejected):
    """NetBox has no device of this name at this site."""

    kind = "device-unknown"


class AmbiguousName(Conflict):
    """A name or key fits several objects in NetBox; none of them is touched."""

    kind = "ambiguous-name"


class PoolEmpty(Conflict):
    """A prefix, range or group has nothing left to give."""

    kind = "pool-empty"


class Scope(Model):
    """What is read together: one list per endpoint, filtered by site and by what is wanted, never one object at a time."""

    site: Name
    whole: bool = False
    """Everything of ours at the site, also what nobody wants: for plans of a site and audits."""
    devices: tuple[str, ...] = ()
    """Names of devices to read with all their parts; meaningless if `whole`."""
    serials: tuple[str, ...] = ()
    """Serials to look for at any site: a machine may be known under another name."""
    titles: tuple[str, ...] = ()
    """Names under which NetBox may know the site, beside its slug."""
    keys: tuple[str, ...] = ()
    """Objects by endpoint and key, for what has no site: catalogue, pools, addresses."""

    @staticmethod
    def of(site: str, records: Iterable[Record], *, whole: bool = False) -> "Scope":
        """All that must be read to compare these records: their own objects, and those they point at."""
        devices: dict[str, None] = {}
        serials: dict[str, None] = {}
        titles: dict[str, None] = {}
        keys: dict[str, None] = {}
        for record in records:
            if record.endpoint is Endpoint.DEVICE:
                serial = record.fields.get("serial")
                serials.update({serial: None} if isinstance(serial, str) and serial else {})
            if record.endpoint is Endpoint.SITE:
                titles[str(record.fields.get("name", ""))] = None
            links = [record.link, *(link for field in record.fields.values() for link in links_of(field))]
            for link in links:
                if link.endpoint in _BY_DEVICE:
                    devices[link.key.split("/")[1]] = None
                elif link.endpoint is not Endpoint.CABLE:
                    keys[link.object] = None
        return Scope(
            site=site,
            whole=whole,
            devices=tuple(devices),
            serials=tuple(serials),
            titles=tuple(titles),
            keys=tuple(keys),
        )

    def wanted(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The keys to read at one endpoint."""
        return tuple(key.partition("/")[2] for key in self.keys if key.startswith(f"{endpoint}/"))


_BY_DEVICE = frozenset({Endpoint.DEVICE, Endpoint.INTERFACE, Endpoint.MODULE_BAY, Endpoint.MODULE})


class Refusal(Model):
    """One object that NetBox would not have, or that waits for one of those."""

    object: str
    why: str
    conflict: bool = False
    """The object is not as the plan saw it, so a new plan is needed rather than a correction."""


class Applied(Model):
    """What an apply did. One refused object never stops the others."""

    done: tuple[str, ...] = ()
    """The objects that were changed, by their names in the plan."""
    already: int = 0
    """Changes that were found made."""
    refused: tuple[Refusal, ...] = ()


class DeviceState(Model):
    """A server, switch or other system as the inventory knows it."""

    id: int
    site: str
    name: str
    role: str
    serial: str = ""
    rack: str = ""
    unit: float | None = None
    status: str = ""
    lifecycle: Lifecycle | None = None
    holder: str = ""
    operation: str = ""
    reasons: tuple[str, ...] = ()
    reasons_judged: tuple[str, ...] = ()
    """Those of them that onboarding judged itself, and may lift when it judges otherwise."""
    server_class: str = ""
    observed: str = ""
    owner: str = ""
    driver: str = ""
    plane: str = ""
    address: str = ""
    adopted: bool = False
    hardware: dict[str, Json] = {}
    firmware: dict[str, Json] = {}
    attestation: dict[str, Json] = {}
    url: str = ""
    """Its page, for people."""
    since: datetime | None = None
    """When it came into its state. Whatever else is written to it does not count."""
    changed_at: datetime | None = None
    etag: str = ""


class DeviceQuery(Model):
    """Which devices to list; empty means any. Reading all of a fleet is one list too."""

    site: str | None = None
    region: str | None = None
    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    lifecycles: tuple[Lifecycle, ...] = ()
    unchanged_since: datetime | None = None
    """Only devices whose state has not changed since then: what sits in a state for too long."""


class LifecycleMove(Model):
    """Moves one server's state and holder, if it is in one of the states the mover saw."""

    site: Name
    device: Name
    from_states: tuple[Lifecycle, ...] = Field(min_length=1)
    to: Lifecycle
    operation: str
    holder: str | None = None
    """None leaves the holder as it is; empty means nobody holds it."""
    expected_holder: str | None = None
    """If given, the move is a conflict unless this holder has it (empty: nobody)."""
    reasons: tuple[str, ...] = ()
    """Why it is quarantined; empty clears the reasons."""
    judged: bool = False
    """The reasons are onboarding's own judgement of the hardware."""


class Moved(Model):
    """The server after the move, and whether this call moved it."""

    device: DeviceState
    changed: bool


class Note(Model):
    """A journal entry at a device or site. Written once per key, however often it is tried."""

    endpoint: Endpoint
    object_key: str
    """The record's key: `oslo-1/r1-s01`, `oslo-1`."""
    key: str
    """Names the entry: operation and step."""
    text: str
    kind: str = "info"
    """info, success, warning or danger."""


class ForeignChange(Model):
    """Somebody else wrote one of our fields."""

    object_type: str
    object_id: int
    object: str
    field: str
    before: Json = None
    after: Json = None
    by: str
    at: datetime


type Progress = Callable[[int, int], None]
"""Told how many of how many changes were tried, from the thread that called: for heartbeats."""


class Look(Protocol):
    """What was there at one moment, and the means to change it from there without reading it all again.

    What somebody else does in between is refused by the inventory itself: names and keys are unique there, and the state of a
    server is written only if it is as it was seen.
    """

    @property
    def records(self) -> tuple[ObservedRecord, ...]: ...

    def apply(self, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None) -> Applied:
        """As `Inventory.apply`, once."""
        ...


class Inventory(Protocol):
    def look(self, scope: Scope) -> Look: ...

    def observe(self, scope: Scope) -> tuple[ObservedRecord, ...]:
        """What is there of the scope, with our fields. Raises `InventoryUnreachable`."""
        ...

    def apply(
        self, scope: Scope, changes: tuple[Change, ...], label: str = "", progress: Progress | None = None
    ) -> Applied:
        """Makes exactly these changes of a plan, re-reading first: what is made already is left alone, what is neither as
        before nor as after is refused as a conflict. `label` goes into NetBox's change log."""
        ...

    def devices(self, query: DeviceQuery) -> tuple[DeviceState, ...]:
        """Devices of ours, in one list."""
        ...

    def set_lifecycle(self, move: LifecycleMove) -> Moved:
        """Compare and swap. Moved already: changes nothing. Raises `InventoryConflict` if the state, holder or operation
        is another's by now, `DeviceUnknown`, `AmbiguousName`, `domain.lifecycle.MoveNotAllowed`."""
        ...

    def write_note(self, note: Note) -> bool:
        """False if the entry was there."""
        ...

    def foreign_changes(self, site: str, since: datetime) -> tuple[ForeignChange, ...]:
        """Who else wrote our fields on the site's devices since then, by NetBox's change log."""
        ...

    def bootstrap(self) -> SchemaState:
        """Ensures custom fields, choice sets, tags and roles. Raises `InventoryRefused` where a customer's field of our
        name has another type."""
        ...

    def check_bootstrap(self) -> SchemaState:
        """What `bootstrap` would change; changes nothing."""
        ...


class PoolSource(Model):
    """Where a value comes from: a prefix, IP range, ASN range or VLAN group, by its NetBox id or its record's key."""

    kind: str
    """`address` or `prefix` (from a prefix), `range-address`, `asn`, `vlan`."""
    parent_id: int


class Allocation(Model):
    """A request for one free value."""

    source: PoolSource
    claim: str = Field(min_length=1, max_length=200)
    """The claim's key: written with the value in one call, and looked for first, so that a retry finds what it took."""
    prefix_length: int | None = None
    name: str = ""
    description: str = ""


class Allocated(Model):
    claim: str
    id: int
    value: str
    taken_now: bool
    """False: an earlier try had taken it."""


class AddressPools(Protocol):
    """NetBox's race-free pools: addresses, prefixes, ASNs, VLANs."""

    def allocate(self, request: Allocation) -> Allocated:
        """Raises `PoolEmpty`, or `AmbiguousName` if the claim holds several values (a finding for the balance check)."""
        ...

    def release(self, kind: str, claim: str) -> int:
        """Gives back what the claim holds; returns how many values that were."""
        ...

    def held(self, kind: str, prefix: str = "") -> tuple[Allocated, ...]:
        """All values held by claims whose key starts so: what the balance check compares."""
        ...


# What activities take and give, beside the models above and those of `domain.onboarding`. What is larger than 32 KiB travels
# as an artifact of the same model.


class DeviceList(Model):
    devices: tuple[DeviceState, ...] = ()
    ref: ArtifactRef | None = None
    """A `DeviceList` with all of them, where they are too many to travel."""
    count: int = 0


class Noted(Model):
    written: bool
    """False: the entry was there already."""
