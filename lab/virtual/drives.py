"""A server's drives as their own firmware runs them: what is on them, and erasing it, with the faults that drives have.

The media behind them are a seam: `KeptMedia` remembers a marker for each serial number; a level with real disks passes its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lab.virtual.clock import LabClock
from lab.virtual.faults import Fault, FaultBoard, FaultKind
from lab.virtual.hardware import Drive
from lab.virtual.kept import KeptState

ERASE_S = {"CryptographicErase": 3.0, "BlockErase": 20.0, "Overwrite": 60.0}
"""Lab seconds; an overwrite takes them for each pass. A real overwrite of such a drive takes hours."""
AS_DELIVERED = "as delivered"
_WHICH = {"part": "optional: which drive, NVMe0 ...; every one if not given"}
_STALLS_AT = 40

DRIVE_FAULTS = [
    FaultKind(
        name="drive-refuses-erase",
        targets=("server",),
        description="The drive rejects the erase command, as one that was frozen by the firmware does.",
        arguments=_WHICH,
    ),
    FaultKind(
        name="drive-stalls-erase",
        targets=("server",),
        description="An erase stops advancing until this is mended.",
        arguments={**_WHICH, "at": f"optional: the percentage at which it stands, {_STALLS_AT} if not given"},
    ),
    FaultKind(
        name="drive-lies-erase",
        targets=("server",),
        description="The drive reports an erase as completed, and everything is still on it.",
        arguments=_WHICH,
    ),
]


class EraseRefused(Exception):
    """The drive does not take the command; says why."""


class Media(Protocol):
    """What is on the drives of one server, by serial number."""

    def content(self, serial: str) -> str:
        """What can still be read off it; empty if nothing of before is left."""
        ...

    def write(self, serial: str, content: str) -> None: ...

    def erase(self, serial: str, method: str) -> None:
        """Nothing that was on it can be read afterwards."""
        ...


type MediaOf = Callable[[str, KeptState], Media]
"""The media of the server of this name."""


class KeptMedia:
    """Level `sim`: one word for each drive, in the state that hardware keeps."""

    def __init__(self, server: str, kept: KeptState) -> None:
        self._server, self._kept = server, kept

    def content(self, serial: str) -> str:
        return str(self._kept.get(self._server, f"media/{serial}", AS_DELIVERED))

    def write(self, serial: str, content: str) -> None:
        self._kept.put(self._server, f"media/{serial}", content)

    def erase(self, serial: str, method: str) -> None:
        self.write(serial, "")


@dataclass(frozen=True)
class Erasure:
    """The last erase of a drive. `number` tells it from an earlier one of the same drive."""

    number: int
    method: str
    state: Literal["Running", "Done", "Failed"]
    percent: int
    why: str = ""


class Drives:
    """The drives of one server. An erase goes on while the drive has power, whatever happens to the BMC."""

    def __init__(
        self,
        server: str,
        kept: KeptState,
        clock: LabClock,
        faults: FaultBoard,
        media: Media,
        settle_power: Callable[[], None],
    ) -> None:
        """`settle_power`: what happened to the power until now must be known before an erase can be called done."""
        self._server, self._kept, self._clock, self._faults = server, kept, clock, faults
        self._settle_power = settle_power
        self.media = media

    def begin_erase(self, drive: Drive, method: str, passes: int) -> Erasure:
        """Raises `EraseRefused`: unsupported, busy, or the fault that says so."""
        if method not in drive.model.erases:
            raise EraseRefused(f"{drive.model.model} has no {method}")
        last = self.erasure(drive)
        if last and last.state == "Running":
            raise EraseRefused("it is being erased already")
        if fault := self._fault("drive-refuses-erase", drive):
            self._faults.spend(fault)
            raise EraseRefused("the drive is frozen")
        number = (last.number if last else 0) + 1
        takes_s = ERASE_S[method] * (max(1, passes) if method == "Overwrite" else 1)
        record = {
            "number": number,
            "method": method,
            "state": "Running",
            "began": self._clock.time(),
            "takes_s": takes_s,
            "percent": 0,
        }
        self._save(drive.serial, record, {"what": "erase-begun", "drive": drive.name, "method": method})
        self._clock.call_later(takes_s + 0.001, lambda: self._tick(drive))
        return _shown(record)

    def erasure(self, drive: Drive) -> Erasure | None:
        """As it stands now; None if the drive was never told to erase."""
        self._settle_power()
        self._settle(drive, self._clock.time())
        record = self._record(drive.serial)
        return _shown(record) if record else None

    def _tick(self, drive: Drive) -> None:
        """Time alone ends an erase; whoever reads next would see it too."""
        self.erasure(drive)

    def lose_power(self, drives: tuple[Drive, ...], at: float) -> None:
        """An erase that was under way at that time ends there, and what was on the drive stays."""
        for drive in drives:
            self._settle(drive, at)
            record = self._record(drive.serial)
            if record and record["state"] == "Running":
                change = {"what": "erase-failed", "drive": drive.name, "at_percent": record["percent"]}
                self._save(drive.serial, {**record, "state": "Failed", "why": "the drive lost power"}, change)

    def _settle(self, drive: Drive, now: float) -> None:
        record = self._record(drive.serial)
        if not record or record["state"] != "Running":
            return
        percent = min(100, int(100 * (now - record["began"]) / record["takes_s"]))
        if fault := self._fault("drive-stalls-erase", drive):
            percent = min(percent, int(fault.arguments.get("at", _STALLS_AT)))
        if percent < 100:
            if percent != record["percent"]:
                self._kept.put(self._server, f"erasure/{drive.serial}", {**record, "percent": percent})
            return
        fault = self._fault("drive-lies-erase", drive)
        done = {**record, "state": "Done", "percent": 100}
        if fault is None:
            self.media.erase(drive.serial, record["method"])
            self._save(drive.serial, done, {"what": "erased", "drive": drive.name, "method": record["method"]})
        else:
            self._save(drive.serial, done, {"what": "lied", "about": "erase", "drive": drive.name, "by": "fault"})
            self._faults.spend(fault)

    def _fault(self, kind: str, drive: Drive) -> Fault | None:
        return next(
            (f for f in self._faults.on(self._server, kind) if f.arguments.get("part") in (None, "", drive.name)), None
        )

    def _record(self, serial: str) -> dict[str, Any]:
        return self._kept.get(self._server, f"erasure/{serial}") or {}

    def _save(self, serial: str, record: dict[str, Any], change: dict[str, Any]) -> None:
        """The whole serial number stands in the log: a drive in another bay is another drive."""
        entry = {**change, "serial": serial, "by": "drive"}
        self._kept.put(self._server, f"erasure/{serial}", record, change=entry, at=self._clock.stamp())


def _shown(record: dict[str, Any]) -> Erasure:
    return Erasure(record["number"], record["method"], record["state"], record["percent"], record.get("why", ""))
