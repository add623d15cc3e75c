"""Twenty activities that do nothing, one after the other: what Temporal itself costs. Apart, so that its sandbox loads nothing else."""

from datetime import timedelta

from temporalio import activity, workflow

STEPS = 20


@activity.defn
def nothing(number: int) -> int:
    """The least that an activity can do."""
    return number


@workflow.defn
class TwentySteps:
    """One activity after the other, and nothing between them."""

    @workflow.run
    async def run(self, steps: int) -> int:
        for number in range(steps):
            await workflow.execute_activity(nothing, number, start_to_close_timeout=timedelta(seconds=60))
        return steps
