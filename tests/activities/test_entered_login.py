"""A login that a person entered: it is tried first, replaced by a password of ours, and nothing is lost if they were wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.takeover import take_over
from domain.account import CredentialsUnknown
from domain.bmc import Goal
from domain.secret import CredentialSlot, Login
from tests.activities.reading_world import ReadingWorld
from tests.lab.virtual.site_fixtures import TestSite, running_site

SITE = "lab-one-rack"
LEAF = "r1-leaf-a"
BY_HAND = Login(username="cumulus", password=SecretStr("EWSECRET-by-hand-7"))


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path, time_factor=60.0) as site:
        yield site


@pytest.fixture
def world(rack: TestSite, tmp_path: Path) -> ReadingWorld:
    return ReadingWorld(rack, tmp_path / "worker")


def current(world: ReadingWorld) -> str:
    return world.secrets.credential(SITE, LEAF, CredentialSlot.CURRENT).password.get_secret_value()


def changed_by_hand(world: ReadingWorld) -> None:
    """Somebody sets another password with the one that we use."""
    target = world.switch(LEAF)
    login = Login(username=BY_HAND.username, password=SecretStr(current(world)))
    with world.switch_logins.connect(target) as door, door.log_in(login) as session:
        session.change_password(BY_HAND.password)


def test_what_a_person_entered_opens_the_switch_and_is_replaced(world: ReadingWorld) -> None:
    take_over(world.switch_logins, world.switch(LEAF), Goal.OWN)
    changed_by_hand(world)
    with pytest.raises(CredentialsUnknown) as unknown:
        take_over(world.switch_logins, world.switch(LEAF), Goal.OWN)
    assert f"edgewright credentials set {SITE}/{LEAF}" in unknown.value.do

    world.secrets.enter(SITE, LEAF, BY_HAND)
    discovery = world.discovery()
    # At once: what was refused before they entered it is no reason to wait.
    read = world.read_switches(discovery)
    assert LEAF in world.readings(read).not_ours, "a plan shows that its password will be changed"
    assert LEAF in world.take_over_switches(discovery, read).taken_over
    state = world.secrets.credential_state(SITE, LEAF)
    assert (state.has_current, state.has_entered, state.tries) == (True, False, ())
    assert world.opens(LEAF, current(world))
    assert not world.opens(LEAF, BY_HAND.password.get_secret_value()), "nobody else knows it any more"


def test_a_mistyped_login_loses_nothing_and_locks_nobody_out(world: ReadingWorld) -> None:
    take_over(world.switch_logins, world.switch(LEAF), Goal.OWN)
    before = current(world)
    world.secrets.enter(SITE, LEAF, Login(username="cumulus", password=SecretStr("EWSECRET-mistyped")))
    assert take_over(world.switch_logins, world.switch(LEAF), Goal.OWN).changed
    assert current(world) != before
    assert world.opens(LEAF, current(world))
    state = world.secrets.credential_state(SITE, LEAF)
    assert (state.has_entered, state.tries) == (False, ())
