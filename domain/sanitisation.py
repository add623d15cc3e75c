"""Erasing a server's drives so that it can be shown: which drives, how each, and whether what was found afterwards is proof. Pure.

A drive's word that it erased itself is no proof: drives lie, and are taken out and put back. So each drive is marked with noise before,
erased by its own firmware where it can, and read again from the raw device in the same places. What is not shown is not done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal

from domain.agent_work import DriveSamples, SeenDrive, WipeMethod
from domain.bmc_work import ErasableDrive, EraseMethod
from domain.evidence import EvidenceDraft
from domain.model import Json, Model, Name, SerialNumber

EVIDENCE_KIND = "drive-sanitised"


class ErasePolicy(Model):
    """Which methods are good enough, the best first. What the drive's firmware does comes before what the agent does.

    The default is what NIST SP 800-88 calls purge for flash drives; overwriting and discarding only clear.
    """

    firmware: tuple[EraseMethod, ...] = (EraseMethod.CRYPTOGRAPHIC, EraseMethod.BLOCK)
    agent: tuple[WipeMethod, ...] = ()


class ExpectedDrive(Model):
    """A drive that the server had when it was recorded."""

    slot: str
    serial: SerialNumber


class DriveFault(StrEnum):
    """Why a drive is not, or not provably, erased."""

    MISSING = "missing"
    """It was recorded, and neither the BMC nor the agent sees it."""
    UNKNOWN = "unknown"
    """It was never recorded: nothing is done to it, since nobody knows whose it is."""
    MOVED = "moved"
    """It stands in another bay than it did."""
    AMBIGUOUS = "ambiguous"
    """Two drives give the same serial number, or one gives none."""
    UNSEEN_BY_BMC = "unseen-by-bmc"
    UNSEEN_BY_AGENT = "unseen-by-agent"
    NOT_ERASABLE = "not-erasable"
    """It offers nothing that the policy allows."""
    NOT_ERASED = "not-erased"
    """Nobody has erased it yet, it ended badly, or it was erased in another way than planned."""
    NOT_MARKED = "not-marked"
    NOT_READ = "not-read"
    STILL_THERE = "still-there"
    """It was reported as erased, and what was on it is still there."""


class FaultyDrive(Model):
    """`message` for a night operator: which drive, what was found."""

    serial: str
    fault: DriveFault
    message: str


class DriveStep(Model):
    """One drive that is to be erased, by one of these methods; the first that it takes is used."""

    slot: str
    serial: SerialNumber
    by: Literal["firmware", "agent"]
    firmware: tuple[EraseMethod, ...] = ()
    agent: tuple[WipeMethod, ...] = ()


class SanitisationPlan(Model):
    """`steps` may be carried out whatever `faults` there are; with faults the server cannot become available."""

    steps: tuple[DriveStep, ...] = ()
    faults: tuple[FaultyDrive, ...] = ()


class ErasedDrive(Model):
    """What was done to one drive, and what was read: `marks` before, `after` in the same places. `method` is its own word for it."""

    serial: SerialNumber
    by: Literal["firmware", "agent"]
    method: str
    marks: DriveSamples | None = None
    after: DriveSamples | None = None
    seed: int = 0
    log: tuple[str, ...] = ()


class Sanitised(Model):
    """`complete` only if every drive that the server had is shown to be erased. `evidence` is of those that are, whatever the others."""

    complete: bool
    faults: tuple[FaultyDrive, ...] = ()
    evidence: tuple[EvidenceDraft, ...] = ()


def plan_sanitisation(
    recorded: Iterable[ExpectedDrive],
    by_bmc: Iterable[ErasableDrive],
    by_agent: Iterable[SeenDrive],
    policy: ErasePolicy,
) -> SanitisationPlan:
    """What to do to each recorded drive, and what stands against calling the server clean."""
    expected = {drive.serial: drive for drive in recorded}
    offered, seen = list(by_bmc), list(by_agent)
    doubtful = _ambiguous([d.serial for d in offered]) | _ambiguous([d.serial for d in seen])
    in_bmc = {drive.serial: drive for drive in offered if drive.serial}
    in_agent = {drive.serial: drive for drive in seen if drive.serial}
    steps: list[DriveStep] = []
    faults = [
        _fault(serial, DriveFault.AMBIGUOUS, "it cannot be told which drive it is") for serial in sorted(doubtful)
    ]
    for serial in sorted((in_bmc.keys() | in_agent.keys()) - expected.keys() - doubtful):
        where = in_bmc[serial].slot if serial in in_bmc else in_agent[serial].node
        faults.append(
            _fault(serial, DriveFault.UNKNOWN, f"in {where}: it was never recorded, and nothing is done to it")
        )
    for serial, drive in expected.items():
        if serial in doubtful:
            continue
        found, looked = in_bmc.get(serial), in_agent.get(serial)
        if found is None and looked is None:
            faults.append(_fault(serial, DriveFault.MISSING, f"it should be in {drive.slot}, and nobody sees it"))
            continue
        if found is None:
            faults.append(_fault(serial, DriveFault.UNSEEN_BY_BMC, f"the agent sees it at {looked and looked.node}"))
        elif found.slot != drive.slot:
            faults.append(_fault(serial, DriveFault.MOVED, f"it is in {found.slot}, and was in {drive.slot}"))
        if looked is None:
            faults.append(_fault(serial, DriveFault.UNSEEN_BY_AGENT, "so nobody can read whether it is erased"))
        step = _step(drive, found, looked, policy)
        if step is None:
            faults.append(_fault(serial, DriveFault.NOT_ERASABLE, f"it offers {_offers(found, looked)}"))
        else:
            steps.append(step)
    return SanitisationPlan(steps=tuple(steps), faults=tuple(faults))


def judge_sanitisation(
    site: Name, chassis: SerialNumber, operation: str, plan: SanitisationPlan, done: Iterable[ErasedDrive]
) -> Sanitised:
    """Whether the server is clean, by what was read and not by what was said."""
    by_serial = {drive.serial: drive for drive in done}
    faults, evidence = list(plan.faults), list[EvidenceDraft]()
    for step in plan.steps:
        erased = by_serial.get(step.serial)
        if erased is None:
            faults.append(_fault(step.serial, DriveFault.NOT_ERASED, f"in {step.slot}"))
        elif fault := _otherwise(step, erased) or _unproved(erased):
            faults.append(fault)
        else:
            evidence.append(_evidence(site, chassis, operation, step, erased))
    # Nothing to erase is clean only if nothing was ever there; that is for whoever has the server's record.
    return Sanitised(complete=not faults, faults=tuple(faults), evidence=tuple(evidence))


def _step(
    drive: ExpectedDrive, found: ErasableDrive | None, looked: SeenDrive | None, policy: ErasePolicy
) -> DriveStep | None:
    firmware = tuple(m for m in policy.firmware if found is not None and m in found.methods)
    agent = tuple(m for m in policy.agent if looked is not None and m in looked.erases)
    if firmware and found is not None:
        return DriveStep(slot=found.slot, serial=drive.serial, by="firmware", firmware=firmware)
    return DriveStep(slot=drive.slot, serial=drive.serial, by="agent", agent=agent) if agent else None


def _offers(found: ErasableDrive | None, looked: SeenDrive | None) -> str:
    methods = [*(found.methods if found else ()), *(looked.erases if looked else ())]
    return f"{', '.join(methods) or 'nothing'}, and the policy allows none of it"


def _otherwise(step: DriveStep, erased: ErasedDrive) -> FaultyDrive | None:
    """What was reported must be what was planned: a lesser method is none."""
    if erased.by == step.by and erased.method in (*step.firmware, *step.agent):
        return None
    planned = ", ".join((*step.firmware, *step.agent))
    told = f"it was erased with {erased.method} by {erased.by}; planned was {planned} by {step.by}"
    return _fault(step.serial, DriveFault.NOT_ERASED, told)


def _unproved(erased: ErasedDrive) -> FaultyDrive | None:
    marks = _by_offset(erased.marks)
    after = _by_offset(erased.after)
    marked = {offset for offset, (zero, _) in marks.items() if not zero}
    if not marks or len(marked) < len(marks):
        return _fault(
            erased.serial, DriveFault.NOT_MARKED, "it took no marks before it was erased, so nothing can be shown"
        )
    if missing := marks.keys() - after.keys():
        return _fault(erased.serial, DriveFault.NOT_READ, f"{len(missing)} of {len(marks)} marks were not looked for")
    kept = sorted(offset for offset in marks if after[offset][1] == marks[offset][1])
    if not kept and erased.method != EraseMethod.CRYPTOGRAPHIC:
        # With its key gone a drive may show anything but what was there; every other method leaves nothing at all.
        kept = sorted(offset for offset, (zero, _) in after.items() if not zero)
    if kept:
        told = f"{erased.method} was reported as done, and it still holds something at byte {kept[0]}"
        return _fault(erased.serial, DriveFault.STILL_THERE, f"{told} and {len(kept) - 1} other places")
    return None


def _by_offset(samples: DriveSamples | None) -> Mapping[int, tuple[bool, str]]:
    return {sample.offset: (sample.zero, sample.sha256) for sample in (samples.samples if samples else ())}


def _ambiguous(serials: list[str]) -> set[str]:
    return {serial for serial, times in Counter(serials).items() if times > 1 or not serial}


def _fault(serial: str, fault: DriveFault, found: str) -> FaultyDrive:
    return FaultyDrive(serial=serial, fault=fault, message=f"Drive {serial or 'without a serial number'}: {found}.")


def _evidence(site: Name, chassis: SerialNumber, operation: str, step: DriveStep, erased: ErasedDrive) -> EvidenceDraft:
    after = erased.after.samples if erased.after else ()
    body: dict[str, Json] = {
        "slot": step.slot,
        "by": erased.by,
        "method": erased.method,
        "marks": len(erased.marks.samples) if erased.marks else 0,
        "samples": len(after),
        "not_zero": sum(not sample.zero for sample in after),
        "seed": erased.seed,
        "log": list(erased.log),
    }
    key = f"{EVIDENCE_KIND}/{operation}/{chassis}/{erased.serial}"
    subjects = (chassis, erased.serial)
    return EvidenceDraft(site=site, key=key, kind=EVIDENCE_KIND, subjects=subjects, body=body, operation=operation)
