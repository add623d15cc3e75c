"""Long work: ordered under an id that the other side chooses, so that an order that is sent again is one order. Watched by its state.

A drive has one job at a time. Jobs live in memory: after a reboot nobody knows them, and the other side orders them anew.
"""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent import drives
from agent.tools import Failed, Refused

Order = dict[str, Any]
Work = Callable[[Order, "Job"], dict[str, Any]]


@dataclass
class Job:
    """One order and how far it is. Changed by its own thread only."""

    id: str
    order: Order
    drive: str
    state: str = "running"
    percent: int = 0
    step: str = ""
    why: str = ""
    result: dict[str, Any] | None = None
    log: list[str] = field(default_factory=list[str])
    started: float = field(default_factory=time.time)
    ended: float | None = None

    def at(self, percent: float, step: str = "") -> None:
        self.percent = max(self.percent, min(99, int(percent)))
        if step and step != self.step:
            self.step = step
            self.say(step)

    def say(self, line: str) -> None:
        self.log.append(f"{time.time() - self.started:.2f} {line}")

    def shown(self) -> dict[str, Any]:
        names = ("id", "state", "percent", "step", "why", "result", "started", "ended")
        return {name: getattr(self, name) for name in names} | {"log": list(self.log)}


class Jobs:
    """Every job since this boot. `works`: what is done, by the order's kind."""

    def __init__(self, works: dict[str, Work]) -> None:
        self._works = works
        self._jobs: dict[str, Job] = {}
        self._alone = threading.Lock()

    def order(self, id: str, order: Order) -> tuple[Job, bool]:
        """The job of this id, and whether it was begun now. Raises `Refused`."""
        with self._alone:
            if known := self._jobs.get(id):
                if known.order != order:
                    raise Refused("job-differs", f"The job {id} was ordered with other words before.", 409)
                return known, False
            work = self._works.get(str(order.get("kind")))
            if work is None:
                raise Refused(
                    "order-unknown", f"This agent does no {order.get('kind')}; it does {', '.join(self._works)}."
                )
            job = Job(id, order, str(order.get("drive", "")))
            busy = [j for j in self._jobs.values() if j.state == "running" and j.drive and j.drive == job.drive]
            if job.drive:
                drives.by_serial(job.drive)
            if busy:
                raise Refused("drive-busy", f"The drive {job.drive} is worked on by the job {busy[0].id}.", 409)
            self._jobs[id] = job
        threading.Thread(target=_carry_out, args=(work, job), name=id, daemon=True).start()
        return job, True

    def get(self, id: str) -> Job:
        """Raises `Refused` if nobody ordered it since this boot."""
        with self._alone:
            if job := self._jobs.get(id):
                return job
        raise Refused("job-unknown", f"There is no job {id} since this boot.", 404)


def _carry_out(work: Work, job: Job) -> None:
    try:
        job.result = work(job.order, job)
        job.percent, state = 100, "done"
    except (Failed, Refused) as error:
        job.why, state = str(error), "failed"
    except Exception as error:  # whatever it is, whoever waits must hear of it
        job.say(traceback.format_exc())
        job.why, state = f"{type(error).__name__}: {error}", "failed"
    job.say(job.why or state)
    job.ended = time.time()
    job.state = state
