"""The lab's clock: real time, or faster by a factor. Delays of devices are lab seconds; nothing else may call `time`."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class LabClock:
    """`factor` 10 lets ten lab seconds pass in one real one. It is anchored, so that a restarted lab goes on where it was."""

    def __init__(self, factor: float = 1.0, anchor: tuple[float, float] | None = None) -> None:
        """`anchor`: (wall time, lab time at that moment), both seconds since 1970; kept by the state folder."""
        self.factor = factor
        self.anchor = anchor or (time.time(), time.time())

    def time(self) -> float:
        """Lab seconds since 1970."""
        wall, lab = self.anchor
        return lab + (time.time() - wall) * self.factor

    def wall(self) -> float:
        """Real seconds since 1970, whatever the factor: for what people outside the lab compare with their own clock."""
        return time.time()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def stamp(self) -> str:
        """Now as Redfish and NVUE print it, to the second."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    async def sleep(self, lab_s: float) -> None:
        await asyncio.sleep(lab_s / self.factor)

    def call_later(self, lab_s: float, call: Callable[[], None]) -> asyncio.TimerHandle | None:
        """Calls back after `lab_s`; outside a running loop (a test of the model alone) there is nobody to call back."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        return loop.call_later(max(0.0, lab_s) / self.factor, call)
