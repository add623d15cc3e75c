"""The proof: a BMC that locks after three failures, and a take-over killed (SIGKILL) at every point.

Every point is one of: before or after a write of the secret store, before or after a request to the BMC. The BMC is the lab's,
in a process of its own, and is asked afterwards what it saw.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.bmc import Goal
from domain.secret import CredentialSlot, Login
from tests.activities.file_secrets import FileSecrets
from tests.activities.takeover_process import TakeoverProcess, takeover_process
from tests.clients.redfish.lab_process import FACTORY_PASSWORD, FACTORY_REF, FACTORY_USER, SITE, LabBmcs, lab_bmcs

MOST_POINTS = 70
"""BMCs set up for the kills: a few more than there are points; the test fails if they do not suffice."""

WINDOW_S = 120.0
PROFILES = ("strict-lockout", "factory-password", "basic-only")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabBmcs]:
    profiles = {f"{profile}-{n}": profile for profile in PROFILES for n in range(MOST_POINTS)}
    with lab_bmcs(tmp_path_factory.mktemp("lab"), profiles, model="mgx-x86-1l40s", time_factor=1.0) as running:
        yield running


@pytest.fixture(scope="module")
def runner() -> Iterator[TakeoverProcess]:
    with takeover_process() as process:
        yield process


class Device:
    """One BMC of the lab with a secret store of its own and a clock that the lab follows."""

    def __init__(self, lab: LabBmcs, runner: TakeoverProcess, folder: Path, name: str) -> None:
        self.lab, self.name = lab, name
        self._runner = runner
        self.file = folder / f"{name}.json"
        self.secrets = FileSecrets(self.file)
        self.secrets.put(FACTORY_REF, Login.model_validate({"username": FACTORY_USER, "password": FACTORY_PASSWORD}))
        self.now = datetime.now(UTC)

    def once(self, *, kill_at: int | None = None, goal: Goal = Goal.OWN) -> dict[str, Any]:
        target = self.lab.target(self.name, lockout_window_s=WINDOW_S)
        return self._runner.run(target, self.file, self.now, kill_at=kill_at, goal=goal)

    def finish(self, goal: Goal = Goal.OWN) -> None:
        """Retries as the workflow's policy does: at once, or after the pause that it is told."""
        for _ in range(12):
            said = self.once(goal=goal)
            if "error" not in said:
                return
            assert said["kind"] in ("login-budget-spent", "bmc-unreachable"), said
            pause_s = said["retry_after_s"] or 0.0
            self.now += timedelta(seconds=pause_s)
            self.lab.advance(pause_s)
        raise AssertionError(f"{self.name} is never taken over")

    def somebody_knows_the_password(self) -> bool:
        return any(self.lab.opens_with(self.name, password) for password in set(self.secrets.passwords()))

    def prove_owned(self) -> None:
        state = self.secrets.credential_state(SITE, self.name)
        assert state.has_current
        assert not state.has_pending
        current = self.secrets.credential(SITE, self.name, CredentialSlot.CURRENT).password.get_secret_value()
        assert current != FACTORY_PASSWORD
        assert self.lab.opens_with(self.name, current)

    def prove_never_locked(self) -> None:
        """By the BMC's own log: the counter it keeps, each time it counted."""
        assert not self.lab.account(self.name)["locked"]
        assert not self.lab.changes(self.name, "account-locked")
        counted = [entry["failures"] for entry in self.lab.changes(self.name, "login-failed")]
        assert max(counted, default=0) <= 2


@pytest.mark.parametrize("profile", PROFILES)
def test_killed_at_every_point_a_rerun_owns_the_bmc_and_never_locked_it(
    lab: LabBmcs, runner: TakeoverProcess, tmp_path: Path, profile: str
) -> None:
    killed = 0
    for point in range(MOST_POINTS):
        device = Device(lab, runner, tmp_path, f"{profile}-{point}")
        said = device.once(kill_at=point)
        if not said.get("killed"):
            assert said.get("changed") is True, said
            assert said["points"] == point, "the kill came at every point there is"
            break
        killed += 1
        assert device.somebody_knows_the_password(), f"killed at {point}: the password is lost"
        device.finish()
        device.prove_owned()
        device.prove_never_locked()
    else:
        raise AssertionError(f"{MOST_POINTS} BMCs are not enough for every point")
    assert killed > 25


def test_killed_at_every_point_of_a_rotation_too(lab: LabBmcs, runner: TakeoverProcess, tmp_path: Path) -> None:
    """On one BMC, over and over: what one kill leaves behind is the next one's start."""
    device = Device(lab, runner, tmp_path, f"strict-lockout-{MOST_POINTS - 1}")
    device.finish()
    for point in range(MOST_POINTS):
        said = device.once(kill_at=point, goal=Goal.ROTATE)
        assert device.somebody_knows_the_password()
        if not said.get("killed") and "error" not in said:
            break
        device.now += timedelta(seconds=WINDOW_S + 1)
        device.lab.advance(WINDOW_S + 1)
    device.finish()
    device.prove_owned()
    device.prove_never_locked()


LOST = [
    (method, path, when)
    for method, path in (
        ("PATCH", "/redfish/v1/AccountService/*"),
        ("POST", "/redfish/v1/SessionService/*"),
        ("GET", "/redfish/v1/*"),
    )
    for when in ("before", "after")
]


@pytest.mark.parametrize(("method", "path", "when"), LOST)
def test_an_answer_lost_on_the_way_costs_a_retry_and_nothing_else(
    lab: LabBmcs, runner: TakeoverProcess, tmp_path: Path, method: str, path: str, when: str
) -> None:
    """Above all: the BMC changed its password, and the connection broke before it said so."""
    device = Device(lab, runner, tmp_path, f"strict-lockout-{MOST_POINTS - 10 + LOST.index((method, path, when))}")
    lab.seed("drop", device.name, times=1, method=method, path=path, when=when)
    device.finish()
    assert not any(fault for fault in lab.ask("faults") if fault == device.name), "the answer really was lost"
    device.prove_owned()
    device.prove_never_locked()
