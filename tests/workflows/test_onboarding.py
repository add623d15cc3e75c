"""Site onboarding as an operator sees it, with activities of the same names and time that skips."""

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.artifact import ArtifactRef
from domain.finding import Report, Reported
from domain.hold import HoldQuery, Holds
from domain.onboarding import (
    Discovered,
    DiscoverOrder,
    Judged,
    JudgeOrder,
    LoadOrder,
    OnboardingReport,
    Opened,
    RackSize,
    ReadSwitchesOrder,
    Recorded,
    RecordOrder,
    Scanned,
    ScanOrder,
    ServerRead,
    ServerTask,
    SiteRef,
    SwitchesRead,
)
from domain.operation import (
    EndOrder,
    Operation,
    OperationState,
    Outcome,
    ProgressRecord,
    StepState,
    Taken,
    TakeOrder,
    WaitingRecord,
)
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE, Decision, DeclarationRef, Order, Progress
from worker.sandbox import workflow_runner
from worker.temporal import register_search_attributes
from workflows.onboarding import SiteOnboarding
from workflows.onboarding_rack import RackOnboarding, ServerOnboarding

REF = ArtifactRef(sha256="0" * 64, size=2)
SERVERS = ("r1-s01", "r1-s02", "r1-s03")
ORDER = Order(
    operation_id="op-1",
    kind="site-onboarding",
    target="oslo-1",
    region="nordics",
    site="oslo-1",
    declaration=DeclarationRef(kind="Site", name="oslo-1", version=1, digest="d"),
)
ROW = Operation(
    id="op-1",
    kind="site-onboarding",
    target="oslo-1",
    who="ada",
    state=OperationState.RUNNING,
    accepted_at=datetime(2026, 11, 24, tzinfo=UTC),
)


@dataclass
class World:
    """What the activities below find, and what was asked of them."""

    answering: int = 4
    unreadable: set[str] = field(default_factory=set)
    granted: bool = True
    record_failures: int = 0
    switches_busy: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    waits: list[str] = field(default_factory=list)
    outcome: Outcome | None = None

    @activity.defn
    async def take_operation(self, order: TakeOrder) -> Taken:
        return Taken(granted=self.granted, operation=ROW, why="" if self.granted else "op-1 was taken by another run")

    @activity.defn
    async def record_progress(self, order: ProgressRecord) -> Operation:
        return ROW

    @activity.defn
    async def record_waiting(self, order: WaitingRecord) -> Operation:
        self.waits += [f"{wait.key}: {wait.reason}" for wait in order.waiting]
        return ROW

    @activity.defn
    async def end_operation(self, order: EndOrder) -> Operation:
        self.outcome = order.outcome
        return ROW

    @activity.defn
    async def read_holds(self, order: HoldQuery) -> Holds:
        return Holds()

    @activity.defn
    async def report_findings(self, order: Report) -> Reported:
        self.calls[f"report {order.check}"] += 1
        return Reported()

    @activity.defn
    async def load_site(self, order: LoadOrder) -> SiteRef:
        return SiteRef(name="oslo-1", region="nordics", bundle=REF, racks=(RackSize(rack="r1", servers=SERVERS),))

    @activity.defn
    async def reach_out_of_band(self, order: ScanOrder) -> Scanned:
        self.calls["reach"] += 1
        return Scanned(tried=8, answering=self.answering, answers=REF)

    @activity.defn
    async def discover_devices(self, order: DiscoverOrder) -> Discovered:
        return Discovered(discovery=REF, servers=len(SERVERS), switches=1)

    @activity.defn
    async def read_switches(self, order: ReadSwitchesOrder) -> SwitchesRead:
        self.calls["read switches"] += 1
        if self.switches_busy:
            raise ApplicationError("r1-leaf-a is busy", type="switch-busy")
        return SwitchesRead(readings=REF, read=1, total=1)

    @activity.defn
    async def take_over_credentials(self, order: ServerTask) -> Opened:
        return Opened(changed=True)

    @activity.defn
    async def read_server(self, order: ServerTask) -> ServerRead:
        self.calls["read"] += 1
        if order.server in self.unreadable:
            raise ApplicationError(f"{order.server} refused", type="bmc-refused", non_retryable=True)
        return ServerRead(server=order.server, reading=REF)

    @activity.defn
    async def judge_rack(self, order: JudgeOrder) -> Judged:
        if order.rack is None:
            self.calls["judge trunks"] += 1
            return Judged(verdict=REF, good=0)
        quarantined = tuple(sorted(self.unreadable))
        assert set(order.troubles) == self.unreadable
        assert len(order.readings) == len(SERVERS) - len(quarantined)
        return Judged(verdict=REF, good=len(SERVERS) - len(quarantined), quarantined=quarantined)

    @activity.defn
    async def record_rack(self, order: RecordOrder) -> Recorded:
        self.calls["record rack"] += 1
        if self.record_failures:
            self.record_failures -= 1
            raise ApplicationError("NetBox refused the rack", type="inventory-refused", non_retryable=True)
        return Recorded(created=len(SERVERS))

    @activity.defn
    async def record_site(self, order: RecordOrder) -> Recorded:
        self.calls["record site"] += 1
        return Recorded()

    def activities(self) -> list[Any]:
        return [
            getattr(self, name)
            for name in dir(type(self))
            if hasattr(getattr(type(self), name), "__temporal_activity_definition")
        ]


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    server = shutil.which("temporal-test-server") or str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=server
    ) as env:
        await register_search_attributes(env.client)
        yield env


class Running:
    def __init__(self, handle: WorkflowHandle[SiteOnboarding, OnboardingReport]) -> None:
        self.handle = handle

    async def waits_at(self, key: str) -> Progress:
        """The progress once the operation waits there; bounded, so that a bug fails instead of hanging."""
        for _ in range(200):
            progress = await self.handle.query("progress", result_type=Progress)
            if progress.waiting and progress.waiting[0].key == key:
                return progress
        raise AssertionError(f"it never waited at {key}: {progress.steps}")


@pytest.fixture
async def world(environment: WorkflowEnvironment) -> AsyncIterator[World]:
    world = World()
    async with (
        Worker(
            environment.client,
            task_queue=CONTROL_QUEUE,
            workflows=[SiteOnboarding, RackOnboarding, ServerOnboarding],
            activities=world.activities(),
            workflow_runner=workflow_runner(),
        ),
        Worker(environment.client, task_queue=DEVICES_QUEUE, activities=world.activities()),
    ):
        yield world


async def start(environment: WorkflowEnvironment) -> Running:
    return Running(
        await environment.client.start_workflow(
            SiteOnboarding.run, ORDER, id="site/oslo-1/fabric", task_queue=CONTROL_QUEUE
        )
    )


def decision(why: str = "mended") -> Decision:
    return Decision(operation_id="op-1", by="ada", why=why)


async def test_a_clean_site_is_in_order_without_anybody_touching_it(environment: WorkflowEnvironment, world: World):
    report = await (await start(environment)).handle.result()
    assert (report.good, report.quarantined) == (3, ())
    assert world.outcome is not None
    assert world.outcome.state is OperationState.SUCCEEDED
    assert world.waits == []


async def test_one_bad_server_never_stops_the_others(environment: WorkflowEnvironment, world: World):
    world.unreadable = {"r1-s02"}
    report = await (await start(environment)).handle.result()
    assert (report.good, report.quarantined) == (2, ("r1-s02",))
    assert world.outcome is not None
    assert world.outcome.state is OperationState.PARTIAL
    assert "r1-s02" in world.outcome.details


async def test_a_network_nobody_answers_on_blocks_and_goes_on_when_it_is_mended(
    environment: WorkflowEnvironment, world: World
):
    world.answering = 0
    running = await start(environment)
    progress = await running.waits_at("reach")
    assert "Nothing answers at any of the 8" in progress.waiting[0].reason
    world.answering = 4
    await running.handle.execute_update("retry", decision())
    report = await running.handle.result()
    assert report.good == 3
    assert world.calls["reach"] == 2
    assert any(wait.startswith("reach: Nothing answers") for wait in world.waits)


async def test_a_step_that_cannot_be_skipped_says_so(environment: WorkflowEnvironment, world: World):
    world.answering = 0
    running = await start(environment)
    await running.waits_at("reach")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await running.handle.execute_update("skip", decision())
    assert "choose retry, abandon" in str(refused.value.cause)
    await running.handle.execute_update("abandon", decision("wrong site"))
    await running.handle.result()
    assert world.outcome is not None
    assert world.outcome.kind == "abandoned"


async def test_a_rack_that_netbox_refuses_is_tried_again_alone(environment: WorkflowEnvironment, world: World):
    world.record_failures = 1
    running = await start(environment)
    progress = await running.waits_at("servers")
    assert progress.waiting[0].reason == "NetBox refused the rack"
    await running.handle.execute_update("retry", decision())
    assert (await running.handle.result()).good == 3
    assert world.calls["record rack"] == 2


async def test_a_skipped_step_is_shown_as_skipped_by_whom(environment: WorkflowEnvironment, world: World):
    world.record_failures = 1
    running = await start(environment)
    await running.waits_at("servers")
    await running.handle.execute_update("skip", decision("later"))
    await running.handle.result()
    steps = {step.key: step for step in (await running.handle.query("progress", result_type=Progress)).steps}
    assert steps["servers"].state is StepState.SKIPPED
    assert steps["servers"].detail == "skipped by ada: later"


async def test_a_run_whose_row_is_anothers_ends_at_once(environment: WorkflowEnvironment, world: World):
    world.granted = False
    with pytest.raises(WorkflowFailureError):
        await (await start(environment)).handle.result()
    assert world.calls["reach"] == 0


async def test_cancelling_ends_the_row_as_cancelled(environment: WorkflowEnvironment, world: World):
    world.answering = 0
    running = await start(environment)
    await running.waits_at("reach")
    await running.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.handle.result()
    assert world.outcome is not None
    assert world.outcome.state is OperationState.CANCELLED


async def test_cancelling_while_a_step_is_tried_again_ends_the_row_as_cancelled(
    environment: WorkflowEnvironment, world: World
):
    world.switches_busy = True
    running = await start(environment)
    while not world.calls["read switches"]:
        await asyncio.sleep(0.05)
    await running.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.handle.result()
    assert world.outcome is not None
    assert world.outcome.state is OperationState.CANCELLED
