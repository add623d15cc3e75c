"""Seeding the faults of a switch: what is refused, what heals itself, what a restart keeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.virtual.faults import FaultUnknown
from lab.virtual.sitefile import Site
from lab.virtual.switch.device import SwitchDevice, open_switches
from lab.virtual.world import World
from tests.lab.virtual.switch.serving import SITE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(Site.model_validate(SITE), tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def switches(world: World) -> dict[str, SwitchDevice]:
    return open_switches(world)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("switch-lie", {"what": "weather"}),
        ("switch-apply-fails", {"state": "applied"}),
        ("switch-apply-hangs", {"state": "pending"}),
        ("switch-apply-hangs", {}),
        ("switch-reboot", {"seconds": "soon"}),
        ("switch-reboot", {"state": "pending"}),
        ("switch-foreign-apply", {"patch": "no json"}),
        ("switch-foreign-apply", {"patch": "{}", "when": "later"}),
        ("switch-foreign-apply", {"patch": "{}", "colour": "red"}),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    world: World, switches: dict[str, SwitchDevice], kind: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(FaultUnknown):
        world.faults.seed(kind, "leaf-a", arguments)
    assert world.faults.active() == []


def test_a_switch_fault_is_not_for_a_server(world: World, switches: dict[str, SwitchDevice]) -> None:
    with pytest.raises(FaultUnknown, match="s1 is a server"):
        world.faults.seed("switch-reboot", "s1")


def test_a_foreign_apply_happens_at_once_and_is_over(world: World, switches: dict[str, SwitchDevice]) -> None:
    world.faults.seed("switch-foreign-apply", "leaf-a", {"patch": '{"system": {"hostname": "renamed"}}'})
    assert switches["leaf-a"].applied["system"]["hostname"] == "renamed"
    assert world.faults.active() == []


def test_a_switch_that_lies_about_links_says_down_and_stays_up(world: World, switches: dict[str, SwitchDevice]) -> None:
    world.faults.seed("switch-lie", "leaf-a", {"what": "links"})
    switches["leaf-a"].apply_foreign({"interface": {"swp64": {"link": {"state": {"up": None, "down": {}}}}}})
    assert world.lldp_heard("leaf-b", "swp32") is not None
    world.faults.mend_all()
    switches["leaf-a"].apply_foreign({"system": {"hostname": "again"}})
    assert world.lldp_heard("leaf-b", "swp32") is None


def test_a_reboot_lets_the_other_ends_go_dark_and_outlives_a_restart_of_the_lab(
    world: World, switches: dict[str, SwitchDevice]
) -> None:
    told: list[str] = []
    world.observe_port(lambda end: told.append(str(end)))
    world.faults.seed("switch-reboot", "leaf-a", {"seconds": 10_000})
    assert "leaf-b:swp32" in told
    assert not world.link_up("leaf-b", "swp32")
    assert not switches["leaf-a"].reachable
    again = SwitchDevice(world, "leaf-a")
    assert not again.reachable
    assert not again.body.running


def test_a_factory_reset_brings_the_factory_login_back(world: World, switches: dict[str, SwitchDevice]) -> None:
    assert not switches["leaf-a"].factory_locked
    world.faults.seed("switch-factory-reset", "leaf-a")
    assert switches["leaf-a"].factory_locked
    switches["leaf-a"].set_password_at_console("cumulus", "EWSECRET-console1")
    assert not switches["leaf-a"].factory_locked


def test_what_a_device_remembers_of_changes_holds_no_hash(world: World, switches: dict[str, SwitchDevice]) -> None:
    switches["leaf-a"].set_password_at_console("cumulus", "EWSECRET-console1")
    switches["leaf-a"].apply_foreign({"system": {"hostname": "renamed"}})
    log = world.log.changes("leaf-a")
    assert [entry["what"] for entry in log] == ["nvue-running", "nvue-running"]
    assert "$6$" not in str(log)
