"""Long work of a BMC: 202 with a task monitor (DSP0266, asynchronous operations)."""

import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from clients.redfish.resource import Reader, Resource
from clients.redfish.wire import Answer, Wire
from domain.beat import Beat, no_beat
from domain.bmc import BmcRefused, BmcResourceMissing, BmcTroubled
from domain.bmc_work import BmcClockUnknown, TaskLost, TaskStalled, TaskUnfinished

ENDED_WELL = frozenset({"Completed"})
ENDED_BADLY = frozenset({"Exception", "Killed", "Cancelled", "Interrupted"})


class TaskMonitor:
    """Watches what a BMC accepted with 202. It may be asked again later: a monitor stays until it was read after the end."""

    def __init__(self, wire: Wire, location: str, what: str, pause_s: float) -> None:
        self.location = location
        self._wire, self._what, self._pause_s = wire, what, pause_s

    @classmethod
    def of(cls, wire: Wire, answer: Answer, what: str) -> "TaskMonitor | None":
        """None if the answer was final. Raises `BmcTroubled` if a 202 does not say where to look."""
        if answer.status != 202:
            return None
        location = answer.location or answer.body.text("TaskMonitor") or answer.body.path
        if not location:
            raise BmcTroubled(f"{wire.endpoint} accepted {what} but does not say where to watch it.")
        parts = urlsplit(location)
        after = answer.headers.get("retry-after", "")
        pause_s = float(after) if after.isdigit() else wire.timeouts.pause_s
        return cls(wire, parts.path + (f"?{parts.query}" if parts.query else ""), what, pause_s)

    def wait(self, patience_s: float, *, beat: Beat = no_beat) -> Resource:
        """The answer that the request would have had. Raises what `watch` raises, or `BmcRefused` if the task failed."""
        task = self.watch(patience_s, beat=beat)
        if task.text("TaskState") in ENDED_BADLY:
            last = last_message(task)
            raise BmcRefused(
                f"{self._wire.endpoint} could not finish {self._what}{self._wire.scrub(last.said)}.",
                message_id=last.id,
                do=last.resolution,
            )
        return task

    def watch(self, patience_s: float, *, beat: Beat = no_beat) -> Resource:
        """The ended task, however it ended, or the final answer of the monitor.

        Raises:
            TaskUnfinished: still at it after `patience_s`; TaskStalled: and it has not advanced in all that time.
            TaskLost: the BMC does not know it any more.
        """
        waited_s, first = 0.0, None
        while True:
            answer = self._wire.send("GET", self.location)
            try:
                self._wire.judge(answer, self._what)
            except BmcResourceMissing as error:
                raise TaskLost(
                    f"{self._wire.endpoint} does not know the task of {self._what} any more.",
                    do="It has probably restarted. Nothing to do: the next try looks what there is, and begins anew.",
                ) from error
            state = answer.body.text("TaskState")
            # A monitor may answer 200 with the task itself, still running.
            final = not state or not is_task(answer.body)
            if state in ENDED_WELL | ENDED_BADLY or (answer.status != 202 and final):
                return answer.body
            percent = answer.body.whole("PercentComplete")
            first = percent if first is None else first
            beat(f"{self._what}: {state or 'accepted'} {percent or 0} %")
            if waited_s >= patience_s:
                self._impatient(waited_s, percent, stalled=percent is not None and percent == first and waited_s > 0)
            pause_s = max(self._pause_s, 0.05)
            self._wire.sleep(pause_s)
            waited_s += pause_s

    def _impatient(self, waited_s: float, percent: int | None, *, stalled: bool) -> None:
        if stalled:
            raise TaskStalled(
                f"{self._wire.endpoint} has stood at {percent} % of {self._what} for {waited_s:g} s.",
                do="If it stays there, look at the part itself; restarting the BMC loses the task.",
                retry_after_s=self._pause_s,
            )
        raise TaskUnfinished(
            f"{self._wire.endpoint} still works on {self._what} after {waited_s:g} s.", retry_after_s=self._pause_s
        )


def is_task(body: Resource) -> bool:
    return "Task." in body.text("@odata.type")


def place_of(answer: Answer, monitor: TaskMonitor) -> str:
    """The task itself where the answer shows it: it stays longer than its monitor."""
    return (answer.body.path if is_task(answer.body) else "") or monitor.location


@dataclass(frozen=True)
class Said:
    """The last message of a task that names a reason, ready for a sentence."""

    id: str
    text: str
    resolution: str

    @property
    def said(self) -> str:
        return f': "{self.text}" [{self.id}]' if self.text else ""


def last_message(task: Resource) -> Said:
    """The most telling message: the last one that is not about the task's own life."""
    messages = task.each("Messages")
    telling = [m for m in messages if ".Task" not in m.text("MessageId")] or list(messages)
    last = telling[-1] if telling else Resource(None)
    return Said(last.text("MessageId"), last.text("Message"), last.text("Resolution"))


def has_message(task: Resource, key: str) -> bool:
    return any(m.text("MessageId").rsplit(".", 1)[-1] == key for m in task.each("Messages"))


def message_arguments(task: Resource, key: str) -> tuple[str, ...]:
    """Arguments of the first message of this key."""
    found = (m for m in task.each("Messages") if m.text("MessageId").rsplit(".", 1)[-1] == key)
    return next((m.texts("MessageArgs") for m in found), ())


def request_of(task: Resource) -> Resource:
    """The body of the request that began a task; empty if the BMC hides it."""
    try:
        return Resource(json.loads(task.text("Payload/JsonBody") or "{}"))
    except ValueError:
        return Resource(None)


def time_of(resource: Resource, name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(resource.text(name))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def tasks_since(reader: Reader, root: Resource, target: str, since: datetime) -> tuple[Resource, ...]:
    """Tasks that a request to `target` began at `since` or later, by the BMC's clock; the newest first."""
    service = reader.follow(root.inner("Tasks"))
    found = [
        (started, task)
        for task in reader.members(service.inner("Tasks"))
        if task.text("Payload/TargetUri") == target and (started := time_of(task, "StartTime")) and started >= since
    ]
    return tuple(task for _, task in sorted(found, key=lambda pair: pair[0], reverse=True))


def read_clock(wire: Wire, reader: Reader, root: Resource) -> datetime:
    """The BMC's own time, from what tells the time of its tasks; else of a manager. Raises `BmcClockUnknown`."""
    told = time_of(wire.get(root.inner("Tasks").path), "DateTime") if root.has("Tasks") else None
    if told is None:
        times = (time_of(wire.get(manager.path), "DateTime") for manager in reader.members(root.inner("Managers")))
        told = next((time for time in times if time is not None), None)
    if told is None:
        raise BmcClockUnknown(f"{wire.endpoint} does not say what time it has.", do="Set its time or time servers.")
    return told
