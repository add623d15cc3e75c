"""How long `edgewright up` and `down` take, and what memory stands after: `python -m benchmarks.start_times --quick`.

The first `up` makes a state folder of its own; the caches of the machine (NetBox's environment, packages) are warm, as on any
machine where it ran once. Measured as a person sees it, with the start of the command itself.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Options, Table, benchmark, spread
from benchmarks.system import out
from lab.embedded import Home, Stack, free_ports, netbox_environment
from lab.embedded.guard import guarded
from lab.embedded.ports import variable_of

EDGEWRIGHT = [sys.executable, str(Path(sysconfig.get_path("scripts")) / "edgewright")]


def main() -> None:
    benchmark("start_times", __doc__ or "", measure, runs=3)


def measure(options: Options) -> list[Table]:
    if not netbox_environment.is_made():
        raise SystemExit("NetBox's environment is not made yet, so the caches are cold. Run `edgewright up` once.")
    took: dict[str, list[float]] = {}
    memory: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(options.runs):
        _one(took, memory)
    return [
        Table("Seconds", ("command", "s"), tuple((name, spread(values)) for name, values in took.items())),
        Table(
            "Memory after the second start, nothing onboarded, MB (shared pages divided fairly among those who map them: PSS)",
            ("service", "resident", "fair share"),
            tuple((name, spread(rss), spread(pss)) for name, (rss, pss) in memory.items()),
        ),
    ]


def _one(took: dict[str, list[float]], memory: dict[str, tuple[list[float], list[float]]]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ew-bench-") as folder,
        guarded(Stack(Home.of(folder), free_ports())) as stack,
    ):
        ports = {variable_of(name): str(port) for name, port in stack.ports.model_dump().items()}
        environment = {**os.environ, **ports, "EDGEWRIGHT_HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for name, command in (
            ("first `up`", "up"),
            ("`up` while it runs", "up"),
            ("`down`", "down"),
            ("later `up`", "up"),
        ):
            began = time.perf_counter()
            subprocess.run([*EDGEWRIGHT, command], env=environment, stdout=subprocess.DEVNULL, check=True, timeout=600)
            took.setdefault(name, []).append(time.perf_counter() - began)
            out.print(f"{name}: {took[name][-1]:.1f} s")
        rows = stack.status()
        for row in rows:
            rss, pss = memory.setdefault(row.title, ([], []))
            rss.append(row.rss / 1e6)
            pss.append(row.pss / 1e6)
        rss, pss = memory.setdefault("all", ([], []))
        rss.append(sum(row.rss for row in rows) / 1e6)
        pss.append(sum(row.pss for row in rows) / 1e6)


if __name__ == "__main__":
    main()
