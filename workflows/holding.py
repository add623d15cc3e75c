"""Where an operation stops while anybody holds its place; it goes on by itself when the hold is released."""

from collections.abc import Awaitable, Callable
from functools import partial

from temporalio import workflow

from domain.access import Place
from domain.hold import Hold, HoldQuery
from domain.operation import Choice, Waiting, WaitingRecord, WaitKind
from domain.order import Released
from workflows.calls import READ_HOLDS, RECORD_WAITING
from workflows.policies import HOLD_LOOK_AGAIN


class Boundary:
    """Hears of releases from the time it is made."""

    def __init__(self) -> None:
        self._releases = 0
        workflow.set_signal_handler("hold_released", self._released)  # pyright: ignore[reportUnknownMemberType]

    def _released(self, released: Released) -> None:
        self._releases += 1

    async def passed(
        self,
        place: Place,
        show: Callable[[tuple[Hold, ...]], Awaitable[None]],
        interrupted: Callable[[], bool] = lambda: False,
    ) -> bool:
        """True once nobody holds the place; False if it was interrupted while somebody did. `show` is told each time it looks."""
        while True:
            releases = self._releases
            held = await READ_HOLDS(HoldQuery(place=place))
            if not held.holds:
                return True
            await show(held.holds)
            try:
                await workflow.wait_condition(partial(self._told, releases, interrupted), timeout=HOLD_LOOK_AGAIN)
            except TimeoutError:
                continue
            if interrupted():
                return False

    def _told(self, releases: int, interrupted: Callable[[], bool]) -> bool:
        return self._releases > releases or interrupted()


class ChildsBoundary:
    """A child's: its wait stands in the operation's row beside those of others, and a release is told to the child itself."""

    def __init__(self, operation: str, object: str, step: str) -> None:
        self._operation, self._object, self._step = operation, object, step
        self._boundary = Boundary()
        self._shown = False

    async def pass_holds(self, place: Place) -> None:
        await self._boundary.passed(place, self._show)
        if self._shown:
            self._shown = False
            await RECORD_WAITING(WaitingRecord(operation=self._operation, cleared=(self._object,)))

    async def _show(self, holds: tuple[Hold, ...]) -> None:
        if self._shown:
            return
        self._shown = True
        waiting = Waiting(
            key=self._object,
            step=self._step,
            kind=WaitKind.HOLD,
            reason="; ".join(map(str, holds)),
            choices=(Choice.RELEASE,),
            since=workflow.now(),
            workflow_id=workflow.info().workflow_id,
            object=self._object,
        )
        await RECORD_WAITING(WaitingRecord(operation=self._operation, waiting=(waiting,)))
