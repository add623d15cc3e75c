"""A take-over that is cancelled at any place: no password is lost, none is left half way, and no try is left unaccounted for."""

import itertools
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.exceptions import CancelledError
from temporalio.testing import ActivityEnvironment

from activities.takeover import take_over
from domain.bmc import Goal, TakenOver
from domain.secret import CredentialSlot
from tests.activities.test_bmc_takeover import FACTORY, World, _Watched, effects


def cancelled_at(world: World, place: int) -> bool:
    """Whether it was stopped: a cancel that comes while the last answer is read is a take-over that is done."""
    environment, count = ActivityEnvironment(), itertools.count()

    def disturb(_where: str) -> None:
        if next(count) == place:
            environment.cancel()

    world.bmc._disturb = disturb
    world.logins.secrets = _Watched(world.secrets, disturb)

    @activity.defn
    def taking() -> TakenOver:
        return take_over(world.logins, world.target, Goal.OWN)

    try:
        environment.run(taking)
    except CancelledError:
        return True
    return False


@pytest.mark.parametrize("must_change", [False, True])
def test_cancelled_anywhere_the_device_is_either_as_it_was_or_wholly_ours(tmp_path: Path, must_change: bool) -> None:
    (tmp_path / "count").mkdir()
    places = effects(tmp_path / "count", must_change=must_change)
    stopped_before_a_change = 0
    for place in range(places):
        folder = tmp_path / str(place)
        folder.mkdir()
        world = World(folder, must_change=must_change)
        stopped = cancelled_at(world, place)
        state = world.secrets.credential_state("s", "d")
        assert state.tries == (), f"cancelled at {place}: the next operation would wait for a lock-out window"
        assert not state.has_pending, place
        if state.has_current:
            ours = world.secrets.credential("s", "d", CredentialSlot.CURRENT).password.get_secret_value()
            assert world.bmc.password == ours, place
        else:
            assert stopped
            assert world.bmc.password == FACTORY, place
            stopped_before_a_change += 1
    assert 0 < stopped_before_a_change < places, (
        "it stops early where nothing is changed yet, and not where something is"
    )
