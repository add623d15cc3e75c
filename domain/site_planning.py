"""What onboarding a site would change, from what can be seen of it without changing anything. Pure.

Behind a factory password nothing can be read: such a server's parts are a deferred stage, bounded by what its class says.
"""

from collections.abc import Iterable, Mapping

from domain import canonical
from domain.cabling import CableVerdict
from domain.discovery import Discovery
from domain.finding import Sighting
from domain.inventory import DeviceState, LifecycleMove
from domain.judgement import moves
from domain.lifecycle import Lifecycle
from domain.onboarding import SiteBundle, SwitchReadings
from domain.plan import Action, Change, Deferred, Flag, Plan, System
from domain.reconcile import reconcile
from domain.recording import cable_link, records
from domain.recording_facts import DeviceFacts, ServerFacts, SiteFacts
from domain.records import Endpoint, ObservedRecord, Record
from domain.server_class import ServerClass
from domain.system_judgement import in_words

KIND = "site-onboarding"

PER_SERVER = 40
"""What a server may bring besides the parts that its class counts: bays of its type, module types and their makers, its BMC's address."""


def wanted_records(
    bundle: SiteBundle,
    switches: SwitchReadings,
    servers: Iterable[ServerFacts],
    cables: Iterable[CableVerdict] = (),
    systems: Iterable[DeviceFacts] = (),
    operation: str = "",
) -> tuple[Record, ...]:
    """Everything NetBox should hold about a site, from what is known of it now."""
    verdicts = tuple(cables)
    facts = SiteFacts(
        operation=operation,
        servers=tuple(servers),
        devices=(*switches.facts, *systems),
        verified_cables=frozenset(verdict.key for verdict in verdicts if verdict.state == "verified"),
        wrong_cables=frozenset(verdict.key for verdict in verdicts if verdict.wrong),
    )
    return records(bundle.site, bundle.classes, facts)


def declared_records(bundle: SiteBundle, wanted: Iterable[Record]) -> tuple[Record, ...]:
    """What is wanted, and what is declared but was not seen this time: not seeing a server does not undeclare it."""
    site = bundle.site
    unseen = [Record(endpoint=Endpoint.DEVICE, key=f"{site.name}/{server.name}", fields={}) for server in site.servers]
    cables = [Record(endpoint=Endpoint.CABLE, key=cable_link(site.name, cable).key, fields={}) for cable in site.cables]
    return (*wanted, *unseen, *cables)


def plan_site(
    bundle: SiteBundle,
    digest: str,
    discovery: Discovery,
    wanted: Iterable[Record],
    observed: Iterable[ObservedRecord],
    readable: Mapping[str, ServerFacts],
    states: Iterable[DeviceState],
    sightings: Iterable[Sighting],
    switches: SwitchReadings,
) -> Plan:
    """The changes to NetBox, BMCs and switches that can be known now, the stages that cannot, and what will be flagged."""
    planned = reconcile(wanted, observed)
    changes = [*planned.changes, *map(_as_change, moves(bundle.site.name, "", readable.values(), states))]
    deferred: list[Deferred] = []
    for server in bundle.site.servers:
        if discovery.server(server.name) is None or server.name in readable:
            continue
        changes.append(_account(System.BMC, f"bmc/{server.name}", "the factory password"))
        deferred.append(
            Deferred(
                stage="record the server",
                object=f"{bundle.site.name}/{server.name}",
                needs="its hardware, which its BMC shows only to a credential of ours",
                may=tuple(f"create {endpoint}" for endpoint in _OF_SERVERS),
                at_most=parts_of(bundle.classes[server.server_class]) + PER_SERVER,
            )
        )
    changes += [_account(System.SWITCH, f"switch/{name}", "the installer's password") for name in switches.not_ours]
    flags = (*planned.flags, *(Flag(object=s.object, kind=s.kind, message=s.message) for s in sightings))
    return Plan(
        kind=KIND,
        target=bundle.site.name,
        declaration_digest=digest,
        changes=tuple(changes),
        deferred=tuple(deferred),
        classes={name: canonical.digest(wanted) for name, wanted in sorted(bundle.classes.items())},
        flags=flags,
        notes=tuple(in_words(system) for system in bundle.site.systems),
    )


def _account(system: System, device: str, before: str) -> Change:
    return Change(
        system=system,
        object=f"{device}/account",
        action=Action.UPDATE,
        before=before,
        after="a generated password of ours",
        why="a device is only trusted with a credential that nobody else knows",
    )


def _as_change(move: LifecycleMove) -> Change:
    return Change(
        system=System.NETBOX,
        object=f"{Endpoint.DEVICE}/{move.site}/{move.device}/lifecycle/{move.to}",
        action=Action.UPDATE,
        before=str(move.from_states[0]),
        after=str(move.to),
        why="; ".join(move.reasons) or _why(move),
    )


def _why(move: LifecycleMove) -> str:
    if move.from_states[0] is Lifecycle.AVAILABLE:
        return "its attestation does not cover all drives that are in it now"
    return "what was wrong with it is mended"


_OF_SERVERS = (
    Endpoint.MANUFACTURER,
    Endpoint.MODULE_BAY_TEMPLATE,
    Endpoint.DEVICE,
    Endpoint.MODULE_BAY,
    Endpoint.MODULE_TYPE,
    Endpoint.MODULE,
    Endpoint.INTERFACE,
    Endpoint.IP_ADDRESS,
    Endpoint.CABLE,
)


def parts_of(server_class: ServerClass) -> int:
    """How many parts with an identity of their own a server of this class has, at most: each is a bay and a module."""
    adapters = sum(len(need.slots) for need in server_class.adapters)
    drives = sum(need.count for need in server_class.drives)
    parts = server_class.gpus.count + adapters + drives + server_class.processors.count
    return 2 * parts + len(server_class.ports()) + 1
