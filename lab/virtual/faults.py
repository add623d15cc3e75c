"""The fault switchboard: which kinds of fault there are, which are seeded now. Faults outlive a restart, as broken things do."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from domain.errors import Rejected
from lab.virtual.kept import KeptState

Target = Literal["server", "switch", "system", "cable"]
BOARD = "(faults)"


class FaultUnknown(Rejected):
    """No such kind of fault, no such target, or arguments that do not fit."""

    kind = "fault-unknown"


class FaultKind(BaseModel):
    """One switch of the board. `arguments`: name to what it means; an argument whose text starts with `optional` may be left out."""

    model_config = ConfigDict(frozen=True)

    name: str
    targets: tuple[Target, ...]
    description: str
    arguments: dict[str, str] = {}


class Fault(BaseModel):
    """One seeded fault. `remaining`: after so many effects it mends itself; None: until mended."""

    id: str
    kind: str
    target: str
    arguments: dict[str, Any] = {}
    remaining: int | None = None


class FaultBoard:
    """`on_change` is called after each seed and mend, with the fault and whether it is now seeded."""

    def __init__(self, kept: KeptState, target_kind: Callable[[str], Target | None]) -> None:
        self._kept = kept
        self._target_kind = target_kind
        self._kinds: dict[str, FaultKind] = {}
        self._active: dict[str, Fault] = {}
        self._by_target: dict[str, list[Fault]] = {}
        self._number = 0
        self._observers: list[Callable[[Fault, bool], None]] = []
        self._checks: dict[str, Callable[[Fault], None]] = {}

    def offer(self, *kinds: FaultKind, check: Callable[[Fault], None] | None = None) -> None:
        """Adds kinds of fault; `check` raises `FaultUnknown` where arguments do not fit the target."""
        for kind in kinds:
            self._kinds[kind.name] = kind
            if check is not None:
                self._checks[kind.name] = check

    def observe(self, observer: Callable[[Fault, bool], None]) -> None:
        self._observers.append(observer)

    def restore(self) -> None:
        """Seeds again what was seeded when the lab last ran; call once every kind is offered and observed."""
        saved = self._kept.get(BOARD, "active", {"number": 0, "faults": []})
        self._number = saved["number"]
        for document in saved["faults"]:
            self._enter(Fault.model_validate(document))

    def kinds(self) -> list[FaultKind]:
        return sorted(self._kinds.values(), key=lambda kind: kind.name)

    def active(self) -> list[Fault]:
        return list(self._active.values())

    def on(self, target: str, kind: str) -> Iterator[Fault]:
        """The seeded faults of one kind on one device."""
        return (fault for fault in self._by_target.get(target, ()) if fault.kind == kind)

    def any_on(self, target: str) -> bool:
        return bool(self._by_target.get(target))

    def first(self, target: str, kind: str) -> Fault | None:
        return next(self.on(target, kind), None)

    def seed(
        self, kind: str, target: str, arguments: dict[str, Any] | None = None, *, times: int | None = None
    ) -> Fault:
        """Breaks something. `times`: mends itself after so many effects. Raises `FaultUnknown`."""
        known = self._kinds.get(kind)
        if known is None:
            raise FaultUnknown(f"There is no fault {kind}.", do="See: edgewright lab fault list")
        target_kind = self._target_kind(target)
        if target_kind not in known.targets:
            raise FaultUnknown(
                f"The fault {kind} is for a {' or '.join(known.targets)}; {target} is "
                + (f"a {target_kind}." if target_kind else "not at this site.")
            )
        given = arguments or {}
        needed = {name for name, text in known.arguments.items() if not text.startswith("optional")}
        if wrong := (set(given) - set(known.arguments)) | (needed - set(given)):
            raise FaultUnknown(
                f"The fault {kind} takes {', '.join(sorted(known.arguments)) or 'no arguments'}; "
                f"unknown or missing: {', '.join(sorted(wrong))}."
            )
        fault = Fault(id=f"f{self._number + 1}", kind=kind, target=target, arguments=given, remaining=times)
        if check := self._checks.get(kind):
            check(fault)
        self._number += 1
        self._enter(fault)
        self._save()
        return fault

    def mend(self, fault_id: str) -> Fault:
        """Repairs one fault. Raises `FaultUnknown`."""
        fault = self._active.pop(fault_id, None)
        if fault is None:
            raise FaultUnknown(f"There is no seeded fault {fault_id}.", do="See: edgewright lab fault list")
        self._by_target[fault.target].remove(fault)
        self._save()
        self._tell(fault, False)
        return fault

    def mend_all(self, target: str | None = None, kind: str | None = None) -> list[Fault]:
        """Repairs every fault, or those of one device or kind, last seeded first."""
        chosen = [f for f in self.active() if target in (None, f.target) and kind in (None, f.kind)]
        return [self.mend(fault.id) for fault in reversed(chosen)]

    def spend(self, fault: Fault) -> None:
        """Counts one effect of a fault; the last one mends it."""
        if fault.remaining is None:
            return
        fault.remaining -= 1
        if fault.remaining <= 0:
            self.mend(fault.id)
        else:
            self._save()

    def _enter(self, fault: Fault) -> None:
        self._active[fault.id] = fault
        self._by_target.setdefault(fault.target, []).append(fault)
        self._tell(fault, True)

    def _tell(self, fault: Fault, seeded: bool) -> None:
        for observer in self._observers:
            observer(fault, seeded)

    def _save(self) -> None:
        faults = [fault.model_dump() for fault in self._active.values()]
        self._kept.put(BOARD, "active", {"number": self._number, "faults": faults})
