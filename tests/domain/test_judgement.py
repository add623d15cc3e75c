"""Where onboarding may move a server, and where it leaves it to a person."""

import pytest

from domain.attestation import attestations
from domain.evidence import EvidenceEntry
from domain.finding import Severity
from domain.hardware import Drive, ServerHardware
from domain.inventory import DeviceState
from domain.judgement import ServerJudgement, ServerReading, judge, left_in_quarantine, moves
from domain.lifecycle import Lifecycle, may_follow
from domain.quarantine import as_kept, as_read
from domain.recording_facts import ServerFacts
from tests.domain.recording_samples import declaration, hardware, server_class

SITE = declaration(servers=1)
(SERVER,) = SITE.servers
CLASS = server_class()
ERASE_FAILED = "sanitisation failed: tenant data may be on it"


def state(lifecycle: Lifecycle, reasons: tuple[str, ...] = (), judged: tuple[str, ...] = ()) -> DeviceState:
    return DeviceState(
        id=5, site=SITE.name, name=SERVER.name, role="gpu-server", lifecycle=lifecycle, operation="op-before",
        reasons=reasons, reasons_judged=judged,
    )  # fmt: skip


def facts(lifecycle: Lifecycle, *reasons: str) -> ServerFacts:
    return ServerFacts(name=SERVER.name, lifecycle=lifecycle, reasons=reasons)


def way(found: ServerFacts, was: DeviceState) -> list[Lifecycle]:
    steps = moves(SITE.name, "op-now", [found], [was])
    for step in steps:
        assert may_follow(step.from_states[0], step.to)
    return [step.to for step in steps]


# Quarantine.


def test_what_onboarding_judged_it_lifts_when_it_judges_otherwise() -> None:
    was = state(Lifecycle.QUARANTINED, ("a GPU is missing",), ("a GPU is missing",))
    assert way(facts(Lifecycle.AVAILABLE), was) == [Lifecycle.VERIFIED, Lifecycle.AVAILABLE]
    assert left_in_quarantine(SITE, [facts(Lifecycle.AVAILABLE)], [was]) == ()


@pytest.mark.parametrize(
    ("reasons", "judged"),
    [((ERASE_FAILED,), ()), (("a GPU is missing", ERASE_FAILED), ("a GPU is missing",)), ((), ())],
)
@pytest.mark.parametrize("found", [facts(Lifecycle.AVAILABLE), facts(Lifecycle.QUARANTINED, "a GPU is missing")])
def test_what_another_hand_quarantined_stays_and_is_a_finding_that_says_how_a_person_releases_it(
    reasons: tuple[str, ...], judged: tuple[str, ...], found: ServerFacts
) -> None:
    was = state(Lifecycle.QUARANTINED, reasons, judged)
    assert way(found, was) == []
    (told,) = left_in_quarantine(SITE, [found], [was])
    assert (told.object, told.kind, told.severity) == (
        "site/oslo-1/server/r1-s01", "quarantined-by-another", Severity.CRITICAL,
    )  # fmt: skip
    assert "op-before" in told.message
    assert all(reason in told.message for reason in reasons)
    assert "ew_lifecycle" in told.do


def test_reasons_are_kept_with_whose_they_are() -> None:
    both = [*(as_kept(["ours"], judged=True) or []), *(as_kept(["theirs"], judged=False) or [])]  # type: ignore[misc]
    assert (as_read(both).all, as_read(both).judged) == (("ours", "theirs"), ("ours",))
    assert as_kept([], judged=True) is None
    assert as_read(None).all == ()
    assert as_read("by hand, no list").all == ("by hand, no list",)


def test_a_move_of_onboarding_marks_its_reasons() -> None:
    (move,) = moves(SITE.name, "op-now", [facts(Lifecycle.QUARANTINED, "cold")], [state(Lifecycle.AVAILABLE)])
    assert (move.reasons, move.judged) == (("cold",), True)


# Attestation.


def look(machine: ServerHardware, kept: dict[str, frozenset[str]]) -> ServerJudgement:
    return judge(SITE, SERVER, CLASS, ServerReading(name=SERVER.name, hardware=machine), (), kept)


def ledger_after(machine: ServerHardware) -> dict[str, frozenset[str]]:
    """What the ledger holds once the server was handed over as it is."""
    drafts = attestations(SITE, [look(machine, {}).facts], "op-1")
    return {draft.key: frozenset(draft.subjects[1:]) for draft in drafts}


def test_an_attestation_covers_the_drives_that_were_there_when_it_was_used_and_no_others() -> None:
    machine = hardware(SITE.name, 1, 0)
    kept = ledger_after(machine)
    assert look(machine, kept).facts.lifecycle is Lifecycle.AVAILABLE
    new = Drive(slot="NVMe1", model="PM9D3a", serial="D-used-elsewhere", manufacturer="Samsung", capacity_gb=1920)
    swapped = machine.model_copy(update={"drives": (machine.drives[0], new)})
    found = look(swapped, kept)
    assert found.facts.lifecycle is Lifecycle.VERIFIED
    assert found.facts.uncovered == ("D-used-elsewhere",)
    (told,) = [sighting for sighting in found.sightings if sighting.kind == "attestation-not-covering"]
    assert told.severity is Severity.WARNING
    assert "D-used-elsewhere" in told.message
    assert "po-1" in told.message
    # Neither handed over when it comes out of quarantine, nor left handed over.
    mended = state(Lifecycle.QUARANTINED, ("cold",), ("cold",))
    assert way(found.facts, mended) == [Lifecycle.VERIFIED]
    assert way(found.facts, state(Lifecycle.VERIFIED)) == []
    assert way(found.facts, state(Lifecycle.AVAILABLE)) == [Lifecycle.VERIFIED]
    assert attestations(SITE, [found.facts], "op-2") == ()


def test_a_new_reference_attests_the_new_drives_and_a_drive_less_needs_none() -> None:
    machine = hardware(SITE.name, 1, 0)
    kept = ledger_after(machine)
    fewer = machine.model_copy(update={"drives": machine.drives[:1]})
    assert look(fewer, kept).facts.uncovered == ()
    assert SERVER.factory_new is not None
    anew = SERVER.model_copy(update={"factory_new": SERVER.factory_new.model_copy(update={"reference": "po-2"})})
    swapped = machine.model_copy(update={"drives": (machine.drives[0].model_copy(update={"serial": "NEW"}),)})
    reading = ServerReading(name=SERVER.name, hardware=swapped)
    assert judge(SITE, anew, CLASS, reading, (), kept).facts.uncovered == ()
    assert judge(SITE, SERVER, CLASS, reading, (), kept).facts.uncovered == ("NEW",)


def test_without_an_attestation_nothing_falls_back_by_being_looked_at_again() -> None:
    assert way(facts(Lifecycle.VERIFIED), state(Lifecycle.AVAILABLE)) == []


def test_the_entry_in_the_ledger_reads_back_as_the_drives() -> None:
    machine = hardware(SITE.name, 1, 0)
    (draft,) = attestations(SITE, [look(machine, {}).facts], "op-1")
    entry = EvidenceEntry.of({**draft.model_dump(mode="json"), "id": "ev-1", "at": "2026-11-01T00:00:00Z"})
    assert set(entry.subjects[1:]) == {drive.serial for drive in machine.drives}
