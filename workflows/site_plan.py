"""Planning a site: what onboarding would change, from an observation that changes nothing."""

from temporalio import workflow

from domain.onboarding import Planned
from domain.operation import OperationState, Outcome
from domain.order import Order
from domain.plan import PlanSummary
from workflows import site_observation
from workflows.calls import PLAN_SITE
from workflows.runbook import Runbook
from workflows.site_observation import SiteObservation

TITLES = {**site_observation.TITLES, **site_observation.KNOWN, "plan": "Plan what would change"}


@workflow.defn
class SitePlan:
    """Makes a plan and keeps it by hash. Takes no lock and changes nothing, credentials included."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._book = Runbook(order, TITLES, waits=False)
        self._observation = SiteObservation(self._book, tells=False)

    @workflow.run
    async def run(self, order: Order) -> PlanSummary | None:
        planned = await self._book.carry_out(self._plan, outcome_of)
        return planned.summary if planned is not None else None

    async def _plan(self) -> Planned:
        observed = await self._observation.observe()
        asked = await self._observation.plan_order(observed)

        async def plan() -> Planned:
            planned = await PLAN_SITE(asked)
            await self._book.record_plan(planned.summary.hash)
            return planned

        return await self._book.must("plan", plan)


def outcome_of(planned: Planned) -> Outcome:
    plan = planned.summary
    counted = f"{plan.creates} to create, {plan.updates} to change, {plan.adopts} to adopt, {plan.flags} to look at"
    later = f"; {plan.deferred} servers show more when they are taken over" if plan.deferred else ""
    return Outcome(state=OperationState.SUCCEEDED, reason=f"{counted}{later}")
