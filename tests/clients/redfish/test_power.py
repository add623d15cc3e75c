"""Power: on, off, twice, and by BMCs that do not say the truth at once."""

import time

import pytest

from clients.redfish import BmcTimeouts, RedfishBmcs
from clients.redfish.wire import Wire
from domain.bmc import BmcRefused, PowerUnchanged
from domain.hardware import PowerState
from tests.clients.redfish.conftest import BASIC, TIME_FACTOR, Client

ON, OFF = PowerState.ON, PowerState.OFF


@pytest.mark.parametrize("habit", ["plain", "slow-boot-state", "reset-task", "old-style", "basic-only"])
def test_off_and_on_again_each_changes_once(client: Client, habit: str) -> None:
    with client.opened(habit) as bmc:
        off = bmc.ensure_power(OFF, patience_s=60)
        assert (off.changed, off.before, off.power_state) == (True, ON, OFF)
        assert not bmc.ensure_power(OFF, patience_s=60).changed
        on = bmc.ensure_power(ON, patience_s=60)
        assert (on.changed, on.power_state) == (True, ON)
        assert not bmc.ensure_power(ON, patience_s=60).changed
    resets = [e for e in client.lab.requests(habit) if e["path"].endswith("ComputerSystem.Reset")]
    assert [entry["body"]["ResetType"] for entry in resets] == ["ForceOff", "On"]


def test_what_is_on_its_way_is_waited_for_and_not_reset_again(client: Client) -> None:
    """A try of ours that was cut off after its reset, or somebody at the front panel."""
    with client.opened("victim") as bmc:
        bmc.ensure_power(OFF, patience_s=60)
        wire = Wire(client.endpoint("victim"), client.pin("victim"), timeouts=BmcTimeouts())
        wire.use_basic(BASIC)
        path = "/redfish/v1/Systems/system/Actions/ComputerSystem.Reset"
        assert wire.send("POST", path, {"ResetType": "On"}).status == 204
        wire.close()
        assert bmc.ensure_power(ON, patience_s=60).power_state is ON
    resets = [e for e in client.lab.requests("victim") if e["path"].endswith("ComputerSystem.Reset")]
    assert [entry["body"]["ResetType"] for entry in resets] == ["ForceOff", "On"]


def test_a_bmc_that_says_yes_and_does_nothing_is_found_out(client: Client) -> None:
    client.lab.seed("lie", "victim", about="reset")
    with client.opened("victim") as bmc, pytest.raises(PowerUnchanged) as unchanged:
        bmc.ensure_power(OFF, patience_s=5)
    assert unchanged.value.retryable
    assert "look at the server" in unchanged.value.do


def test_a_refused_reset_is_the_bmcs_word(client: Client) -> None:
    client.lab.seed("error", "victim", method="POST", path="*ComputerSystem.Reset", status=400)
    with client.opened("victim") as bmc, pytest.raises(BmcRefused, match="refused ResetType=ForceOff"):
        bmc.ensure_power(OFF, patience_s=5)


def test_somebody_who_watches_hears_where_it_stands(client: Client) -> None:
    heard: list[str] = []
    watched = RedfishBmcs(BmcTimeouts(), sleep=lambda s: time.sleep(s / TIME_FACTOR / 4))
    with client.opened("reset-task", bmcs=watched) as bmc:
        bmc.ensure_power(OFF, patience_s=100, beat=heard.append)
        bmc.ensure_power(ON, patience_s=100, beat=heard.append)
    assert any("ResetType" in line or "waiting for" in line for line in heard)


@pytest.mark.parametrize(("device", "waited_s"), [("nameless", 5), ("nameless-new", 0)])
def test_a_habit_known_by_model_and_firmware_is_met_after_login(client: Client, device: str, waited_s: int) -> None:
    """The old state may shine through for 5 s, up to a firmware: only then is an unchanged one read again for so long."""
    client.lab.seed("lie", device, about="reset")
    with client.opened(device) as bmc:
        for _ in range(2):
            with pytest.raises(PowerUnchanged, match=f"still reads On {waited_s} s"):
                bmc.ensure_power(OFF, patience_s=0)
    reads = [entry["path"] for entry in client.lab.requests(device) if entry["method"] == "GET"]
    assert reads.count("/redfish/v1/Managers") == 1
