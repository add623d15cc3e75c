"""What orchestration costs for each step: `python -m benchmarks.step_cost --quick`.

A bare workflow of 20 activities that do nothing, one after the other, is what Temporal itself costs here. Next to it, on the same
server and in turns with it, real onboardings of a site with one server that is onboarded already. Cost is the time in which no
activity ran at all, divided by the activities that ran: scheduling, queueing, workflow code, signals and children.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from benchmarks.bare_workflow import STEPS, TwentySteps, nothing
from benchmarks.figures import Options, Table, benchmark, spread
from benchmarks.generated_site import onboard, served
from benchmarks.system import System, own_system, used_between
from benchmarks.timeline import Timeline, timeline, union_s

QUEUE = "benchmark"
BOOKKEEPING = ("take_operation", "record_plan", "record_progress", "record_waiting", "end_operation", "read_holds")


@dataclass(frozen=True)
class Run:
    """`cpu`: seconds of Temporal's server and of our worker; the bare workflow's own worker is this process."""

    times: Timeline
    server_cpu_s: float
    worker_cpu_s: float

    @property
    def steps(self) -> int:
        return len(self.times.activities)

    @property
    def idle_s(self) -> float:
        whole = self.times.ended - self.times.began
        return whole - union_s((ran.started, ran.ended) for ran in self.times.activities)


def main() -> None:
    benchmark("step_cost", __doc__ or "", measure, runs=5)


def measure(options: Options) -> list[Table]:
    with own_system() as system:
        return asyncio.run(_measure(system, options.runs))


async def _measure(system: System, runs: int) -> list[Table]:
    client = await Client.connect(system.temporal, namespace="edgewright", data_converter=pydantic_data_converter)
    bare: list[Run] = []
    ours: list[Run] = []
    with served(system, "bench-steps", 1, 1, 70) as site, ThreadPoolExecutor(4) as threads:
        async with Worker(
            client, task_queue=QUEUE, workflows=[TwentySteps], activities=[nothing], activity_executor=threads
        ):
            await onboard(client, system.api(), site.name)
            await _bare(system, client)
            for _ in range(runs):
                bare.append(await _bare(system, client))
                before = system.cpu_seconds()
                times = await onboard(client, system.api(), site.name)
                used = used_between(before, system.cpu_seconds())
                ours.append(Run(times, used.get("temporal", 0.0), used.get("worker", 0.0)))
    return [_costs(bare, ours), _kinds(ours[-1])]


async def _bare(system: System, client: Client) -> Run:
    before, own = system.cpu_seconds(), time.process_time()
    name = f"bare-{uuid.uuid4()}"
    await client.execute_workflow(TwentySteps.run, STEPS, id=name, task_queue=QUEUE)
    own = time.process_time() - own
    used = used_between(before, system.cpu_seconds())
    return Run(await timeline(client, name), used.get("temporal", 0.0), own)


def _costs(bare: Sequence[Run], ours: Sequence[Run]) -> Table:
    def row(title: str, runs: Sequence[Run]) -> tuple[object, ...]:
        last = runs[-1]
        return (
            title,
            last.steps,
            len(last.times.workflows),
            spread([1000 * run.idle_s / run.steps for run in runs]),
            spread([1000 * sum(ran.queued_s for ran in run.times.activities) / run.steps for run in runs]),
            spread([1000 * run.server_cpu_s / run.steps for run in runs]),
            spread([1000 * run.worker_cpu_s / run.steps for run in runs]),
        )

    columns = (
        "what",
        "activities",
        "workflows",
        "orchestration per activity, ms",
        "of it: activity waits for a worker, ms",
        "CPU of Temporal per activity, ms",
        "CPU of the worker per activity, ms (ours: with the activities' own work)",
    )
    rows = (row(f"bare workflow of {STEPS} steps", bare), row("onboarding one known server again", ours))
    return Table("Orchestration", columns, rows)


def _kinds(run: Run) -> Table:
    books = run.times.of(*BOOKKEEPING)
    rows = (
        ("our own bookkeeping (rows of the operation)", len(books), f"{1000 * sum(ran.ran_s for ran in books):.0f}"),
        (
            "all activities",
            run.steps,
            f"{1000 * sum(ran.ran_s for ran in run.times.activities):.0f}",
        ),
        ("the whole operation", "", f"{1000 * (run.times.ended - run.times.began):.0f}"),
    )
    return Table("What the last onboarding's time was made of", ("part", "activities", "ran, ms"), rows)


if __name__ == "__main__":
    main()
