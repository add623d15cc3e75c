"""Can this build go on with what is running? Replays every open history, before a new worker would trip over one."""

from collections.abc import Callable, Sequence

from temporalio.client import Client
from temporalio.worker import Replayer

from domain.errors import Conflict
from domain.model import Model
from domain.order import CONTROL_QUEUE
from worker.running import WORKFLOWS
from worker.sandbox import workflow_runner
from worker.settings import TemporalSettings, written_by_up
from worker.temporal import connect_patiently


class DoesNotReplay(Conflict):
    """Operations are open that this build would run differently from the one that began them."""

    kind = "does-not-replay"


class Stuck(Model):
    """One workflow that this build cannot go on with."""

    workflow_id: str
    kind: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.workflow_id}: {self.why}"


class Replayed(Model):
    count: int
    stuck: tuple[Stuck, ...] = ()


async def replay_open(client: Client, workflows: Sequence[type] = WORKFLOWS, queue: str = CONTROL_QUEUE) -> Replayed:
    """Fetches and replays one after the other; runs no activity and changes nothing. What is no workflow of ours is left out."""
    replayer = Replayer(workflows=workflows, data_converter=client.data_converter, workflow_runner=workflow_runner())
    count, stuck = 0, list[Stuck]()
    async for found in client.list_workflows(f"ExecutionStatus = 'Running' AND TaskQueue = '{queue}'"):
        history = await client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        count += 1
        if result.replay_failure is not None:
            why = str(result.replay_failure).splitlines()[0][:300]
            stuck.append(Stuck(workflow_id=found.id, kind=found.workflow_type, why=why))
    return Replayed(count=count, stuck=tuple(stuck))


async def replay_from_environment(say: Callable[[str], None]) -> None:
    """Raises `DoesNotReplay`, after each was named."""
    settings = TemporalSettings(_env_file=written_by_up())  # pyright: ignore[reportCallIssue]
    replayed = await replay_open(await connect_patiently(settings, within_s=60))
    for stuck in replayed.stuck:
        say(str(stuck))
    if replayed.stuck:
        raise DoesNotReplay(
            f"{len(replayed.stuck)} of {replayed.count} open workflows do not replay with this build.",
            do="Let the former build end them, or terminate them (`edgewright terminate OPERATION`) and apply again.",
        )
    say(f"{replayed.count} open workflows replay with this build.")
