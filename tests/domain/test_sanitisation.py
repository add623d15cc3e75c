"""Which drives are erased and how, and what counts as proof that they are."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.agent_work import DriveSample, DriveSamples, SeenDrive, WipeMethod
from domain.bmc_work import ErasableDrive, EraseMethod
from domain.sanitisation import (
    DriveFault,
    DriveStep,
    ErasedDrive,
    ErasePolicy,
    ExpectedDrive,
    SanitisationPlan,
    judge_sanitisation,
    plan_sanitisation,
)

PURGE = ErasePolicy()
CLEAR = ErasePolicy(agent=(WipeMethod.DISCARD, WipeMethod.ZERO))
BOTH = (EraseMethod.BLOCK, EraseMethod.CRYPTOGRAPHIC)


def recorded(*serials: str) -> list[ExpectedDrive]:
    return [ExpectedDrive(slot=f"NVMe{n}", serial=serial) for n, serial in enumerate(serials)]


def in_bmc(*serials: str, methods: tuple[EraseMethod, ...] = BOTH) -> list[ErasableDrive]:
    return [ErasableDrive(slot=f"NVMe{n}", serial=serial, methods=methods) for n, serial in enumerate(serials)]


def in_agent(*serials: str) -> list[SeenDrive]:
    erases = (WipeMethod.DISCARD, WipeMethod.ZERO)
    return [
        SeenDrive(node=f"/dev/nvme{n}n1", serial=serial, size_bytes=10**12, erases=erases)
        for n, serial in enumerate(serials)
    ]


def faults(plan: SanitisationPlan) -> list[tuple[str, DriveFault]]:
    return [(found.serial, found.fault) for found in plan.faults]


def test_each_drive_is_erased_by_its_firmware_in_the_order_of_the_policy() -> None:
    plan = plan_sanitisation(recorded("A", "B"), in_bmc("A", "B"), in_agent("A", "B"), PURGE)
    assert plan.faults == ()
    assert [(s.serial, s.slot, s.by, s.firmware) for s in plan.steps] == [
        ("A", "NVMe0", "firmware", PURGE.firmware),
        ("B", "NVMe1", "firmware", PURGE.firmware),
    ]


def test_the_agent_erases_what_firmware_cannot_only_where_the_policy_allows() -> None:
    without = in_bmc("A", methods=())
    strict = plan_sanitisation(recorded("A"), without, in_agent("A"), PURGE)
    assert strict.steps == ()
    assert faults(strict) == [("A", DriveFault.NOT_ERASABLE)]
    lenient = plan_sanitisation(recorded("A"), without, in_agent("A"), CLEAR)
    assert lenient.faults == ()
    assert lenient.steps == (DriveStep(slot="NVMe0", serial="A", by="agent", agent=CLEAR.agent),)


@pytest.mark.parametrize(
    ("bmc", "agent", "expected"),
    [
        ([], [], [("A", DriveFault.MISSING)]),
        (in_bmc("A"), [], [("A", DriveFault.UNSEEN_BY_AGENT)]),
        ([], in_agent("A"), [("A", DriveFault.UNSEEN_BY_BMC)]),
        (in_bmc("B"), in_agent("B"), [("B", DriveFault.UNKNOWN), ("A", DriveFault.MISSING)]),
        (in_bmc("A", "B"), in_agent("A", "B"), [("B", DriveFault.UNKNOWN)]),
        (in_bmc("A", "A"), in_agent("A"), [("A", DriveFault.AMBIGUOUS)]),
        (in_bmc("A"), in_agent("A", ""), [("", DriveFault.AMBIGUOUS)]),
        ([ErasableDrive(slot="NVMe7", serial="A", methods=BOTH)], in_agent("A"), [("A", DriveFault.MOVED)]),
    ],
)
def test_a_drive_that_is_not_where_and_what_it_was_is_named(
    bmc: list[ErasableDrive], agent: list[SeenDrive], expected: list[tuple[str, DriveFault]]
) -> None:
    assert faults(plan_sanitisation(recorded("A"), bmc, agent, CLEAR)) == expected


def test_an_unknown_and_an_ambiguous_drive_are_left_alone() -> None:
    plan = plan_sanitisation(recorded("A"), in_bmc("A", "B", "C", "C"), in_agent("A", "B", "C"), CLEAR)
    assert [step.serial for step in plan.steps] == ["A"]


@given(
    st.sets(st.sampled_from("ABCDE")),
    st.lists(st.sampled_from("ABCDE"), max_size=6),
    st.lists(st.sampled_from("ABCDE"), max_size=6),
)
def test_every_recorded_drive_is_either_erased_or_named_and_no_other_is_erased(
    known: set[str], bmc: list[str], agent: list[str]
) -> None:
    plan = plan_sanitisation(recorded(*sorted(known)), in_bmc(*bmc), in_agent(*agent), CLEAR)
    steps, named = {step.serial for step in plan.steps}, {fault.serial for fault in plan.faults}
    assert steps <= known
    assert known <= steps | named
    assert (set(bmc) | set(agent)) - known <= named


# -- proof -----------------------------------------------------------------------------------------------------

PLAN = plan_sanitisation(recorded("A"), in_bmc("A"), in_agent("A"), PURGE)


def read(*contents: bytes, places: int = 3) -> DriveSamples:
    """Samples with these contents, the last one repeated."""
    found = [contents[min(n, len(contents) - 1)] for n in range(places)]
    return DriveSamples(
        serial="A",
        samples=tuple(
            DriveSample(offset=n * 4096, zero=not content.strip(b"\0"), sha256=hashlib.sha256(content).hexdigest())
            for n, content in enumerate(found)
        ),
    )


MARKS, EMPTY, NOISE = read(b"a", b"b", b"c"), read(b"\0"), read(b"x", b"y", b"z")


def erased(method: EraseMethod = EraseMethod.BLOCK, **more: DriveSamples | None) -> ErasedDrive:
    known: dict[str, DriveSamples | None] = {"marks": MARKS, "after": EMPTY, **more}
    return ErasedDrive(serial="A", by="firmware", method=method, seed=7, log=("done",), **known)  # pyright: ignore


def judged(*done: ErasedDrive) -> list[DriveFault]:
    found = judge_sanitisation("oslo-1", "CHASSIS-1", "op-1", PLAN, done)
    assert found.complete == (found.faults == ()) == (len(found.evidence) == 1)
    return [fault.fault for fault in found.faults]


def test_a_drive_whose_marks_are_gone_is_clean_and_the_evidence_says_how() -> None:
    assert judged(erased()) == []
    (entry,) = judge_sanitisation("oslo-1", "CHASSIS-1", "op-1", PLAN, [erased()]).evidence
    assert entry.subjects == ("CHASSIS-1", "A")
    assert entry.body == {
        "slot": "NVMe0",
        "by": "firmware",
        "method": "BlockErase",
        "marks": 3,
        "samples": 3,
        "not_zero": 0,
        "seed": 7,
        "log": ["done"],
    }


def test_without_its_key_a_drive_may_show_noise_but_not_what_was_there() -> None:
    assert judged(erased(EraseMethod.CRYPTOGRAPHIC, after=NOISE)) == []
    assert judged(erased(EraseMethod.BLOCK, after=NOISE)) == [DriveFault.STILL_THERE]


@pytest.mark.parametrize("method", PURGE.firmware)
def test_a_drive_that_lies_is_found_out_by_a_single_mark(method: EraseMethod) -> None:
    assert judged(erased(method, after=MARKS)) == [DriveFault.STILL_THERE]
    assert judged(erased(method, after=read(b"\0", b"\0", b"c"))) == [DriveFault.STILL_THERE]


def test_what_was_not_planned_not_marked_or_not_read_proves_nothing() -> None:
    assert judged() == [DriveFault.NOT_ERASED]
    assert judged(erased(EraseMethod.OVERWRITE)) == [DriveFault.NOT_ERASED]
    assert judged(erased().model_copy(update={"by": "agent"})) == [DriveFault.NOT_ERASED]
    assert judged(erased(marks=None)) == [DriveFault.NOT_MARKED]
    assert judged(erased(marks=read(b"a", b"b", b"\0"))) == [DriveFault.NOT_MARKED]
    assert judged(erased(after=None)) == [DriveFault.NOT_READ]
    assert judged(erased(after=read(b"\0", places=2))) == [DriveFault.NOT_READ]


def test_a_fault_of_the_plan_keeps_the_server_unclean_although_every_step_is_proved() -> None:
    plan = plan_sanitisation(recorded("A", "B"), in_bmc("A"), in_agent("A"), PURGE)
    found = judge_sanitisation("oslo-1", "CHASSIS-1", "op-1", plan, [erased()])
    assert not found.complete
    assert [fault.fault for fault in found.faults] == [DriveFault.MISSING]
    assert len(found.evidence) == 1
