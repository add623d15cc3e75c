"""What onboarding makes of a rack: each server's facts, findings and where its lifecycle may go. Pure."""

from collections.abc import Iterable

from domain.access import Place
from domain.attestation import NOTHING_COVERED, Covered, not_covered
from domain.cabling import CableState, CableVerdict
from domain.comparison import Deviation, compare
from domain.finding import Severity, Sighting
from domain.hardware import ServerHardware
from domain.inventory import DeviceState, LifecycleMove
from domain.lifecycle import Lifecycle, may_follow
from domain.model import Model, Name
from domain.quarantine import by_another_hand
from domain.recording_facts import ServerFacts
from domain.server_class import Requirement, ServerClass
from domain.site import ServerDeclaration, SiteDeclaration


class Trouble(Model):
    """Why a server could not be read, in the words of the error that said so."""

    kind: str
    message: str
    do: str = ""


class ServerReading(Model):
    """What came of reading one server: hardware, or trouble."""

    name: Name
    address: str = ""
    hardware: ServerHardware | None = None
    trouble: Trouble | None = None


class ServerJudgement(Model):
    facts: ServerFacts
    deviations: tuple[Deviation, ...] = ()
    sightings: tuple[Sighting, ...] = ()

    @property
    def good(self) -> bool:
        return self.facts.lifecycle is not Lifecycle.QUARANTINED


STANDING = frozenset({Lifecycle.VERIFIED, Lifecycle.AVAILABLE, Lifecycle.QUARANTINED})
"""States in which onboarding may move a server; in any other an operation or a tenant has it."""


def judge(
    site: SiteDeclaration,
    server: ServerDeclaration,
    wanted: ServerClass,
    reading: ServerReading,
    cables: Iterable[CableVerdict],
    attested: Covered = NOTHING_COVERED,
) -> ServerJudgement:
    """Quarantines with every reason at once, so that one visit to the site mends all of them. `attested`: what the ledger
    holds of attestations; a drive that came after one is not covered by it."""
    object = f"site/{site.name}/server/{server.name}"
    place = Place(region=site.region.name, site=site.name, rack=server.rack, server=server.name)
    sightings: list[Sighting] = []
    reasons: list[str] = []

    def see(kind: str, message: str, do: str, *, stops: bool) -> None:
        severity = Severity.CRITICAL if stops else Severity.WARNING
        sightings.append(
            Sighting(
                object=object,
                kind=kind,
                severity=severity,
                message=message,
                do=do,
                place=place,
            )
        )
        if stops:
            reasons.append(message)

    deviations: tuple[Deviation, ...] = ()
    if reading.hardware is None:
        trouble = reading.trouble or Trouble(kind="not-read", message=f"{server.name} was not read.")
        see(trouble.kind, trouble.message, trouble.do, stops=True)
    else:
        if server.serial is not None and reading.hardware.serial != server.serial:
            see(
                "serial-mismatch",
                f"{server.name} has serial {reading.hardware.serial}, the declaration says {server.serial}.",
                "Check that the right machine is in this place, or correct the declaration.",
                stops=True,
            )
        deviations = compare(server.name, reading.hardware, wanted)
        for kind in dict.fromkeys(deviation.kind for deviation in deviations):
            same = [deviation for deviation in deviations if deviation.kind == kind]
            see(kind, " ".join(d.message for d in same), same[0].do, stops=any(d.required for d in same))
    for verdict in cables:
        unverified = verdict.state is CableState.UNVERIFIED
        if verdict.wrong or (unverified and wanted.unverified_cabling is Requirement.REQUIRED):
            reasons.append(verdict.message)
    uncovered = not_covered(server, reading.hardware, attested)
    if uncovered:
        see(
            "attestation-not-covering",
            f"{server.name} has drives that its attestation {server.factory_new.reference if server.factory_new else ''} "
            f"does not cover: {', '.join(uncovered)}.",
            "Attest it anew, with a new reference, if nobody could write to them before; else sanitise it.",
            stops=False,
        )
    lifecycle = Lifecycle.VERIFIED
    if reasons:
        lifecycle = Lifecycle.QUARANTINED
    elif server.factory_new is not None and not uncovered:
        lifecycle = Lifecycle.AVAILABLE
    facts = ServerFacts(
        name=server.name,
        lifecycle=lifecycle,
        reasons=tuple(reasons),
        uncovered=uncovered,
        address=reading.address,
        hardware=reading.hardware,
    )
    return ServerJudgement(facts=facts, deviations=deviations, sightings=tuple(sightings))


def cable_sightings(site: SiteDeclaration, verdicts: Iterable[CableVerdict], rack: str = "") -> tuple[Sighting, ...]:
    """One finding for each cable that is not as declared; a swapped pair is one fact, told at the first of the two.

    `rack`: whose servers' cables these are, so that looking at that rack again resolves them.
    """
    found: list[Sighting] = []
    told: set[str] = set()
    for verdict in verdicts:
        if verdict.state is CableState.VERIFIED or verdict.key in told:
            continue
        told.add(verdict.swapped_with)
        found.append(
            Sighting(
                object=f"site/{site.name}/cable/{verdict.key}",
                kind=f"cable-{verdict.state}",
                severity=Severity.CRITICAL if verdict.wrong else Severity.WARNING,
                message=verdict.message,
                do=verdict.do,
                place=Place(region=site.region.name, site=site.name, rack=rack),
                evidence={"method": verdict.method, "found": str(verdict.found) if verdict.found else None},
            )
        )
    return tuple(found)


def moves(
    site: str, operation: str, facts: Iterable[ServerFacts], states: Iterable[DeviceState]
) -> tuple[LifecycleMove, ...]:
    """How servers that NetBox already has must move, each singly. One that somebody holds, or that another hand quarantined,
    is left alone: its findings tell."""
    there = {state.name: state for state in states}
    found: list[LifecycleMove] = []
    for fact in facts:
        state = there.get(fact.name)
        if state is None or state.lifecycle is None or state.lifecycle not in STANDING or state.holder:
            continue
        if by_another_hand(state):
            continue
        # Nothing that was already handed over as available falls back to verified by looking at it again, unless there is
        # something in it now that its evidence is not about.
        keeps = state.lifecycle is Lifecycle.AVAILABLE and fact.lifecycle is Lifecycle.VERIFIED and not fact.uncovered
        same = state.lifecycle is fact.lifecycle and state.reasons == fact.reasons
        if keeps or same:
            continue
        steps = [fact.lifecycle]
        if not may_follow(state.lifecycle, fact.lifecycle):
            steps = [Lifecycle.VERIFIED, fact.lifecycle]
        before = state.lifecycle
        for to in steps:
            found.append(
                LifecycleMove(
                    site=site,
                    device=fact.name,
                    from_states=(before,),
                    to=to,
                    operation=operation,
                    expected_holder="",
                    reasons=fact.reasons if to is fact.lifecycle else (),
                    judged=True,
                )
            )
            before = to
    return tuple(found)


def left_in_quarantine(
    site: SiteDeclaration, facts: Iterable[ServerFacts], states: Iterable[DeviceState]
) -> tuple[Sighting, ...]:
    """Servers that another hand than onboarding's quarantined. Their hardware says nothing about that: a person must."""
    names = {fact.name for fact in facts}
    racks = {server.name: server.rack for server in site.servers}
    return tuple(
        Sighting(
            object=f"site/{site.name}/server/{state.name}",
            kind="quarantined-by-another",
            severity=Severity.CRITICAL,
            message=f"{state.name} was quarantined by {state.operation or 'somebody'} and not by onboarding: "
            f"{'; '.join(state.reasons) or 'no reason is given'}. It stays so, however its hardware looks.",
            do="Settle what the reason names; where a tenant's data may be on its drives, sanitise it and attest it with a new "
            "reference, or take factory_new out of its declaration. Then release it in NetBox, by the API: ew_lifecycle "
            "`verified`, ew_quarantine_reasons null; and apply the site again.",
            place=Place(region=site.region.name, site=site.name, rack=racks[state.name], server=state.name),
        )
        for state in states
        if state.name in names and by_another_hand(state)
    )
