"""Records histories of every workflow on its paths, in time that skips, with the stand-ins of tests/workflows/world.py.

`scripts/record-histories [SCENARIO …]` writes them; the test in this folder replays them. A stored history is evidence of what an
older build did: it is recorded anew only in a commit of its own that says why.
"""

import asyncio
import gzip
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.access import Place
from domain.hold import Hold
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE, Decision, Order, Progress, Released
from tests.workflows.world import ORDER, PLAN_HASH, World
from worker.running import WORKFLOWS
from worker.sandbox import workflow_runner
from worker.temporal import register_search_attributes
from workflows.onboarding import SiteOnboarding
from workflows.onboarding_rack import RACKS_TOLD_OFTEN, WINDOW
from workflows.site_audit import FleetAudit, SiteAudit, StateWatch
from workflows.site_plan import SitePlan

HISTORIES = Path(__file__).parent / "histories"
HELD_SINCE = datetime(2026, 11, 26, tzinfo=UTC)
IDENTITY = "recorder"
"""Instead of the process and host that Temporal would write into each history."""


@dataclass
class Recorder:
    """A world, a worker on it, and what was run so far."""

    client: Client
    world: World

    async def start(self, workflow: Any, order: Order, id: str) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(workflow.run, order, id=id, task_queue=CONTROL_QUEUE)

    async def onboard(self, order: Order = ORDER) -> WorkflowHandle[Any, Any]:
        return await self.start(SiteOnboarding, order, "site/oslo-1/fabric")

    async def waits_at(self, handle: WorkflowHandle[Any, Any], key: str) -> None:
        for _ in range(400):
            progress = await handle.query("progress", result_type=Progress)
            if progress.waiting and progress.waiting[0].key == key:
                return
        raise AssertionError(f"it never waited at {key}")

    async def answer(self, handle: WorkflowHandle[Any, Any], choice: str) -> None:
        await handle.execute_update(choice, Decision(operation_id=ORDER.operation_id, by="ada", why="recorded"))


async def happy(recorder: Recorder) -> list[str]:
    await (await recorder.onboard(ORDER.model_copy(update={"plan_hash": PLAN_HASH}))).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"]


async def settles(recorder: Recorder) -> list[str]:
    """As of the build in which a cancelled workflow waits until what changes devices and NetBox has stopped."""
    await (await recorder.onboard()).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"]


async def full_rack(recorder: Recorder) -> list[str]:
    """More servers than are spoken to at once, in a site of so many racks that it hears of each only once."""
    recorder.world.servers = tuple(f"r1-s{number:02}" for number in range(1, WINDOW + 5))
    recorder.world.racks = RACKS_TOLD_OFTEN + 1
    await (await recorder.onboard()).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"]


async def plan_stale(recorder: Recorder) -> list[str]:
    await (await recorder.onboard(ORDER.model_copy(update={"plan_hash": "b" * 64}))).result()
    return ["site/oslo-1/fabric"]


async def named(recorder: Recorder) -> list[str]:
    """Servers are declared by serial, so unknown BMCs are asked who they are."""
    recorder.world.nameable = True
    await (await recorder.onboard()).result()
    return ["site/oslo-1/fabric"]


async def quarantined(recorder: Recorder) -> list[str]:
    recorder.world.unreadable = {"r1-s02"}
    await (await recorder.onboard()).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s02"]


async def quarantined_then_retried(recorder: Recorder) -> list[str]:
    await quarantined(recorder)
    recorder.world.unreadable = set()
    await (await recorder.onboard(ORDER.model_copy(update={"retry_of": ORDER.operation_id}))).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s02"]


async def cancelled(recorder: Recorder) -> list[str]:
    """While a server's child runs: rack and server are cancelled with their site."""
    recorder.world.servers_busy = True
    handle = await recorder.onboard()
    while not recorder.world.calls["read"]:
        await asyncio.sleep(0.05)
    await handle.cancel()
    await _failed(handle)
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"]


async def cancelled_while_changing(recorder: Recorder) -> list[str]:
    """While servers get their passwords: each stops before its lock goes, and the site ends last."""
    recorder.world.taking_over = True
    handle = await recorder.onboard()
    while recorder.world.calls["taking over"] < len(recorder.world.servers):
        await asyncio.sleep(0.05)
    await handle.cancel()
    await _failed(handle)
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"]


async def cancelled_while_blocked(recorder: Recorder) -> list[str]:
    recorder.world.answering = 0
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "reach")
    await handle.cancel()
    await _failed(handle)
    return ["site/oslo-1/fabric"]


async def blocked_then_skipped(recorder: Recorder) -> list[str]:
    recorder.world.record_failures = 1
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "servers")
    await recorder.answer(handle, "skip")
    await handle.result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1"]


async def blocked_then_retried(recorder: Recorder) -> list[str]:
    recorder.world.record_failures = 1
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "servers")
    await recorder.answer(handle, "retry")
    await handle.result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1"]


async def stores_away(recorder: Recorder) -> list[str]:
    """The secret store gives nothing for one of the servers: its rack stops, and nobody is quarantined."""
    recorder.world.secrets_away = True
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "servers")
    await recorder.answer(handle, "abandon")
    await handle.result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s02"]


async def held_then_released(recorder: Recorder) -> list[str]:
    """The site is held before its passwords change; one server stays held when the site is released."""
    of_the_server = Hold(
        id="ho-2",
        place=Place(region="nordics", site="oslo-1", server="r1-s02"),
        reason="a fan",
        who="eva",
        since=HELD_SINCE,
    )
    of_the_site = of_the_server.model_copy(update={"id": "ho-1", "place": Place(region="nordics", site="oslo-1")})
    recorder.world.holds = (of_the_site, of_the_server)
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "accounts")
    recorder.world.holds = (of_the_server,)
    await handle.signal("hold_released", Released(hold="ho-1", by="eva"))
    await handle.result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1"]


async def rack_held_then_released(recorder: Recorder) -> list[str]:
    """The rack waits as blocked; a second hold comes when its first server is begun, and stops those that are not."""
    held = Hold(
        id="ho-1", place=Place(region="nordics", site="oslo-1", rack="r1"), reason="a fan", who="eva", since=HELD_SINCE
    )
    recorder.world.servers = tuple(f"r1-s{number:02}" for number in range(1, WINDOW + 5))
    recorder.world.holds, recorder.world.holds_later = (held,), (held,)
    handle = await recorder.onboard()
    for waiting in (1, 4):
        while len(recorder.world.waiting) < waiting:
            await asyncio.sleep(0.05)
        recorder.world.holds = ()
        for wait in tuple(recorder.world.waiting.values()):
            held_up = recorder.client.get_workflow_handle(wait.workflow_id)
            await held_up.signal("hold_released", Released(hold="ho-1", by="eva"))
    await handle.result()
    return ["site/oslo-1/rack/r1", f"site/oslo-1/server/r1-s{WINDOW + 4:02}"]


async def abandoned(recorder: Recorder) -> list[str]:
    recorder.world.answering = 0
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "reach")
    await recorder.answer(handle, "abandon")
    await handle.result()
    return ["site/oslo-1/fabric"]


async def grown(recorder: Recorder) -> list[str]:
    """The declaration has one server more than last time."""
    await (await recorder.onboard()).result()
    recorder.world.servers = (*recorder.world.servers, "r1-s04")
    await (await recorder.onboard(ORDER.model_copy(update={"operation_id": "op-2"}))).result()
    return ["site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s04"]


async def not_ours(recorder: Recorder) -> list[str]:
    recorder.world.granted = False
    await _failed(await recorder.onboard())
    return ["site/oslo-1/fabric"]


async def planned(recorder: Recorder) -> list[str]:
    await (await recorder.start(SitePlan, ORDER.model_copy(update={"kind": "site-plan"}), "site-plan/op-1")).result()
    return ["site-plan/op-1"]


async def audited(recorder: Recorder) -> list[str]:
    order = ORDER.model_copy(update={"kind": "site-audit"})
    await (await recorder.start(SiteAudit, order, "site-audit/op-1")).result()
    return ["site-audit/op-1"]


async def systems(recorder: Recorder) -> list[str]:
    """Other systems are observed too: planned, onboarded with one that does not answer, audited."""
    recorder.world.systems, recorder.world.systems_left = ("dns-1", "ntp-1"), ("ntp-1",)
    await (await recorder.start(SitePlan, ORDER.model_copy(update={"kind": "site-plan"}), "site-plan/op-1")).result()
    await (await recorder.onboard()).result()
    await (await recorder.start(SiteAudit, ORDER.model_copy(update={"kind": "site-audit"}), "site-audit/op-1")).result()
    return ["site-plan/op-1", "site/oslo-1/fabric", "site-audit/op-1"]


async def systems_skipped(recorder: Recorder) -> list[str]:
    recorder.world.systems, recorder.world.systems_busy = ("ntp-1",), True
    handle = await recorder.onboard()
    await recorder.waits_at(handle, "systems")
    await recorder.answer(handle, "skip")
    await handle.result()
    return ["site/oslo-1/fabric"]


async def unreached(recorder: Recorder) -> list[str]:
    """Nobody answers for one of two sites: its audit and its plan end, and the fleet's audit goes on."""
    recorder.world.sites, recorder.world.dark = ("bergen-1", "oslo-1"), {"oslo-1"}
    fleet = Order(operation_id="", kind="fleet-audit", target="fleet")
    await (await recorder.start(FleetAudit, fleet, "fleet-audit/fleet")).result()
    await (await recorder.start(SitePlan, ORDER.model_copy(update={"kind": "site-plan"}), "site-plan/op-1")).result()
    return ["fleet-audit/fleet", "site-audit/scheduled/oslo-1", "site-plan/op-1"]


async def scheduled(recorder: Recorder) -> list[str]:
    """A schedule's runs open their own rows."""
    fleet = Order(operation_id="", kind="fleet-audit", target="nordics", region="nordics")
    await (await recorder.start(FleetAudit, fleet, "fleet-audit/nordics")).result()
    watch = fleet.model_copy(update={"kind": "state-watch"})
    await (await recorder.start(StateWatch, watch, "state-watch/nordics")).result()
    return ["fleet-audit/nordics", "site-audit/scheduled/oslo-1", "state-watch/nordics"]


SCENARIOS: dict[str, Callable[[Recorder], Awaitable[list[str]]]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        happy, settles, named, plan_stale, quarantined, quarantined_then_retried, cancelled, cancelled_while_blocked,
        blocked_then_skipped, cancelled_while_changing, held_then_released, rack_held_then_released, full_rack,
        blocked_then_retried, stores_away, abandoned, grown, not_ours, planned, audited, systems,
        systems_skipped, unreached, scheduled,
    )
}  # fmt: skip
"""Each ends with the ids of the workflows whose newest runs are kept."""


async def record(names: list[str]) -> list[Path]:
    written: list[Path] = []
    for name in names:
        async with _recorder() as recorder:
            for id in await SCENARIOS[name](recorder):
                history = await recorder.client.get_workflow_handle(id).fetch_history()
                kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
                file = HISTORIES / f"{name}.{kind}.json.gz"
                document = {"id": id, "history": history.to_json_dict()}
                text = json.dumps(document, indent=1, sort_keys=True).encode()
                file.write_bytes(gzip.compress(text, mtime=0))
                written.append(file)
    return written


@asynccontextmanager
async def _recorder() -> AsyncIterator[Recorder]:
    server = shutil.which("temporal-test-server") or str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=server, identity=IDENTITY
    ) as environment:
        client = environment.client
        await register_search_attributes(client)
        world = World()
        control = Worker(
            client,
            task_queue=CONTROL_QUEUE,
            workflows=WORKFLOWS,
            activities=world.activities(),
            workflow_runner=workflow_runner(),
            identity=IDENTITY,
        )
        devices = Worker(
            client,
            task_queue=DEVICES_QUEUE,
            activities=world.activities(),
            identity=IDENTITY,
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
        )
        async with control, devices:
            yield Recorder(client, world)


async def _failed(handle: WorkflowHandle[Any, Any]) -> None:
    try:
        await handle.result()
    except WorkflowFailureError:
        return
    raise AssertionError(f"{handle.id} was to end as failed or cancelled")


def main() -> None:
    names = sys.argv[1:] or list(SCENARIOS)
    if unknown := sorted(set(names) - set(SCENARIOS)):
        sys.exit(f"There is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}.")
    for file in asyncio.run(record(names)):
        print(f"{file.relative_to(HISTORIES.parent)}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
