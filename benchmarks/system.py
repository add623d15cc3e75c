"""A system of a benchmark's own: all services in a folder and on ports of its own, gone at the end, also if it is killed."""

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console

from cli.client import ApiClient
from cli.target import Target
from lab.embedded import Home, Stack, free_ports, processes, temporal
from lab.embedded.guard import guarded
from lab.embedded.progress import Silent, shown
from lab.embedded.runner import Runner
from lab.embedded.secret_files import SecretFiles
from lab.virtual.running import RunningSite

for _unwanted in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(_unwanted, None)  # each changes or slows what we measure; see lab.embedded.processes

out = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class System:
    """The running services, and the virtual site if one is served."""

    stack: Stack
    lab: RunningSite | None = None
    _runners: dict[str, Runner] = field(default_factory=dict[str, Runner])

    @property
    def home(self) -> Home:
        return self.stack.home

    @property
    def temporal(self) -> str:
        return temporal.address(self.stack.ports)

    def api(self) -> ApiClient:
        token = SecretFiles(self.home.secrets).api_admin_token_file.read_text().strip()
        return ApiClient(Target(f"http://127.0.0.1:{self.stack.ports.api}", token))

    def cpu_seconds(self) -> dict[str, float]:
        """By service, since each was started; what its ended children used is in it once they are waited for."""
        if not self._runners:
            services = self.stack.services().items()
            self._runners = {name: Runner(self.home, s, Silent()) for name, s in services if not s.once}
        used = {name: sum(map(_cpu_of, runner.members())) for name, runner in self._runners.items()}
        if self.lab is not None:
            used["lab"] = sum(map(_cpu_of, processes.members(self.lab.record, self.home.root)))
        return used


@contextmanager
def own_system(only: Collection[str] = ()) -> Iterator[System]:
    """Everything, or the named services and what they need."""
    with tempfile.TemporaryDirectory(prefix="ew-bench-") as folder:
        home = Home.of(Path(folder) / "home")
        with guarded(Stack(home, free_ports())) as guard, shown(out) as progress:
            stack = Stack(home, guard.ports, progress)
            stack.up(only)
            yield System(stack)


def used_between(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """CPU seconds by service, without those that used none worth telling."""
    used = {name: value - before.get(name, 0.0) for name, value in after.items()}
    return {name: value for name, value in used.items() if value >= 0.05}


def _cpu_of(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
