"""Tasks of one BMC: something that takes a while, watched by its monitor.

What a task waits for is looked up by the name of its work each time somebody asks, so that a task outlives a kill of the lab;
a restart of the BMC forgets all of them, as BMCs do, while a drive goes on erasing.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import message

if TYPE_CHECKING:
    from lab.virtual.bmc.controller import Bmc
    from lab.virtual.bmc.routing import Call

MOST_TASKS = 32
TICK_S = 1.0
UNFINISHED = ("New", "Starting", "Running")


@dataclass
class Task:
    """`arguments` are for its work; `target` and `body` are the request that began it, secrets masked."""

    id: str
    name: str
    work: str
    arguments: Json
    target: str
    body: Json
    began: float
    start: str
    state: str = "Running"
    percent: int = 0
    end: str = ""
    messages: list[Json] = field(default_factory=list[Json])

    @property
    def done(self) -> bool:
        return self.state not in UNFINISHED


@dataclass(frozen=True)
class Progress:
    """How a task stands: a Redfish TaskState, and what has been said since it was last looked at."""

    state: str
    percent: int
    messages: tuple[Json, ...] = ()


type Work = Callable[["Bmc", Task], Progress]
_works: dict[str, Work] = {}


def works(name: str) -> Callable[[Work], Work]:
    """Registers how tasks with this work advance. It is called until it answers with a state that is an end."""

    def register(work: Work) -> Work:
        _works[name] = work
        return work

    return register


class Tasks:
    """Kept on disk at each change of state."""

    def __init__(self, bmc: "Bmc") -> None:
        self._bmc = bmc
        self._tasks = {task["id"]: Task(**task) for task in bmc.machine.kept("tasks", [])}
        self._settling = self._ticking = False
        self._tick()

    def begin(self, name: str, work: str, arguments: Json, call: "Call", *, state: str = "Running") -> Task:
        number = int(self._bmc.machine.kept("task-number", 0)) + 1
        self._bmc.machine.keep("task-number", number)
        clock = self._bmc.clock
        body = {key: "***" if "password" in key.lower() else value for key, value in call.body.items()}
        task = Task(
            str(number), name, work, arguments, call.path, body, clock.time(), clock.stamp(), state,
            messages=[message("TaskEvent.TaskStarted", number)],
        )  # fmt: skip
        self._tasks[task.id] = task
        for old in [known for known in self._tasks.values() if known.done][: max(0, len(self._tasks) - MOST_TASKS)]:
            del self._tasks[old.id]
        self._save()
        self._tell("TaskEvent.TaskStarted", task)
        self._tick()
        return task

    def settle(self) -> None:
        """Looks at everything that is not over."""
        if self._settling:
            return
        self._settling = True
        try:
            for task in [task for task in self._tasks.values() if not task.done]:
                self._advance(task)
        finally:
            self._settling = False

    def _advance(self, task: Task) -> None:
        progress = _works[task.work](self._bmc, task)
        changed = progress.state != task.state or bool(progress.messages)
        task.state, task.percent = progress.state, progress.percent
        task.messages += progress.messages
        if task.done:
            task.end = self._bmc.clock.stamp()
            key = "TaskEvent.TaskCompletedOK" if task.state == "Completed" else "TaskEvent.TaskAborted"
            task.messages.append(message(key, task.id))
            self._tell(key, task)
        if changed:
            self._save()

    def _tell(self, key: str, task: Task) -> None:
        self._bmc.events.emit(key, f"/redfish/v1/TaskService/Tasks/{task.id}", task.id, kind="StatusChange")

    def _tick(self) -> None:
        """Time alone moves tasks: somebody may wait for an event and never read."""
        if self._ticking or all(task.done for task in self._tasks.values()):
            return

        def tick() -> None:
            self._ticking = False
            self.settle()
            self._tick()

        self._ticking = self._bmc.clock.call_later(TICK_S, tick) is not None

    def all(self) -> list[Task]:
        self.settle()
        return list(self._tasks.values())

    def get(self, task_id: str) -> Task | None:
        self.settle()
        return self._tasks.get(task_id)

    def clear(self) -> None:
        self._tasks.clear()
        self._save()

    def _save(self) -> None:
        self._bmc.machine.keep("tasks", [asdict(task) for task in self._tasks.values()])


def payload(task: Task) -> Json:
    """The request that began a task, as Redfish shows it."""
    return {
        "TargetUri": task.target,
        "HttpOperation": "POST",
        "HttpHeaders": ["Content-Type: application/json"],
        "JsonBody": json.dumps(task.body),
    }


def elapsed_percent(bmc: "Bmc", task: Task, takes_s: float) -> int:
    """How much of `takes_s` lab seconds has passed since `task` began; 0 to 100."""
    return min(100, int(100 * (bmc.clock.time() - task.began) / max(takes_s, 0.001)))


@works("wait")
def _wait(bmc: "Bmc", task: Task) -> Progress:
    """Takes its time and leaves an entry in the device's log, if it has one."""
    percent = elapsed_percent(bmc, task, float(task.arguments["takes_s"]))
    if percent < 100:
        return Progress("Running", percent)
    note: dict[str, Any] | None = task.arguments.get("note")
    if note:
        bmc.machine.note(note)
    return Progress("Completed", 100)
