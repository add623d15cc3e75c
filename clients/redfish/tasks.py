"""Long work of a BMC: 202 with a task monitor (DSP0266, asynchronous operations)."""

from urllib.parse import urlsplit

from clients.redfish.resource import Resource
from clients.redfish.wire import Answer, Wire
from domain.bmc import Beat, BmcRefused, BmcTroubled, TaskUnfinished, no_beat

_ENDED_WELL = frozenset({"Completed", ""})
_ENDED_BADLY = frozenset({"Exception", "Killed", "Cancelled", "Interrupted"})


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
        """The answer that the request would have had. Raises `TaskUnfinished`, or `BmcRefused` if the task failed."""
        waited_s = 0.0
        while True:
            answer = self._wire.send("GET", self.location)
            self._wire.judge(answer, self._what)
            state = answer.body.text("TaskState")
            if state in _ENDED_BADLY:
                self._failed(answer.body)
            # A monitor may answer 200 with the task itself, still running.
            if answer.status != 202 and (state in _ENDED_WELL or "Task." not in answer.body.text("@odata.type")):
                return answer.body
            beat(f"{self._what}: {state or 'accepted'} {answer.body.whole('PercentComplete') or 0} %")
            if waited_s >= patience_s:
                raise TaskUnfinished(
                    f"{self._wire.endpoint} still works on {self._what} after {waited_s:g} s.",
                    retry_after_s=self._pause_s,
                )
            self._wire.sleep(max(self._pause_s, 0.05))
            waited_s += max(self._pause_s, 0.05)

    def _failed(self, task: Resource) -> None:
        last = next(iter(reversed(task.each("Messages"))), Resource(None))
        said = f': "{last.text("Message")}" [{last.text("MessageId")}]' if last else ""
        raise BmcRefused(
            f"{self._wire.endpoint} could not finish {self._what}{self._wire.scrub(said)}.",
            message_id=last.text("MessageId"),
            do=last.text("Resolution"),
        )
