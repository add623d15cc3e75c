"""BIOS attributes, virtual media, boot source: each read back, each changed once, each fault named."""

from collections.abc import Iterator

import pytest

from clients.redfish import RedfishBmc
from domain.bmc import BmcRefused
from domain.bmc_setup import (
    BiosNotApplied,
    BiosNotPending,
    BiosUnknown,
    BiosWaits,
    BootNotOffered,
    BootNotTaken,
    BootOverride,
    BootTarget,
    MediaNotInserted,
    MediaUnreachable,
    SecureBootNotTaken,
)
from domain.hardware import PowerState
from domain.secret import Login
from tests.clients.redfish.conftest import Client
from tests.lab.virtual.image_server import Images, images

CD = BootOverride(target=BootTarget.CD)
IMAGE_LOGIN = Login.model_validate({"username": "agent", "password": "EWSECRET-image"})


@pytest.fixture
def served() -> Iterator[Images]:
    with images() as server:
        server.put("/agent.iso", b"iso")
        server.put("/other.iso", b"iso")
        yield server


def restart(bmc: RedfishBmc) -> None:
    bmc.ensure_power(PowerState.OFF, patience_s=100)
    bmc.ensure_power(PowerState.ON, patience_s=100)


@pytest.mark.parametrize("habit", ["victim", "no-expand", "no-etag", "old-style", "reset-task"])
def test_bios_settings_wait_for_a_reset_and_are_read_back_after_it(client: Client, habit: str) -> None:
    with client.opened(habit) as bmc:
        before = bmc.read_bios().attributes["SerialBaudRate"]
        wanted = {"SerialBaudRate": 57600 if before != 57600 else 9600, "BootMode": "Uefi"}
        first = bmc.set_bios(wanted)
        assert (first.changed, first.needs_reset) == (("SerialBaudRate",), True)
        again = bmc.set_bios(wanted)
        assert (again.changed, again.needs_reset) == ((), True)
        assert bmc.read_bios().attributes["SerialBaudRate"] == before
        with pytest.raises(BiosWaits, match="wait for a reset: SerialBaudRate"):
            bmc.require_bios(wanted)
        restart(bmc)
        bmc.require_bios(wanted)
        after = bmc.set_bios(wanted)
        assert (after.changed, after.needs_reset) == ((), False)
    assert len([e for e in client.lab.changes(habit, "bios-pending") if e["by"] != "firmware"]) == 1


def test_a_bios_that_drops_its_settings_is_found_out_after_the_reset(client: Client) -> None:
    client.lab.seed("bios-ignores", "victim", times=1)
    with client.opened("victim") as bmc:
        wanted = {"SriovEnable": not bmc.read_bios().attributes["SriovEnable"]}
        bmc.set_bios(wanted)
        restart(bmc)
        with pytest.raises(BiosNotApplied, match="SriovEnable is"):
            bmc.require_bios(wanted)
        bmc.set_bios(wanted)
        restart(bmc)
        bmc.require_bios(wanted)


def test_what_is_not_pending_although_the_bmc_said_yes_is_told(client: Client) -> None:
    client.lab.seed("lie", "victim", about="patch")
    with client.opened("victim") as bmc, pytest.raises(BiosNotPending, match="NumaNodesPerSocket"):
        bmc.set_bios({"NumaNodesPerSocket": 4})


def test_an_unknown_attribute_changes_nothing_and_a_wrong_value_is_the_bmcs_word(client: Client) -> None:
    with client.opened("plain") as bmc:
        with pytest.raises(BiosUnknown, match="no attribute WarpDrive"):
            bmc.set_bios({"WarpDrive": True, "SriovEnable": False})
        with pytest.raises(BmcRefused) as refused:
            bmc.set_bios({"SerialBaudRate": 7, "SriovEnable": False})
        assert refused.value.message_id.endswith("PropertyValueOutOfRange")
        assert bmc.read_bios().pending == {}


def test_the_defaults_come_back_with_the_next_reset(client: Client) -> None:
    with client.opened("victim") as bmc:
        bmc.set_bios({"PxeDevice": "Disabled"})
        restart(bmc)
        bmc.reset_bios()
        restart(bmc)
        bmc.require_bios({"PxeDevice": "Nic1"})


def test_secure_boot_is_set_once_and_in_force_after_a_reset(client: Client) -> None:
    with client.opened("victim") as bmc:
        for on in (False, True):
            first, again = bmc.set_secure_boot(on), bmc.set_secure_boot(on)
            assert (first.changed, first.needs_reset) == (True, True)
            assert (again.changed, again.needs_reset) == (False, True)
            restart(bmc)
            after = bmc.set_secure_boot(on)
            assert (after.changed, after.needs_reset) == (False, False)
            assert bmc.read_hardware().secure_boot is on
        client.lab.seed("lie", "victim", about="patch")
        with pytest.raises(SecureBootNotTaken):
            bmc.set_secure_boot(False)


@pytest.mark.parametrize("habit", ["plain", "system-media", "no-expand", "sparse", "basic-only"])
def test_an_image_goes_in_once_wherever_the_drive_hangs(client: Client, served: Images, habit: str) -> None:
    image = served.url("/agent.iso")
    with client.opened(habit) as bmc:
        first = bmc.insert_media(image)
        assert first.changed
        assert ("/Systems/" in first.slot) is (habit == "system-media")
        assert not bmc.insert_media(image).changed
        assert bmc.insert_media(served.url("/other.iso")).changed, "in place of the other one"
        assert bmc.eject_media()
        assert not bmc.eject_media()
    assert len(client.lab.changes(habit, "media-inserted")) == 2


def test_an_image_behind_a_login_takes_the_login(client: Client, served: Images) -> None:
    locked = served.put("/locked.iso", b"iso", login="agent:EWSECRET-image")
    with client.opened("plain") as bmc:
        with pytest.raises(BmcRefused) as refused:
            bmc.insert_media(locked)
        assert refused.value.message_id.endswith("ResourceAtUriUnauthorized")
        assert bmc.insert_media(locked, login=IMAGE_LOGIN).changed
        bmc.eject_media()
    asked = [e["body"] for e in client.lab.requests("plain") if e["path"].endswith("InsertMedia")]
    assert (asked[-1]["UserName"], asked[-1]["Password"]) == ("agent", "***")


def test_an_image_that_cannot_be_reached_is_told_apart_from_a_refusal(client: Client) -> None:
    with client.opened("plain") as bmc, pytest.raises(MediaUnreachable, match="cannot get"):
        bmc.insert_media("http://127.0.0.1:9/none.iso")


def test_media_that_is_gone_again_is_noticed_and_put_back(client: Client, served: Images) -> None:
    image = served.url("/agent.iso")
    with client.opened("victim") as bmc:
        bmc.insert_media(image)
        client.lab.seed("media-ejected", "victim", times=1)
        with pytest.raises(MediaNotInserted):
            bmc.insert_media(image)
        assert bmc.insert_media(image).changed
        bmc.eject_media()


def test_media_that_a_restart_of_the_bmc_took_is_put_back(client: Client, served: Images) -> None:
    image = served.url("/agent.iso")
    for _ in range(2):
        with client.opened("forgetful-media") as bmc:
            assert bmc.insert_media(image).changed
            assert not bmc.insert_media(image).changed
        client.restart_bmc("forgetful-media")


def test_a_boot_source_is_set_once_used_once_and_really_booted_from(client: Client, served: Images) -> None:
    image = served.url("/agent.iso")
    with client.opened("victim") as bmc:
        bmc.insert_media(image)
        assert bmc.set_boot(CD)
        assert not bmc.set_boot(CD)
        restart(bmc)
        assert client.lab.booted("victim") == {"from": "Cd", "image": image}
        restart(bmc)
        assert client.lab.booted("victim") == {"from": "Hdd", "image": ""}
        bmc.eject_media()
    set_by_us = [e for e in client.lab.changes("victim", "boot-override") if e["by"] == "root"]
    assert len(set_by_us) == 1


def test_a_boot_over_http_stays_until_it_is_taken_back(client: Client) -> None:
    http = BootOverride(target=BootTarget.HTTP, once=False, uri="http://127.0.0.1/agent.efi")
    with client.opened("victim") as bmc:
        assert bmc.set_boot(http)
        for _ in range(2):
            restart(bmc)
            assert client.lab.booted("victim") == {"from": "UefiHttp", "image": "http://127.0.0.1/agent.efi"}
        assert bmc.set_boot(BootOverride(target=BootTarget.NONE))
        assert not bmc.set_boot(BootOverride(target=BootTarget.NONE))
        restart(bmc)
    assert client.lab.booted("victim")["from"] == "Hdd"


def test_a_boot_source_that_is_not_taken_is_told(client: Client) -> None:
    client.lab.seed("lie", "victim", about="patch")
    with client.opened("victim") as bmc, pytest.raises(BootNotTaken, match="acknowledged the boot source Pxe"):
        bmc.set_boot(BootOverride(target=BootTarget.PXE))


def test_a_boot_source_that_is_not_offered_is_not_asked_for(client: Client) -> None:
    with client.opened("old-style") as bmc, pytest.raises(BootNotOffered, match="it offers None, Pxe"):
        bmc.set_boot(BootOverride(target=BootTarget.HTTP))
