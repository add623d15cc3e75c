"""Runs take-overs of BMCs and switches in processes that are killed for real.

`python -m tests.activities.takeover_process` reads one JSON order a line, forks a child for it, and says how the child ended.
The child counts every write to the secret store and every request to the device, before and after, and kills itself with SIGKILL
at the one it was told. Product code knows nothing of it: the store is wrapped, and the transport's `send`.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.bmc import BmcTarget, DeviceTarget, Goal, TakenOver
from domain.nvue import SwitchTarget

ROOT = Path(__file__).parents[2]
WRITES = ("put", "forget", "store_pending", "promote_pending", "record_try", "clear_try")


class TakeoverProcess:
    """Asks for one take-over at a time; each runs in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self, target: DeviceTarget, secrets: Path, now: datetime, *, goal: Goal = Goal.OWN, kill_at: int | None = None
    ) -> dict[str, Any]:
        """`killed`, or `error` (with `kind` and `retry_after_s`), or `changed` with `points`: how many places there were."""
        order = {
            "target": target.model_dump(mode="json"),
            "secrets": str(secrets),
            "now": now.isoformat(),
            "goal": goal.value,
            "switch": isinstance(target, SwitchTarget),
            "kill_at": kill_at,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def takeover_process() -> Iterator[TakeoverProcess]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield TakeoverProcess(process)
    finally:
        process.kill()
        process.wait()


class _Fuse:
    def __init__(self, kill_at: int | None) -> None:
        self.points, self._kill_at = 0, kill_at

    def point(self) -> None:
        if self.points == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.points += 1


class _KillingStore:
    def __init__(self, store: Any, fuse: _Fuse) -> None:
        self._store, self._fuse = store, fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return method

        def around(*arguments: Any) -> Any:
            self._fuse.point()
            result = method(*arguments)
            self._fuse.point()
            return result

        return around


def _run(order: dict[str, Any]) -> dict[str, Any]:
    from domain.errors import EdgewrightError
    from tests.activities.file_secrets import FileSecrets

    fuse = _Fuse(order["kill_at"])
    store: Any = _KillingStore(FileSecrets(Path(order["secrets"])), fuse)
    now = datetime.fromisoformat(order["now"])
    take = _take_over_switch if order["switch"] else _take_over_bmc
    try:
        taken = take(order, store, now, fuse)
    except EdgewrightError as error:
        return {"error": str(error), "kind": error.kind, "retry_after_s": error.retry_after_s}
    return {"changed": taken.changed, "notes": taken.notes, "points": fuse.points}


def _take_over_bmc(order: dict[str, Any], store: Any, now: datetime, fuse: _Fuse) -> TakenOver:
    from activities.bmc_login import BmcDoors
    from activities.logins import Logins
    from activities.takeover import take_over
    from clients.redfish import RedfishBmcs
    from clients.redfish.trust import TrustingAdapter

    send = TrustingAdapter.send

    def killing_send(self: Any, *arguments: Any, **named: Any) -> Any:
        fuse.point()
        answer = send(self, *arguments, **named)
        _ = answer.content
        fuse.point()
        return answer

    TrustingAdapter.send = killing_send  # type: ignore[method-assign]
    logins = Logins(BmcDoors(RedfishBmcs(), store), store, lambda: now, secret_marker="EWSECRET")
    return take_over(logins, BmcTarget.model_validate(order["target"]), Goal(order["goal"]))


def _take_over_switch(order: dict[str, Any], store: Any, now: datetime, fuse: _Fuse) -> TakenOver:
    import httpx

    from activities.logins import Logins
    from activities.switch_login import SwitchDoors
    from activities.takeover import take_over
    from clients.nvue import NvueFactory, SwitchTimeouts

    handle = httpx.HTTPTransport.handle_request

    def killing_handle(self: Any, request: Any) -> Any:
        if request.method == "GET":
            # Looking how far an apply is, as often as there is time; a login is a read between two writes of the store.
            return handle(self, request)
        fuse.point()
        answer = handle(self, request)
        fuse.point()
        return answer

    httpx.HTTPTransport.handle_request = killing_handle  # type: ignore[method-assign]
    switches = NvueFactory(SwitchTimeouts(poll_s=0.1))
    logins = Logins(SwitchDoors(switches, store), store, lambda: now, secret_marker="EWSECRET")
    return take_over(logins, SwitchTarget.model_validate(order["target"]), Goal(order["goal"]))


def _serve() -> None:
    # Loaded once, here, so that a child costs a fork and not a start.
    for module in ("activities.bmc_login", "clients.redfish", "clients.nvue", "activities.switch_login"):
        importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                os.write(writing, json.dumps(_run(order)).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            answer = said.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(
            json.dumps({"killed": True}) if killed else answer or json.dumps({"error": "died", "kind": "died"}),
            flush=True,
        )


if __name__ == "__main__":
    _serve()
