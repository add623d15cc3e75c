"""One service on this machine: started until ready, looked at, stopped. Its pid file is what a later command goes by."""

import json
import threading
import time
from pathlib import Path

from domain.errors import Conflict
from lab.embedded import processes
from lab.embedded.home import Home
from lab.embedded.ports import check_free
from lab.embedded.processes import Record
from lab.embedded.progress import Progress, Step
from lab.embedded.service import Service, ServiceFailed, last_lines

LOG_LIMIT_BYTES = 20 * 1024 * 1024
POLL_S = 0.1


class Interrupted(Conflict):
    """A person stopped `up` while services were starting; those that run go on running."""

    kind = "interrupted"


class Runner:
    """Does nothing until asked; may be made anew by every command."""

    def __init__(self, home: Home, service: Service, progress: Progress, stop: threading.Event | None = None) -> None:
        self._home = home
        self._service = service
        self._progress = progress
        self._stop = stop or threading.Event()

    @property
    def pid_file(self) -> Path:
        return self._home.run / f"{self._service.name}.json"

    def record(self) -> Record | None:
        return Record.read(self.pid_file)

    def running(self) -> Record | None:
        """The record of the process that runs now."""
        record = self.record()
        return record if record and processes.alive(record) else None

    def is_ready(self) -> bool:
        try:
            return self._service.ready()
        except Exception:
            return False  # a probe may fail in any way its library knows

    def members(self) -> list[int]:
        """Every process of the service, whether or not its leader lives."""
        record, service = self.record(), self._service
        found = set(processes.members(record, self._home.root)) if record else set[int]()
        if service.program:
            found |= set(processes.working_in(service.folder, service.program))
        return sorted(found)

    def clear_way(self) -> None:
        """Ends what must not stay: an outdated process, and workers whose leader is dead. Then the ports must be free.

        Raises:
            PortTaken: somebody else holds a port of this service.
        """
        record = self.running()
        if record and record.spec != self._service.digest():
            self.stop()
            record = None
        if record is None and not self._service.once:
            processes.kill(self.members())
            check_free(self._service.name, self._service.title, self._service.ports)

    def up(self) -> None:
        """Brings the service to ready; a service that runs is only asked whether it is.

        Raises:
            ServiceFailed: it ended, or did not become ready in time; carries the last lines of its log.
        """
        service = self._service
        if service.once:
            self.stop()  # of an `up` that was killed: nobody can learn how it ends
        record = self.running()
        already = record is not None and self.is_ready()
        if record is None:
            self._say(Step.PREPARING)
            service.prepare()
            record = self._start()
        if not already:
            self._say(Step.STARTING)
        self._wait_until_ready(record)
        service.finish()
        if service.once:
            self._remember_success()
        self._say(Step.RUNNING if already else Step.READY)

    def stop(self) -> None:
        """Asks the process to end, kills what is left of it, and forgets it."""
        record = self.record()
        if record is None:
            return
        service = self._service
        killed = processes.end(record, self.members, gentle=service.stop_signal, grace_s=service.stop_grace_s)
        self.pid_file.unlink(missing_ok=True)
        self._say(Step.STOPPED, "had to be killed" if killed else "")

    def succeeded_before(self) -> bool:
        """Whether this very command, of this build, has run to a good end here."""
        try:
            return json.loads(self._success_file.read_text())["spec"] == self._service.digest()
        except (OSError, ValueError, KeyError):
            return False

    @property
    def _success_file(self) -> Path:
        return self._home.run / f"{self._service.name}.done"

    def _remember_success(self) -> None:
        self._success_file.write_text(json.dumps({"spec": self._service.digest(), "ended_at": time.time()}))
        self.pid_file.unlink(missing_ok=True)

    def _start(self) -> Record:
        service, log = self._service, self._home.log_of(self._service.name)
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        environment = processes.clean_environment(service.environment)
        record = processes.start(service.command(), environment, service.folder, log, service.digest())
        record.write(self.pid_file)
        return record

    def _wait_until_ready(self, record: Record) -> None:
        service = self._service
        deadline = time.monotonic() + service.ready_within_s
        while True:
            ended = not processes.alive(record)
            if service.once and ended and processes.exit_code(record) == 0:
                return
            if ended:
                raise self._failed(f"ended while starting (exit code {processes.exit_code(record)})")
            if not service.once and self.is_ready():
                return
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready after {service.ready_within_s:.0f} s")
            if self._stop.wait(POLL_S):
                raise Interrupted(
                    f"{service.title} was still starting.", do="Go on: edgewright up; or stop all: edgewright down"
                )

    def _failed(self, what: str) -> ServiceFailed:
        log = self._home.log_of(self._service.name)
        return ServiceFailed(
            f"{self._service.title} {what}. The last lines of {log}:\n{last_lines(log)}",
            do=f"More: edgewright logs {self._service.name}. When mended: edgewright up (what runs is left alone).",
        )

    def _say(self, step: Step, detail: str = "") -> None:
        self._progress.step(self._service.title, step, detail)
