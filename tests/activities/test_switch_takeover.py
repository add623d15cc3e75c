"""Taking over the logins of a virtual rack's switches: by the steps that BMCs are taken over by, through NVUE revisions."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.takeover import take_over
from clients.nvue import SwitchUnreachable
from domain.account import CredentialsUnknown, LoginBudgetSpent, PasswordNotTaken
from domain.bmc import DeviceTrust, Goal
from domain.secret import CredentialSlot, Login, SecretRef
from tests.activities.file_secrets import FileSecrets
from tests.activities.reading_world import WINDOW_S, ReadingWorld
from tests.activities.takeover_process import TakeoverProcess, takeover_process
from tests.lab.virtual.site_fixtures import TestSite, running_site

SITE = "lab-one-rack"
SWITCHES = ("r1-leaf-a", "r1-leaf-b", "r1-oob")
MOST_POINTS = 60


@pytest.fixture(scope="module")
def runner() -> Iterator[TakeoverProcess]:
    with takeover_process() as process:
        yield process


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path, time_factor=60.0) as site:
        yield site


@pytest.fixture
def world(rack: TestSite, tmp_path: Path) -> ReadingWorld:
    return ReadingWorld(rack, tmp_path / "worker")


def current(world: ReadingWorld, name: str) -> str:
    return world.secrets.credential(SITE, name, CredentialSlot.CURRENT).password.get_secret_value()


def test_every_switch_ends_with_a_password_of_its_own_and_twice_changes_nothing(world: ReadingWorld) -> None:
    discovery = world.discovery()
    read = world.read_switches(discovery)
    assert world.readings(read).not_ours == SWITCHES
    taken = world.take_over_switches(discovery, read)
    assert (taken.taken_over, taken.sightings, taken.read) == (SWITCHES, (), 3)
    passwords = {current(world, name) for name in SWITCHES}
    assert len(passwords) == 3
    assert all(world.opens(name, current(world, name)) for name in SWITCHES)
    assert not any(world.opens(name, world.site.login(name).password) for name in SWITCHES)

    changes = {name: world.site.changes(name) for name in SWITCHES}
    # A retry is asked the same again; the next onboarding reads first.
    assert world.take_over_switches(discovery, read).taken_over == ()
    again = world.read_switches(discovery)
    assert (again.read, world.readings(again).not_ours) == (3, ())
    assert world.take_over_switches(discovery, again) == again
    assert {current(world, name) for name in SWITCHES} == passwords
    assert {name: world.site.changes(name) for name in SWITCHES} == changes


def test_the_new_password_outlives_a_restart_of_the_switch(world: ReadingWorld) -> None:
    take_over(world.switch_logins, world.switch("r1-leaf-a"), Goal.OWN)
    world.site.seed("switch-reboot", "r1-leaf-a", seconds=30, times=1)
    assert world.site.changes("r1-leaf-a", "restart")
    deadline = time.monotonic() + 20
    while True:
        try:
            assert world.opens("r1-leaf-a", current(world, "r1-leaf-a"))
            break
        except SwitchUnreachable:
            # It shows itself for a moment while its web server still reloads.
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)


def test_killed_at_every_point_a_rerun_owns_the_switch_and_nobody_lost_its_password(
    world: ReadingWorld, runner: TakeoverProcess, tmp_path: Path
) -> None:
    """On one switch, each time with a store that knows only the installer's login, which is what the last run left."""
    target = world.switch("r1-leaf-a").model_copy(update={"trust": DeviceTrust(first_use=True)})
    user, password, killed = world.site.login("r1-leaf-a").user, world.site.login("r1-leaf-a").password, 0
    # Before each write to the store and each change at the switch; what is after one is before the next.
    for point in range(0, MOST_POINTS, 2):
        secrets = FileSecrets(tmp_path / f"{point}.json")
        secrets.put(SecretRef(path=target.factory.path), Login.model_validate({"username": user, "password": password}))
        said = runner.run(target, tmp_path / f"{point}.json", world.now, kill_at=point)
        if not said.get("killed"):
            assert said.get("changed") is True, said
            break
        killed += 1
        assert any(world.opens("r1-leaf-a", known) for known in secrets.passwords()), f"killed at {point}: lost"
        for _ in range(12):
            said = runner.run(target, tmp_path / f"{point}.json", world.now)
            if "error" not in said:
                break
            world.wait(said["retry_after_s"] or 0.0)
        state = secrets.credential_state(SITE, "r1-leaf-a")
        assert (state.has_current, state.has_pending, state.tries) == (True, False, ()), (point, said)
        password = secrets.credential(SITE, "r1-leaf-a", CredentialSlot.CURRENT).password.get_secret_value()
        assert world.opens("r1-leaf-a", password)
    else:
        raise AssertionError(f"{MOST_POINTS} points are not all")
    assert killed > 10


def test_a_rolled_back_change_keeps_both_passwords_is_a_finding_and_the_next_onboarding_finishes_it(
    world: ReadingWorld,
) -> None:
    discovery = world.discovery()
    world.site.seed("switch-apply-fails", "r1-leaf-b", times=1)
    taken = world.take_over_switches(discovery, world.read_switches(discovery))
    assert [(s.object, s.kind) for s in taken.sightings] == [(f"site/{SITE}/switch/r1-leaf-b", "switch-rolled-back")]
    assert (taken.read, set(taken.taken_over)) == (3, {"r1-leaf-a", "r1-oob"})
    assert world.secrets.credential_state(SITE, "r1-leaf-b").has_pending
    assert world.opens("r1-leaf-b", world.site.login("r1-leaf-b").password)

    read = world.read_switches(discovery)
    assert ([s.kind for s in read.sightings], read.read) == (["take-over-unfinished"], 2)
    assert world.readings(read).not_ours == ("r1-leaf-b",)
    taken = world.take_over_switches(discovery, read)
    assert (taken.taken_over, taken.sightings, taken.read) == (("r1-leaf-b",), (), 3)
    assert world.opens("r1-leaf-b", current(world, "r1-leaf-b"))


def test_a_switch_that_says_applied_and_lies_costs_one_counted_try_and_the_old_password_is_kept(
    world: ReadingWorld,
) -> None:
    target, factory = world.switch("r1-leaf-a"), world.site.login("r1-leaf-a").password
    world.switch_logins.connect(target).close()
    world.site.seed("switch-lie", "r1-leaf-a", what="apply")
    before = world.refused_logins("r1-leaf-a")  # with what a look without a login is answered
    with pytest.raises(PasswordNotTaken, match="still takes only the old one") as lied:
        take_over(world.switch_logins, target, Goal.OWN)
    assert "restart the switch" in lied.value.do
    assert world.refused_logins("r1-leaf-a") - before == 1
    for _ in range(2):
        with pytest.raises(LoginBudgetSpent, match="may lock the switch"):
            take_over(world.switch_logins, target, Goal.OWN)
    assert world.refused_logins("r1-leaf-a") - before == 1
    assert world.opens("r1-leaf-a", factory)
    world.site.mend()
    world.wait(WINDOW_S)
    assert take_over(world.switch_logins, target, Goal.OWN).changed
    assert world.opens("r1-leaf-a", current(world, "r1-leaf-a"))


def test_a_switch_whose_password_somebody_changed_is_for_a_person_and_says_switch(world: ReadingWorld) -> None:
    world.factory("switch", world.site.login("r1-leaf-a"), password="EWSECRET-wrong-one")
    with pytest.raises(CredentialsUnknown, match="refused every login") as refused:
        take_over(world.switch_logins, world.switch("r1-leaf-a"), Goal.OWN)
    assert f"edgewright credentials set {SITE}/r1-leaf-a --username NAME" in refused.value.do
    assert "BMC" not in str(refused.value)


def test_a_switch_whose_api_is_shut_is_a_finding_that_says_what_to_do_and_counts_no_try(world: ReadingWorld) -> None:
    discovery = world.discovery()
    world.site.seed("switch-factory-reset", "r1-oob", times=1)
    world.factory("switch", world.site.login("r1-oob"), password="cumulus")
    read = world.read_switches(discovery)
    oob = next(s for s in read.sightings if s.object.endswith("/r1-oob"))
    assert (oob.kind, "Log in once (console or SSH) and set a password" in oob.do) == (
        "factory-password-unchanged",
        True,
    )
    assert world.secrets.credential_state(SITE, "r1-oob").tries == ()
    assert "r1-oob" not in world.readings(read).not_ours
