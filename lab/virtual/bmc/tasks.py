"""Tasks of one BMC: something that takes a while, watched by its monitor."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import message
from lab.virtual.clock import LabClock

MOST_TASKS = 32


@dataclass
class Task:
    id: str
    name: str
    started: float
    takes_s: float
    start: str
    done: bool = False
    end: str = ""
    messages: list[Json] = field(default_factory=list[Json])


class Tasks:
    """Finished by time, seen when read; `finish` is called once, when it is over."""

    def __init__(self, clock: LabClock) -> None:
        self._clock = clock
        self._tasks: dict[str, tuple[Task, Callable[[], None]]] = {}
        self._number = 0

    def begin(self, name: str, takes_s: float, finish: Callable[[], None]) -> Task:
        self._number += 1
        task = Task(str(self._number), name, self._clock.time(), takes_s, self._clock.stamp())
        task.messages.append(message("TaskEvent.TaskStarted", task.id))
        self._tasks[task.id] = (task, finish)
        while len(self._tasks) > MOST_TASKS:
            self._tasks.pop(next(iter(self._tasks)))
        self._clock.call_later(takes_s + 0.001, self.settle)
        return task

    def settle(self) -> None:
        for task, finish in list(self._tasks.values()):
            if not task.done and self._clock.time() >= task.started + task.takes_s:
                task.done, task.end = True, self._clock.stamp()
                task.messages.append(message("TaskEvent.TaskCompletedOK", task.id))
                finish()

    def all(self) -> list[Task]:
        self.settle()
        return [task for task, _ in self._tasks.values()]

    def get(self, task_id: str) -> Task | None:
        self.settle()
        found = self._tasks.get(task_id)
        return found[0] if found else None

    def clear(self) -> None:
        self._tasks.clear()
