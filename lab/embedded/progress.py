"""What a person sees while the services start: one line per service that changes on a terminal, plain lines in a pipe."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table


class Step(StrEnum):
    WAITING = "waiting"
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    RUNNING = "already running"
    SKIPPED = "skipped"
    FAILED = "failed"
    STOPPED = "stopped"


STYLES = {
    Step.READY: "green",
    Step.RUNNING: "green",
    Step.FAILED: "bold red",
    Step.SKIPPED: "yellow",
    Step.WAITING: "dim",
}
SETTLED = (Step.READY, Step.RUNNING, Step.FAILED, Step.SKIPPED, Step.STOPPED)


class Progress(Protocol):
    """Told of each step of each service, from several threads."""

    def step(self, title: str, step: Step, detail: str = "") -> None: ...

    def close(self) -> None: ...


class Silent:
    """For tests."""

    def step(self, title: str, step: Step, detail: str = "") -> None:
        """Says nothing."""

    def close(self) -> None:
        """Nothing to close."""


class Lines:
    """One plain line per step, for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._since: dict[str, float] = {}

    def step(self, title: str, step: Step, detail: str = "") -> None:
        if step is not Step.WAITING:
            now = time.monotonic()
            elapsed, took = now - self._began, now - self._since.setdefault(title, now)
            detail = detail or (f"{took:.1f} s" if step is Step.READY else "")
            self._console.out(f"{elapsed:6.1f}s  {title}: {step}{f' ({detail})' if detail else ''}", highlight=False)

    def close(self) -> None:
        """Lines stay where they are."""


class LiveTable:
    """One row per service, rewritten in place."""

    def __init__(self, console: Console) -> None:
        self._rows: dict[str, tuple[Step, str, float, float | None]] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8)
        self._live.start()

    def step(self, title: str, step: Step, detail: str = "") -> None:
        now = time.monotonic()
        with self._lock:
            known = self._rows.get(title)
            began = now if known is None or known[0] is Step.WAITING else known[2]
            self._rows[title] = (step, detail, began, now if step in SETTLED else None)

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        with self._lock:
            for title, (step, detail, began, ended) in self._rows.items():
                seconds = "" if step is Step.WAITING else f"{(ended or time.monotonic()) - began:5.1f}s"
                table.add_row(title, f"[{STYLES.get(step, 'cyan')}]{step}[/]", seconds, detail)
        return table


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Progress in the way that fits the console; what an error says comes after it."""
    progress = LiveTable(console) if console.is_terminal else Lines(console)
    try:
        yield progress
    finally:
        progress.close()
