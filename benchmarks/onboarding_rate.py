"""How many servers a minute are onboarded, and what bounds it: `python -m benchmarks.onboarding_rate --quick`.

For each size a new virtual site is served and onboarded, over the API. Counted apart, from Temporal's histories:
- observing: from the start until the site is scanned, everything that answers is identified, and the switches are read;
- verifying: the time in which a rack was between its start and its verdict (credentials taken over, hardware and firmware read,
  compared with class and cabling); for racks side by side, the time in which any of them was;
- recording: the time in which anything was being recorded in NetBox, waiting for a free slot included.
Above four racks the racks come in turns, so verifying and recording overlap and are each slower for it.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.figures import Options, Table, benchmark, load, spread
from benchmarks.generated_site import onboard, served
from benchmarks.system import System, out, own_system, used_between
from benchmarks.timeline import Timeline, union_s

SIZES = (8, 64, 512)
RACK = 32
"""Servers of a rack in the larger sites."""

TOLD = 12
"""Activities listed by the time they took."""


@dataclass(frozen=True)
class Run:
    size: int
    times: Timeline
    cpu: dict[str, float]
    load: str

    @property
    def observing_s(self) -> float:
        # The first thing recorded is the frame that the racks' records hang on.
        return min(ran.scheduled for ran in self.times.of("record_site")) - self.times.began

    @property
    def verifying_s(self) -> float:
        racks = {w.id: w.began for w in self.times.workflows if w.kind == "RackOnboarding"}
        judged = [ran for ran in self.times.of("judge_rack") if ran.workflow in racks]
        return union_s((racks[ran.workflow], ran.ended) for ran in judged)

    @property
    def recording_s(self) -> float:
        return union_s((ran.scheduled, ran.ended) for ran in self.times.of("record_site", "record_rack"))

    @property
    def whole_s(self) -> float:
        return self.times.ended - self.times.began


def main() -> None:
    benchmark("onboarding_rate", __doc__ or "", measure, runs=3, sizes=SIZES)


def measure(options: Options) -> list[Table]:
    with own_system() as system:
        return asyncio.run(_measure(system, options))


async def _measure(system: System, options: Options) -> list[Table]:
    client = await Client.connect(system.temporal, namespace="edgewright", data_converter=pydantic_data_converter)
    # The first operation of a new worker loads its workflows; that is not what we ask about.
    await _run(system, client, 1, 90)
    runs: list[list[Run]] = []
    for at, size in enumerate((2,) if options.quick else options.sizes):
        # The largest takes as long as all others together; it is run once.
        times = options.runs if size <= 64 else 1
        runs.append([await _run(system, client, size, 10 * at + number + 1) for number in range(times)])
    return [_rates(runs), *(_activities(of_size[-1]) for of_size in runs), _processors([r[-1] for r in runs])]


async def _run(system: System, client: Client, size: int, seed: int) -> Run:
    racks = -(-size // RACK)
    with served(system, f"bench-{size}-{seed}", racks, size // racks, seed) as site:
        before, began = system.cpu_seconds(), time.monotonic()
        times = await onboard(client, system.api(), site.name)
        run = Run(site.servers, times, used_between(before, system.cpu_seconds()), load())
        out.print(
            f"{site.servers} servers in {time.monotonic() - began:.0f} s: observed {run.observing_s:.1f}, "
            f"verified {run.verifying_s:.1f}, recorded {run.recording_s:.1f}; load {run.load}"
        )
        return run


def _rates(runs: list[list[Run]]) -> Table:
    def row(of_size: list[Run]) -> tuple[object, ...]:
        size = of_size[0].size
        return (
            size,
            len(of_size),
            spread([60 * size / r.verifying_s for r in of_size]),
            spread([60 * size / (r.observing_s + r.verifying_s) for r in of_size]),
            spread([60 * size / r.recording_s for r in of_size]),
            spread([60 * size / r.whole_s for r in of_size]),
            spread([r.whole_s for r in of_size]),
            of_size[-1].load,
        )

    columns = (
        "servers",
        "runs",
        "discovered → verified, per minute",
        "with scan and switches, per minute",
        "recorded, per minute",
        "end to end, per minute",
        "end to end, s",
        "load at the end",
    )
    return Table("Servers per minute", columns, tuple(map(row, runs)))


def _activities(run: Run) -> Table:
    """Where the time went: all activities of one kind together, over all that ran side by side."""
    kinds: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for ran in run.times.activities:
        kinds[ran.name].append((ran.queued_s, ran.ran_s, ran.attempts))
    ordered = sorted(kinds.items(), key=lambda kind: -sum(q + r for q, r, _ in kind[1]))[:TOLD]
    rows = [
        (
            name,
            len(all_of),
            spread([queued for queued, _, _ in all_of]),
            spread([ran for _, ran, _ in all_of]),
            f"{sum(ran for _, ran, _ in all_of):.1f}",
            sum(attempts > 1 for _, _, attempts in all_of),
        )
        for name, all_of in ordered
    ]
    columns = ("activity", "calls", "waited for a slot, s", "ran, s", "ran together, s", "tried again")
    return Table(f"{run.size} servers: activities (each call: min / median / max; the last run)", columns, tuple(rows))


def _processors(runs: list[Run]) -> Table:
    names = sorted({name for run in runs for name in run.cpu})
    rows = [
        (
            run.size,
            *(f"{1000 * run.cpu.get(name, 0.0) / run.size:.0f}" for name in names),
            f"{sum(run.cpu.values()) / run.whole_s:.2f}",
        )
        for run in runs
    ]
    return Table("CPU milliseconds per server, end to end", ("servers", *names, "cores busy with it"), tuple(rows))


if __name__ == "__main__":
    main()
