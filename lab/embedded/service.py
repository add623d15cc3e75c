"""What a service is: data. How services are started and watched is in `stack`."""

import hashlib
import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import Transient


class ServiceFailed(Transient):
    """A service ended while it started, or did not become ready in time; carries the last lines of its log."""

    kind = "service-failed"


def nothing() -> None:
    """For a service that needs nothing prepared or finished."""


@dataclass(frozen=True)
class Service:
    """One program of the stack.

    `prepare` runs before the start, `ready` is asked until it says True (it may raise: that counts as not yet), and `finish` runs
    each time the service has become ready. All three may run again and must change nothing then.
    It works in `folder`, which lies in the state folder: by that and its session its processes are recognised; where they leave
    the session, also by the name of their `program`.
    A service with `once` is a command that runs to its end at each `up`; ending with 0 is being ready.
    What is in `waits_itself_for` is needed too, but the service waits for it in its own way: it starts meanwhile.
    """

    name: str
    title: str
    command: Callable[[], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    depends_on: tuple[str, ...] = ()
    waits_itself_for: tuple[str, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()
    url: str = ""
    folder: Path = Path("/")
    program: str = ""
    prepare: Callable[[], None] = nothing
    ready: Callable[[], bool] = lambda: True
    finish: Callable[[], None] = nothing
    once: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 10.0
    ready_within_s: float = 120.0
    build: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.depends_on, *self.waits_itself_for)

    def digest(self) -> str:
        """Changes when what should run changes: a running service with another digest is started anew by `up`."""
        asked = [self.command(), sorted(self.environment.items()), self.build]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, indented; for errors."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            lines = file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    return "\n".join(f"    {line[:300]}" for line in lines) or "    (the log is empty)"
