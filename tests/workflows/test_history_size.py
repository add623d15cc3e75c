"""Histories stay small: an operation that grows past Temporal's warning cannot be looked at any more, and then it is stopped."""

from collections import Counter

from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from domain.order import CONTROL_QUEUE
from tests.workflows.world import ORDER, World
from workflows.onboarding import SiteOnboarding

MOST = 500
"""What the design allows one run."""


async def events(environment: WorkflowEnvironment, id: str) -> Counter[str]:
    history = await environment.client.get_workflow_handle(id).fetch_history()
    return Counter(EventType.Name(event.event_type) for event in history.events)


async def test_a_full_rack_and_its_site_stay_within_what_one_run_may_have(
    environment: WorkflowEnvironment, world: World
) -> None:
    world.servers = tuple(f"r1-s{number:02}" for number in range(1, 33))
    await environment.client.execute_workflow(
        SiteOnboarding.run, ORDER, id="site/oslo-1/fabric", task_queue=CONTROL_QUEUE
    )
    for id in ("site/oslo-1/fabric", "site/oslo-1/rack/r1", "site/oslo-1/server/r1-s01"):
        counted = await events(environment, id)
        assert counted.total() <= MOST, (id, counted)


async def test_a_site_of_many_racks_stays_within_what_one_run_may_have(
    environment: WorkflowEnvironment, world: World
) -> None:
    world.racks = 20
    await environment.client.execute_workflow(
        SiteOnboarding.run, ORDER, id="site/oslo-1/fabric", task_queue=CONTROL_QUEUE
    )
    counted = await events(environment, "site/oslo-1/fabric")
    assert counted.total() <= MOST, counted
