"""Laws of the take-over, over thousands of ways to be cut off."""

import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.bmc_login import BmcDoors
from activities.logins import Logins
from activities.takeover import take_over
from domain.account import CredentialsUnknown, LoginBudgetSpent
from domain.bmc import (
    BmcAddress,
    BmcCertificateChanged,
    BmcLoginRefused,
    BmcRefused,
    BmcTarget,
    BmcUnreachable,
    DeviceTrust,
    Goal,
)
from domain.errors import EdgewrightError
from domain.secret import CredentialSlot, Login, SecretRef
from tests.activities.fake_bmc import FINGERPRINT, FakeBmc
from tests.activities.file_secrets import FileSecrets

FACTORY = "EWSECRET-factory-pw"
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WINDOW_S = 300.0


class Cut(BaseException):
    """Stands for a killed process: nothing of ours catches it."""


class World:
    """One BMC, one store, a clock; `cut_at` counts down over every effect, before and after it."""

    def __init__(self, folder: Path, **bmc: Any) -> None:
        self.now = START
        self.cut_in: int | None = None
        self.lose_in: int | None = None
        self.bmc = FakeBmc(bmc.pop("password", FACTORY), disturb=self._disturb, clock=lambda: self.now, **bmc)
        self.secrets = FileSecrets(folder / "secrets.json", durable=False)
        self.secrets.put(SecretRef(path="site/s/factory"), _login(FACTORY))
        self.target = BmcTarget(
            site="s",
            device="d",
            address=BmcAddress(host="127.0.0.1"),
            trust=DeviceTrust(pin=FINGERPRINT),
            factory=SecretRef(path="site/s/factory"),
            lockout_window_s=WINDOW_S,
        )
        watched: Any = _Watched(self.secrets, self._disturb)
        self.logins = Logins(BmcDoors(self.bmc, watched), watched, lambda: self.now)

    def _disturb(self, where: str) -> None:
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                raise Cut
        if self.lose_in is not None and where.startswith("after") and "store" not in where:
            self.lose_in -= 1
            if self.lose_in < 0:
                self.lose_in = None
                raise BmcUnreachable("the connection broke after the request", sent=True)

    def once(self, goal: Goal = Goal.OWN, *, cut_in: int | None = None, lose_in: int | None = None) -> Exception | None:
        """One attempt; what it raised of ours."""
        self.cut_in, self.lose_in = cut_in, lose_in
        try:
            take_over(self.logins, self.target, goal, not_before=START if goal is Goal.ROTATE else None)
        except Cut:
            return None
        except EdgewrightError as error:
            return error
        finally:
            self.cut_in = self.lose_in = None
        return None

    def finish(self, goal: Goal = Goal.OWN) -> None:
        """Retries as Temporal does, waiting as long as it is told to."""
        for _ in range(20):
            error = self.once(goal)
            if error is None:
                return
            assert isinstance(error, LoginBudgetSpent), error
            assert error.retry_after_s is not None
            self.wait(error.retry_after_s)
        raise AssertionError("it never ends")

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def owned(self) -> bool:
        state = self.secrets.credential_state("s", "d")
        if not state.has_current or state.has_pending or state.tries:
            return False
        current = self.secrets.credential("s", "d", CredentialSlot.CURRENT)
        return current.password.get_secret_value() == self.bmc.password != FACTORY


class _Watched:
    """A store whose every write is a place to be killed at, before and after."""

    def __init__(self, store: FileSecrets, disturb: Callable[[str], None]) -> None:
        self._store, self._disturb = store, disturb

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("put", "forget", "store_pending", "promote_pending", "record_try", "clear_try"):
            return method

        def watched(*arguments: Any) -> Any:
            self._disturb(f"before store {name}")
            result = method(*arguments)
            self._disturb(f"after store {name}")
            return result

        return watched


def _login(password: str) -> Login:
    return Login.model_validate({"username": "root", "password": password})


def effects(folder: Path, goal: Goal = Goal.OWN, **bmc: Any) -> int:
    """How many places there are to be cut off at in a run that is not."""
    world = World(folder, **bmc)
    counted = itertools.count()
    world.bmc._disturb = lambda _where: next(counted) and None
    world.logins.secrets = _Watched(world.secrets, lambda _where: next(counted) and None)
    take_over(world.logins, world.target, goal)
    return next(counted)


@pytest.mark.parametrize("must_change", [False, True])
def test_cut_off_anywhere_once_a_rerun_owns_the_bmc_and_it_was_never_locked(tmp_path: Path, must_change: bool) -> None:
    places = effects(tmp_path / "count", must_change=must_change) if (tmp_path / "count").mkdir() is None else 0
    assert places > 10
    for place in range(places):
        folder = tmp_path / str(place)
        folder.mkdir()
        world = World(folder, must_change=must_change)
        world.once(cut_in=place)
        assert world.bmc.password in world.secrets.passwords(), f"cut at {place}: nobody knows the password any more"
        world.finish()
        assert world.owned(), place
        assert world.bmc.most_failures <= 2, place
        assert not world.bmc.locked


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cuts=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 24)),
            st.one_of(st.none(), st.integers(0, 4)),
            st.sampled_from([0.0, 1.0, 40.0, 299.0, 301.0]),
            st.sampled_from(list(Goal)),
        ),
        max_size=5,
    ),
    must_change=st.booleans(),
    max_length=st.sampled_from([64, 20, 16]),
)
def test_cut_off_again_and_again_it_still_ends_with_our_password(
    cuts: list[tuple[int | None, int | None, float, Goal]], must_change: bool, max_length: int
) -> None:
    """Kills, lost answers, waits and other operations in any order."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), must_change=must_change, max_length=max_length)
        for cut_in, lose_in, pause_s, goal in cuts:
            # A person reclaims a BMC only after it was reset; here that is not so, and our own operations never do.
            world.once(Goal.OWN if goal is Goal.RECLAIM else goal, cut_in=cut_in, lose_in=lose_in)
            assert world.bmc.password in world.secrets.passwords()
            assert world.bmc.most_failures <= 2
            world.wait(pause_s)
        world.finish()
        assert world.owned()
        assert world.bmc.most_failures <= 2


def test_taking_over_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert take_over(world.logins, world.target, Goal.OWN).changed
    ours = world.bmc.password
    assert not take_over(world.logins, world.target, Goal.OWN).changed
    assert world.bmc.password == ours


def test_a_rotation_replaces_the_password_once_for_its_date(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.finish()
    first = world.bmc.password
    later = datetime.now(UTC)
    assert take_over(world.logins, world.target, Goal.ROTATE, not_before=later).changed
    assert world.bmc.password != first
    assert not take_over(world.logins, world.target, Goal.ROTATE, not_before=later).changed


def test_a_password_changed_by_somebody_else_costs_one_failed_try_and_is_for_a_person(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.finish()
    world.bmc.password = "set at the console"
    with pytest.raises(CredentialsUnknown, match="refused every login") as refused:
        take_over(world.logins, world.target, Goal.OWN)
    assert "edgewright credentials set" in refused.value.do
    assert world.bmc.failures == 1
    with pytest.raises(LoginBudgetSpent):
        take_over(world.logins, world.target, Goal.OWN)
    assert world.bmc.failures == 1, "the second operation did not touch it"


def test_a_bmc_back_at_its_factory_login_is_reclaimed_when_a_person_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.finish()
    world.bmc.password = FACTORY
    assert isinstance(world.once(), CredentialsUnknown)
    world.wait(WINDOW_S)
    world.finish(Goal.RECLAIM)
    assert world.owned()
    assert world.bmc.most_failures <= 2


def test_reading_with_a_wrong_password_is_tried_once_in_a_window_across_operations(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.finish()
    world.bmc.password = "set at the console"
    with pytest.raises(BmcLoginRefused), world.logins.open_session(world.target):
        pass
    for _ in range(3):
        with pytest.raises(LoginBudgetSpent), world.logins.open_session(world.target):
            pass
    assert world.bmc.failures == 1


def test_a_short_maximum_that_shows_only_by_refusal_is_met_with_a_shorter_password(tmp_path: Path) -> None:
    world = World(tmp_path, must_change=True, max_length=16)
    world.finish()
    assert len(world.bmc.password) == 16


def test_a_bmc_that_takes_no_password_of_ours_is_refused_with_its_own_words(tmp_path: Path) -> None:
    world = World(tmp_path, must_change=True, max_length=8)
    with pytest.raises(BmcRefused, match="too long"):
        take_over(world.logins, world.target, Goal.OWN)
    assert world.bmc.password == FACTORY


def test_a_certificate_accepted_first_is_remembered_before_any_login(tmp_path: Path) -> None:
    world = World(tmp_path)
    target = world.target.model_copy(update={"trust": DeviceTrust(first_use=True)})
    seen: list[str | None] = []
    connect = world.bmc.connect

    def watch(endpoint: Any, certificates: Any) -> Any:
        seen.append(certificates.sha256)
        if len(seen) > 2:
            raise BmcCertificateChanged("changed")
        return connect(endpoint, certificates)

    world.bmc.connect = watch  # type: ignore[method-assign]
    take_over(world.logins, target, Goal.OWN)
    world.bmc.identity = world.bmc.identity.model_copy(update={"certificate_sha256": "cd" * 32})
    take_over(world.logins, target, Goal.OWN)
    assert seen == [FINGERPRINT, FINGERPRINT]
