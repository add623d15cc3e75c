"""Plans and audits change nothing and wait for nobody: what cannot be looked at is told, and the others go on."""

from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.finding import Severity
from domain.fleet import FleetReport
from domain.onboarding import AuditReport
from domain.operation import OperationState
from domain.order import CONTROL_QUEUE, Order
from tests.workflows.world import ORDER, World
from workflows.site_audit import FleetAudit, SiteAudit
from workflows.site_plan import SitePlan

FLEET = Order(operation_id="", kind="fleet-audit", target="fleet")
AUDIT = ORDER.model_copy(update={"kind": "site-audit"})


async def run(environment: WorkflowEnvironment, workflow: Any, order: Order) -> Any:
    return await environment.client.execute_workflow(
        workflow, order, id=f"{order.kind}/{order.target}", task_queue=CONTROL_QUEUE
    )


async def test_a_site_that_is_not_reached_stops_no_other_sites_audit(
    environment: WorkflowEnvironment, world: World
) -> None:
    world.sites, world.dark = ("bergen-1", "oslo-1", "turku-1"), {"bergen-1"}
    report: FleetReport = await run(environment, FleetAudit.run, FLEET)
    assert (report.audited, report.unreached, report.failed) == (2, ("bergen-1",), ())
    fleet, bergen = world.outcomes["op-fleet"], world.outcomes["op-bergen-1"]
    assert (fleet.state, fleet.details) == (OperationState.PARTIAL, ("bergen-1",))
    assert "bergen-1" in fleet.reason
    assert (bergen.state, bergen.kind) == (OperationState.PARTIAL, "site-unreachable")
    assert world.outcomes["op-oslo-1"].state is OperationState.SUCCEEDED
    assert world.waits == []


async def test_a_site_whose_audit_fails_stops_no_other(environment: WorkflowEnvironment, world: World) -> None:
    world.sites, world.lost = ("bergen-1", "oslo-1"), {"bergen-1"}
    report: FleetReport = await run(environment, FleetAudit.run, FLEET)
    assert (report.audited, report.failed) == (1, ("bergen-1",))
    bergen = world.outcomes["op-bergen-1"]
    assert bergen.state is OperationState.FAILED
    assert "bergen-1's declaration is gone" in bergen.reason


async def test_not_reached_is_a_critical_finding_and_nothing_else_is_said_until_it_is_reached_again(
    environment: WorkflowEnvironment, world: World
) -> None:
    world.dark = {"oslo-1"}
    left: AuditReport = await run(environment, SiteAudit.run, AUDIT)
    assert "Nothing answers at any of the 8" in left.unreached
    (told,) = world.reports
    (sighting,) = told.sightings
    assert (told.check, sighting.kind, sighting.severity) == ("reach", "site-unreachable", Severity.CRITICAL)
    assert sighting.object == "site/oslo-1"
    world.dark, world.reports = set(), []
    assert not (await run(environment, SiteAudit.run, AUDIT)).unreached
    (resolved,) = world.reports
    assert (resolved.check, resolved.sightings) == ("reach", ())


@pytest.mark.parametrize("dark", [True, False])
async def test_a_plan_that_cannot_see_the_site_ends_and_says_why(
    environment: WorkflowEnvironment, world: World, dark: bool
) -> None:
    world.dark, world.lost = ({"oslo-1"}, set[str]()) if dark else (set[str](), {"oslo-1"})
    assert await run(environment, SitePlan.run, ORDER.model_copy(update={"kind": "site-plan"})) is None
    assert world.outcome is not None
    assert world.outcome.state is OperationState.FAILED
    assert world.outcome.kind == ("out-of-band-unreachable" if dark else "not-read")
    assert world.outcome.do
    assert world.waits == []
