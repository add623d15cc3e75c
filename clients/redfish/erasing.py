"""Drives and their erasure: what each offers, one erase at a time, watched to its end by the BMC's word."""

from clients.redfish.changing import action_of
from clients.redfish.resource import Reader, Resource
from clients.redfish.tasks import ENDED_BADLY, TaskMonitor, last_message, place_of, request_of, tasks_since, time_of
from clients.redfish.wire import Wire
from domain.beat import Beat
from domain.bmc import BmcRefused, BmcResourceMissing
from domain.bmc_work import (
    DriveChanged,
    DriveErase,
    DriveErased,
    DriveEraseFailed,
    DriveEraseRefused,
    DriveMissing,
    DriveNotErasable,
    ErasableDrive,
    EraseMethod,
    TaskUnfinished,
)
from domain.model import Json
from domain.site import natural_order

_ERASE = "Drive.SecureErase"
_STORAGE_LEVELS = 2
_POLL_S = 1.0


class Drives:
    """The drives of one system; `storage` links to its collection."""

    def __init__(self, wire: Wire, reader: Reader, root: Resource, storage: Resource) -> None:
        self._wire, self._reader, self._root, self._storage = wire, reader, root, storage

    def read(self) -> tuple[ErasableDrive, ...]:
        return tuple(self._described(drive) for drive in self._drives())

    def erase(self, order: DriveErase, *, patience_s: float, beat: Beat) -> DriveErased:
        """See `ServerWork.erase_drive`."""
        drive = self._find(order)
        method = self._method(drive, order)
        target = action_of(drive, _ERASE).text("target")
        what = f"erasing {order.slot} ({order.serial})"
        if task := self._begun(target, order):
            return self._watched(order, method, task.path, what, patience_s, beat, begun=False)
        if _running(drive) is not None and not _associated(drive):
            # Nobody will say how it ends: once it is over, it is done again.
            self._wait_out(drive, what, patience_s, beat)
        body: dict[str, Json] = {"SanitizationType": method.value}
        if method is EraseMethod.OVERWRITE:
            body["OverwritePasses"] = order.passes
        answer = self._wire.send("POST", target, body)
        try:
            self._wire.judge(answer, f"SanitizationType={method}")
        except BmcRefused as error:
            raise DriveEraseRefused(f"{what.capitalize()} was refused: {error.message}", do=_LOOK) from error
        monitor = TaskMonitor.of(self._wire, answer, what)
        if monitor is None:
            # Without a task the drive's own work is all there is to watch, and a retry cannot know that it was done.
            self._wait_out(drive, what, patience_s, beat)
            self._find(order)
            return DriveErased(slot=order.slot, serial=order.serial, method=method, begun=True)
        location = place_of(answer, monitor)
        return self._watched(order, method, location, what, patience_s, beat, begun=True)

    # Which drive, and how

    def _find(self, order: DriveErase) -> Resource:
        drives = self._drives()
        drive = next((d for d in drives if d.text("Id") == order.slot), None)
        elsewhere = next((d.text("Id") for d in drives if d.text("SerialNumber") == order.serial), "")
        hint = f" That one stands in {elsewhere} now." if elsewhere else ""
        if drive is None:
            raise DriveMissing(
                f"{self._wire.endpoint} has no drive in {order.slot}, where {order.serial} should be.{hint}",
                do="Find the drive: until it is erased, what is on it is in nobody's hands.",
            )
        if drive.text("SerialNumber") != order.serial:
            raise DriveChanged(
                f"In {order.slot} of {self._wire.endpoint} stands {drive.text('SerialNumber')}, "
                f"not {order.serial}.{hint} Nothing was erased.",
                do="Find out which drive was taken and where it is.",
            )
        return drive

    def _method(self, drive: Resource, order: DriveErase) -> EraseMethod:
        offered = self._methods(drive)
        chosen = next((method for method in order.methods if method in offered), None)
        if chosen is None:
            has = ", ".join(offered) or ("an erase of unknown kind" if action_of(drive, _ERASE) else "no erase")
            raise DriveNotErasable(
                f"{order.slot} of {self._wire.endpoint} ({drive.text('Model')}) offers {has}; "
                f"allowed is {', '.join(order.methods)}.",
                do="Erase it from the agent image, or by hand.",
            )
        return chosen

    def _methods(self, drive: Resource) -> tuple[EraseMethod, ...]:
        """Beside the action, or in its ActionInfo. An action that does not say how it erases is no method."""
        action = action_of(drive, _ERASE)
        values = action.texts("SanitizationType@Redfish.AllowableValues")
        info = action.text("@Redfish.ActionInfo")
        if not values and info:
            try:
                parameters = self._wire.get(info).each("Parameters")
            except BmcResourceMissing:
                parameters = ()
            named = (p for p in parameters if p.text("Name") == "SanitizationType")
            values = next((p.texts("AllowableValues") for p in named), ())
        return tuple(method for method in EraseMethod if method.value in values)

    def _described(self, drive: Resource) -> ErasableDrive:
        size = drive.number("CapacityBytes")
        return ErasableDrive(
            slot=drive.text("Id"),
            serial=drive.text("SerialNumber"),
            model=drive.text("Model"),
            protocol=drive.text("Protocol"),
            capacity_gb=size / 1e9 if size is not None else None,
            methods=self._methods(drive),
            erasing_percent=_running(drive),
        )

    def _drives(self) -> tuple[Resource, ...]:
        storages = self._reader.members(self._storage, levels=_STORAGE_LEVELS)
        found = [drive for storage in storages for drive in self._reader.each(storage.each("Drives"))]
        unique = {drive.path or drive.text("SerialNumber"): drive for drive in found}
        return tuple(sorted(unique.values(), key=lambda drive: natural_order(drive.text("Id"))))

    # Its end

    def _begun(self, target: str, order: DriveErase) -> Resource | None:
        """What an earlier try of ours began, unless it failed or erases in a way that is not allowed now."""
        for task in tasks_since(self._reader, self._root, target, order.since):
            if request_of(task).text("SanitizationType") not in order.methods:
                continue
            return None if task.text("TaskState") in ENDED_BADLY else task
        return None

    def _watched(
        self,
        order: DriveErase,
        method: EraseMethod,
        path: str,
        what: str,
        patience_s: float,
        beat: Beat,
        *,
        begun: bool,
    ) -> DriveErased:
        task = TaskMonitor(self._wire, path, what, _POLL_S).watch(patience_s, beat=beat)
        if task.text("TaskState") in ENDED_BADLY:
            said = self._wire.scrub(last_message(task).said)
            raise DriveEraseFailed(
                f"{what.capitalize()} at {self._wire.endpoint} ended with {task.text('TaskState')}{said}. "
                "What was on it may still be there.",
                do=_LOOK,
            )
        self._find(order)  # the same drive must still be there
        used = request_of(task).text("SanitizationType")
        return DriveErased(
            slot=order.slot,
            serial=order.serial,
            method=EraseMethod(used) if used in EraseMethod else method,
            begun=begun,
            task=task.path or path,
            started=time_of(task, "StartTime"),
            ended=time_of(task, "EndTime"),
            messages=tuple(self._wire.scrub(m.text("Message")) for m in task.each("Messages")),
        )

    def _wait_out(self, drive: Resource, what: str, patience_s: float, beat: Beat) -> None:
        """The drive is at work and no task says so: one that was forgotten, or never made."""
        waited_s = 0.0
        while (percent := _running(self._wire.get(drive.path))) is not None:
            beat(f"{what}: an erase without a task is at {percent} %")
            if waited_s >= patience_s:
                raise TaskUnfinished(
                    f"{self._wire.endpoint} is at {percent} % of an erase of {drive.text('Id')} that has no task.",
                    retry_after_s=_POLL_S,
                )
            self._wire.sleep(_POLL_S)
            waited_s += _POLL_S


_LOOK = "Try again; if it stays, erase the drive from the agent image, or replace it and destroy it."


def _running(drive: Resource) -> int | None:
    """How far the erase is that the drive is at now (Drive.Operations)."""
    for operation in drive.each("Operations"):
        if operation.text("Operation") in ("Sanitize", "Format", "") and operation.has("PercentageComplete"):
            return operation.whole("PercentageComplete")
    return None


def _associated(drive: Resource) -> bool:
    return any(operation.inner("AssociatedTask").path for operation in drive.each("Operations"))
