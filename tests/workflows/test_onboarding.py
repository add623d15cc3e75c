"""Site onboarding as an operator sees it, with activities of the same names and time that skips."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from domain.access import Place
from domain.hold import Hold
from domain.onboarding import (
    OnboardingReport,
)
from domain.operation import (
    OperationState,
    StepState,
)
from domain.order import CONTROL_QUEUE, Decision, Progress, Released
from tests.workflows.world import ORDER, World
from workflows.onboarding import SiteOnboarding
from workflows.onboarding_rack import WINDOW


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


async def start(environment: WorkflowEnvironment) -> Running:
    return Running(
        await environment.client.start_workflow(
            SiteOnboarding.run, ORDER, id="site/oslo-1/fabric", task_queue=CONTROL_QUEUE
        )
    )


def hold(place: Place) -> Hold:
    return Hold(id="ho-1", place=place, reason="visitors", who="eva", since=datetime(2026, 11, 26, tzinfo=UTC))


def decision(why: str = "mended") -> Decision:
    return Decision(operation_id="op-1", by="ada", why=why)


async def test_a_clean_site_is_in_order_without_anybody_touching_it(environment: WorkflowEnvironment, world: World):
    report = await (await start(environment)).handle.result()
    assert (report.good, report.quarantined) == (3, ())
    assert world.outcome is not None
    assert world.outcome.state is OperationState.SUCCEEDED
    assert world.waits == []


async def test_unknown_bmcs_are_asked_who_they_are_only_where_a_missing_server_could_be_one(
    environment: WorkflowEnvironment, world: World
):
    await (await start(environment)).handle.result()
    assert (world.calls["name"], world.calls["take over switches"]) == (0, 1)
    world.nameable = True
    await (await start(environment)).handle.result()
    assert world.calls["name"] == 1


async def test_a_stale_plan_changes_no_switch(environment: WorkflowEnvironment, world: World):
    stale = ORDER.model_copy(update={"plan_hash": "b" * 64})
    await environment.client.execute_workflow(
        SiteOnboarding.run, stale, id="site/oslo-1/fabric", task_queue=CONTROL_QUEUE
    )
    assert world.outcome is not None
    assert (world.outcome.kind, world.calls["take over switches"]) == ("plan-stale", 0)
    assert world.calls["planned for ada"] == 1


async def test_racks_and_servers_are_found_by_their_site_and_operation(environment: WorkflowEnvironment, world: World):
    await (await start(environment)).handle.result()
    for child in ("site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"):
        described = await environment.client.get_workflow_handle(child).describe()
        found = {pair.key.name: pair.value for pair in described.typed_search_attributes}
        assert {"EwOperation": "op-1", "EwRegion": "nordics", "EwSite": "oslo-1"}.items() <= found.items()


async def test_one_bad_server_never_stops_the_others(environment: WorkflowEnvironment, world: World):
    world.unreadable = {"r1-s02"}
    report = await (await start(environment)).handle.result()
    assert (report.good, report.quarantined) == (2, ("r1-s02",))
    assert world.outcome is not None
    assert world.outcome.state is OperationState.PARTIAL
    assert "r1-s02" in world.outcome.details


async def test_a_server_that_another_hand_quarantined_is_not_in_order_and_is_told_once(
    environment: WorkflowEnvironment, world: World
):
    world.unreadable, world.kept_out = {"r1-s02"}, ("r1-s01", "r1-s02")
    report = await (await start(environment)).handle.result()
    assert (report.good, report.quarantined) == (1, ("r1-s02", "r1-s01"))
    assert world.outcome is not None
    assert (world.outcome.state, set(world.outcome.details)) == (OperationState.PARTIAL, {"r1-s01", "r1-s02"})


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
    assert world.outcome is not None
    assert (world.outcome.state, world.outcome.kind) == (OperationState.PARTIAL, "servers-left")
    assert world.outcome.details == ("r1-s01", "r1-s02", "r1-s03"), "what was skipped is not in order"
    steps = {step.key: step for step in (await running.handle.query("progress", result_type=Progress)).steps}
    assert steps["servers"].state is StepState.SKIPPED
    assert steps["servers"].detail == "skipped by ada: later"


async def test_a_hold_on_the_site_stops_it_before_any_password_is_changed_until_it_is_released(
    environment: WorkflowEnvironment, world: World
):
    world.holds = (hold(Place(region="nordics", site="oslo-1")),)
    running = await start(environment)
    waiting = await running.waits_at("accounts")
    assert "visitors" in waiting.waiting[0].reason
    assert world.calls["take over switches"] == world.calls["read"] == 0
    world.holds = ()
    await running.handle.signal("hold_released", Released(hold="ho-1", by="eva"))
    assert (await running.handle.result()).good == 3
    assert world.outcome is not None
    assert world.outcome.state is OperationState.SUCCEEDED


async def waits_for(world: World, ready: Callable[[], bool]) -> None:
    for _ in range(400):
        if ready():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it waits only for {world.waiting}")


async def release(environment: WorkflowEnvironment, world: World) -> None:
    """As the API does: whoever waits is told itself."""
    world.holds = ()
    for wait in tuple(world.waiting.values()):
        handle = environment.client.get_workflow_handle(wait.workflow_id)
        await handle.signal("hold_released", Released(hold="ho-1", by="eva"))


async def test_a_held_rack_waits_as_blocked_and_goes_on_when_it_is_released(
    environment: WorkflowEnvironment, world: World
):
    world.holds = (hold(Place(region="nordics", site="oslo-1", rack="r1")),)
    running = await start(environment)
    await waits_for(world, lambda: "r1" in world.waiting)
    assert "held by eva" in world.waiting["r1"].reason
    assert world.waiting["r1"].workflow_id == "site/oslo-1/rack/r1"
    assert world.calls["taking over"] == 0
    await release(environment, world)
    report = await running.handle.result()
    assert (report.good, report.racks[0].held, world.waiting) == (3, (), {})
    assert world.outcome is not None
    assert world.outcome.state is OperationState.SUCCEEDED


@pytest.mark.parametrize("place", [Place(), Place(region="nordics"), Place(region="nordics", site="oslo-1")], ids=str)
async def test_a_hold_that_is_placed_while_a_rack_is_under_way_stops_the_servers_that_are_not_begun(
    environment: WorkflowEnvironment, world: World, place: Place
):
    world.servers = tuple(f"r1-s{number:02}" for number in range(1, WINDOW + 5))
    world.holds_later = (hold(place),)
    running = await start(environment)
    # All are begun or wait; or as many wait as are spoken to at once, so that the others have no child yet.
    begun_or_waiting = {len(world.servers), len(world.servers) - 1}
    await waits_for(
        world,
        lambda: len(world.waiting) == WINDOW or len(world.waiting) + world.calls["taking over"] in begun_or_waiting,
    )
    assert world.calls["taking over"] < len(world.servers)
    assert len(world.waiting) >= len(world.servers) - WINDOW - 1
    await release(environment, world)
    assert (await running.handle.result()).good == len(world.servers)
    assert world.waiting == {}


async def test_a_held_operation_can_be_cancelled(environment: WorkflowEnvironment, world: World):
    world.holds = (hold(Place(region="nordics", site="oslo-1", rack="r1")),)
    running = await start(environment)
    await waits_for(world, lambda: "r1" in world.waiting)
    await running.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.handle.result()
    assert world.outcome is not None
    assert world.outcome.state is OperationState.CANCELLED
    assert world.calls["taking over"] == 0


async def test_a_held_server_is_left_alone_and_told(environment: WorkflowEnvironment, world: World):
    world.holds = (hold(Place(region="nordics", site="oslo-1", server="r1-s02")),)
    report = await (await start(environment)).handle.result()
    assert (report.good, report.racks[0].held) == (2, ("r1-s02",))
    assert world.calls["read r1-s02"] == 0
    assert world.outcome is not None
    assert world.outcome.state is OperationState.PARTIAL
    assert "held: r1-s02" in world.outcome.reason


async def test_a_secret_store_that_is_away_blocks_and_no_server_is_judged_by_it(
    environment: WorkflowEnvironment, world: World
):
    world.secrets_away = True
    running = await start(environment)
    waiting = await running.waits_at("servers")
    assert waiting.waiting[0].reason == "Vault is sealed."
    assert (world.calls["attest"], world.calls["record rack"]) == (0, 0)
    world.secrets_away = False
    await running.handle.execute_update("retry", decision())
    assert (await running.handle.result()).good == 3


async def test_a_run_whose_row_is_anothers_ends_at_once(environment: WorkflowEnvironment, world: World):
    world.granted = False
    with pytest.raises(WorkflowFailureError):
        await (await start(environment)).handle.result()
    assert world.calls["reach"] == 0


async def test_cancelling_ends_the_row_as_cancelled(environment: WorkflowEnvironment, world: World):
    world.answering = 0
    running = await start(environment)
    # A cancel that reaches the test server while it takes a workflow task's answer in can lock it up for good.
    await waits_for(world, lambda: "reach" in world.waiting)
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


async def test_a_system_that_does_not_answer_leaves_the_operation_partial_and_what_was_seen_is_recorded(
    environment: WorkflowEnvironment, world: World
):
    world.systems, world.systems_left = ("dns-1", "ntp-1"), ("ntp-1",)
    running = await start(environment)
    report = await running.handle.result()
    assert report.systems_left == ("ntp-1",)
    assert world.outcome is not None
    assert (world.outcome.state, world.outcome.kind) == (OperationState.PARTIAL, "systems-left")
    assert world.outcome.details == ("ntp-1",)
    assert "3 servers of oslo-1 are in order" in world.outcome.reason
    assert (world.calls["report systems"], world.calls["record systems"]) == (1, 1)
    progress = await running.handle.query("progress", result_type=Progress)
    assert {step.key: step.detail for step in progress.steps}["systems"] == "1 of 2 systems observed"


async def test_a_site_whose_systems_name_no_driver_asks_nobody_and_resolves_what_was_said_of_them(
    environment: WorkflowEnvironment, world: World
):
    await (await start(environment)).handle.result()
    assert (world.calls["observe systems"], world.calls["report systems"]) == (0, 1)


async def test_observing_systems_may_be_skipped_and_says_nothing_about_them(
    environment: WorkflowEnvironment, world: World
):
    world.systems, world.systems_busy = ("ntp-1",), True
    running = await start(environment)
    await running.waits_at("systems")
    await running.handle.execute_update("skip", Decision(operation_id="op-1", by="ada", why="the local IT is told"))
    await running.handle.result()
    assert world.outcome is not None
    assert (world.outcome.state, world.outcome.kind) == (OperationState.PARTIAL, "steps-skipped")
    assert (world.calls["report systems"], world.calls["record systems"]) == (0, 0)


async def test_a_cancelled_operation_ends_only_after_what_changes_devices_has_stopped(
    environment: WorkflowEnvironment, world: World
):
    world.taking_over = True
    running = await start(environment)
    while world.calls["taking over"] < len(world.servers):
        await asyncio.sleep(0.05)
    await running.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.handle.result()
    assert world.outcome is not None
    assert world.outcome.state is OperationState.CANCELLED
    assert world.stopped_before_the_end
