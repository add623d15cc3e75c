"""Erasing drives: by capability, once, and never more sure of it than the BMC is."""

import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest

from clients.redfish import RedfishBmc
from domain.bmc import BmcBusy, BmcSessionLost, BmcUnreachable
from domain.bmc_work import (
    DriveChanged,
    DriveErase,
    DriveEraseFailed,
    DriveEraseRefused,
    DriveMissing,
    DriveNotErasable,
    EraseMethod,
    TaskStalled,
    TaskUnfinished,
)
from tests.clients.redfish.conftest import Client
from tests.clients.redfish.lab_process import FACTORY_PASSWORD, FACTORY_USER

CRYPTO, BLOCK, OVERWRITE = EraseMethod.CRYPTOGRAPHIC, EraseMethod.BLOCK, EraseMethod.OVERWRITE
DISKS = "disks"
MARKER = "somebody's data"


def order(client: Client, bmc: RedfishBmc, slot: str = "NVMe0", device: str = DISKS, **more: Any) -> DriveErase:
    """Of the drive as it stands there now, with a marker on it and everything of before long ago."""
    client.lab.write(device, slot, MARKER)
    client.lab.advance(100)
    values: dict[str, Any] = {"slot": slot, "serial": client.lab.serial(device, slot), "since": bmc.read_clock()}
    return DriveErase(**{**values, **more})


def begun(client: Client, device: str = DISKS) -> int:
    return len(client.lab.changes(device, "erase-begun"))


def test_drives_are_read_with_what_each_can_do(client: Client) -> None:
    with client.opened(DISKS) as bmc:
        read = bmc.read_drives()
    assert [(drive.slot, drive.protocol) for drive in read] == [
        ("NVMe0", "NVMe"),
        ("NVMe1", "SATA"),
        ("NVMe2", "NVMe"),
        ("NVMe3", "NVMe"),
    ]
    assert [drive.methods for drive in read] == [(CRYPTO, BLOCK), (OVERWRITE,), (), (CRYPTO, BLOCK)]
    assert [drive.serial for drive in read] == [client.lab.serial(DISKS, drive.slot) for drive in read]


def test_what_stands_in_action_info_only_is_read_there(client: Client) -> None:
    with client.opened("system-media") as bmc:
        assert {drive.methods for drive in bmc.read_drives()} == {(CRYPTO, BLOCK)}


@pytest.mark.parametrize(
    ("slot", "methods", "used"),
    [
        ("NVMe0", (CRYPTO, BLOCK), CRYPTO),
        ("NVMe0", (BLOCK, CRYPTO), BLOCK),
        ("NVMe1", (CRYPTO, BLOCK, OVERWRITE), OVERWRITE),
    ],
)
def test_the_first_method_that_the_drive_offers_is_used(
    client: Client, slot: str, methods: tuple[EraseMethod, ...], used: EraseMethod
) -> None:
    heard: list[str] = []
    with client.opened(DISKS) as bmc:
        done = bmc.erase_drive(order(client, bmc, slot, methods=methods), patience_s=300, beat=heard.append)
    assert (done.method, done.begun, done.slot) == (used, True, slot)
    assert done.started is not None
    assert done.ended is not None
    assert done.ended > done.started
    assert client.lab.content(DISKS, slot) == ""
    assert any("%" in line for line in heard)


@pytest.mark.parametrize("habit", ["no-expand", "basic-only", "no-etag", "old-style"])
def test_habits_do_not_keep_a_drive_from_being_erased(client: Client, habit: str) -> None:
    with client.opened(habit) as bmc:
        done = bmc.erase_drive(order(client, bmc, device=habit), patience_s=300)
    assert client.lab.content(habit, "NVMe0") == ""
    assert bool(done.task) is (habit != "old-style"), "which makes no task of it"


@pytest.mark.parametrize("slot", ["NVMe1", "NVMe2"])
def test_a_drive_that_offers_nothing_allowed_is_left_alone(client: Client, slot: str) -> None:
    with client.opened(DISKS) as bmc, pytest.raises(DriveNotErasable, match=f"{slot} of disks"):
        bmc.erase_drive(order(client, bmc, slot), patience_s=10)
    assert client.lab.content(DISKS, slot) == MARKER


def test_another_drive_in_the_bay_is_never_erased(client: Client) -> None:
    with client.opened(DISKS) as bmc:
        other = client.lab.serial(DISKS, "NVMe3")
        with pytest.raises(DriveChanged, match=r"That one stands in NVMe3 now\. Nothing was erased"):
            bmc.erase_drive(order(client, bmc, serial=other), patience_s=10)
        client.lab.seed("drive-missing", DISKS, part="NVMe3")
        with pytest.raises(DriveMissing, match="no drive in NVMe3"):
            bmc.erase_drive(
                order(client, bmc, slot="NVMe0", serial=other).model_copy(update={"slot": "NVMe3"}), patience_s=10
            )
    client.lab.mend()
    assert client.lab.content(DISKS, "NVMe0") == MARKER


def test_a_finished_erase_is_found_and_not_done_again(client: Client) -> None:
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc), begun(client)
        bmc.erase_drive(wanted, patience_s=300)
        again = bmc.erase_drive(wanted, patience_s=300)
        assert (again.begun, again.method, begun(client)) == (False, CRYPTO, before + 1)
        # Somebody has written to it since: what was done before that moment counts for nothing.
        assert bmc.erase_drive(order(client, bmc), patience_s=300).begun
    assert begun(client) == before + 2
    assert client.lab.content(DISKS, "NVMe0") == ""


def test_an_erase_whose_answer_was_lost_is_found_by_the_next_try(client: Client) -> None:
    client.lab.seed("drop", DISKS, method="POST", path="*SecureErase", when="after", times=1)
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc, methods=(BLOCK,)), begun(client)
        with pytest.raises(BmcUnreachable):
            bmc.erase_drive(wanted, patience_s=300)
        done = bmc.erase_drive(wanted, patience_s=300)
    assert (done.begun, begun(client)) == (False, before + 1)
    assert client.lab.content(DISKS, "NVMe0") == ""


def test_a_client_killed_while_it_watches_is_followed_by_one_that_watches_on(client: Client) -> None:
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc, methods=(BLOCK,)), begun(client)
    address, pin = client.lab.address(DISKS), client.pin(DISKS)
    script = f"""
        from clients.redfish import RedfishBmcs
        from domain.bmc import BmcAddress, Certificates, Endpoint
        from domain.bmc_work import DriveErase
        from domain.secret import Login

        endpoint = Endpoint(name="{DISKS}", address=BmcAddress(host="{address.host}", port={address.port}))
        login = Login.model_validate({{"username": "{FACTORY_USER}", "password": "{FACTORY_PASSWORD}"}})
        order = DriveErase.model_validate_json({wanted.model_dump_json()!r})
        door = RedfishBmcs().connect(endpoint, Certificates(sha256="{pin.sha256}"))
        door.log_in(login).erase_drive(order, patience_s=3600, beat=lambda line: print(line, flush=True))
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert "erasing NVMe0" in killed.stdout.readline()
    killed.kill()
    killed.wait()
    with client.opened(DISKS) as bmc:
        done = bmc.erase_drive(wanted, patience_s=300)
    assert (done.begun, begun(client)) == (False, before + 1)
    assert client.lab.content(DISKS, "NVMe0") == ""


def test_a_drive_that_refuses_is_told_and_nothing_was_begun(client: Client) -> None:
    client.lab.seed("drive-refuses-erase", DISKS)
    with client.opened(DISKS) as bmc, pytest.raises(DriveEraseRefused, match="frozen"):
        bmc.erase_drive(order(client, bmc), patience_s=300)
    assert client.lab.content(DISKS, "NVMe0") == MARKER


def test_a_drive_that_stalls_is_told_from_one_that_is_slow(client: Client) -> None:
    client.lab.seed("drive-stalls-erase", DISKS, at=0)
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc), begun(client)
        with pytest.raises(TaskStalled, match="stood at 0 %") as stalled:
            bmc.erase_drive(wanted, patience_s=5)
        assert stalled.value.retryable
        client.lab.mend()
        assert not bmc.erase_drive(wanted, patience_s=300).begun
        slow = order(client, bmc, "NVMe1", methods=(OVERWRITE,), passes=3)
        with pytest.raises(TaskUnfinished, match="still works"):
            bmc.erase_drive(slow, patience_s=20)
        bmc.erase_drive(slow, patience_s=600)
    assert begun(client) == before + 2


def test_a_drive_that_lies_is_believed_for_its_word_which_is_why_samples_are_read(client: Client) -> None:
    """Nothing in Redfish can tell: `DriveErased` says so, and evidence takes samples of the raw device."""
    client.lab.seed("drive-lies-erase", DISKS, part="NVMe0", times=1)
    with client.opened(DISKS) as bmc:
        done = bmc.erase_drive(order(client, bmc), patience_s=300)
    assert done.method is CRYPTO
    assert client.lab.content(DISKS, "NVMe0") == MARKER


def test_power_lost_while_it_is_watched_is_a_failure(client: Client) -> None:
    def pull(_line: str) -> None:
        client.lab.press(DISKS, "ForceRestart")

    client.lab.seed("drive-stalls-erase", DISKS)
    with (
        client.opened(DISKS) as bmc,
        pytest.raises(DriveEraseFailed, match=r"ended with Exception.*lost power") as failed,
    ):
        bmc.erase_drive(order(client, bmc), patience_s=300, beat=pull)
    assert "may still be there" in failed.value.message
    assert client.lab.content(DISKS, "NVMe0") == MARKER
    client.lab.advance(60)


def test_power_lost_while_nobody_watched_and_the_next_call_erases_again(client: Client) -> None:
    client.lab.seed("drive-stalls-erase", DISKS)
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc), begun(client)
        with pytest.raises(TaskUnfinished):
            bmc.erase_drive(wanted, patience_s=1)
        failures = len(client.lab.changes(DISKS, "erase-failed"))
        client.lab.press(DISKS, "ForceRestart")
        while len(client.lab.changes(DISKS, "erase-failed")) == failures:
            time.sleep(0.02)
        assert client.lab.content(DISKS, "NVMe0") == MARKER
        client.lab.mend()
        client.lab.advance(60)
        assert bmc.erase_drive(wanted, patience_s=300).begun
    assert begun(client) == before + 2
    assert client.lab.content(DISKS, "NVMe0") == ""


def test_a_bmc_that_restarts_in_the_middle_cannot_say_how_it_ended_so_it_is_done_again(client: Client) -> None:
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc, "NVMe1", methods=(OVERWRITE,)), begun(client)
        with pytest.raises(TaskUnfinished):
            bmc.erase_drive(wanted, patience_s=5)
        client.restart_bmc(DISKS)
        with pytest.raises((BmcUnreachable, BmcSessionLost)):
            bmc.erase_drive(wanted, patience_s=5)
    heard: list[str] = []
    with client.opened(DISKS) as bmc:
        assert bmc.read_drives()[1].erasing_percent is not None
        assert bmc.erase_drive(wanted, patience_s=600, beat=heard.append).begun
    assert any("without a task" in line for line in heard)
    assert begun(client) == before + 2
    assert client.lab.content(DISKS, "NVMe1") == ""


def test_a_bmc_that_restarts_before_it_answers_is_asked_again_when_the_drive_is_done(client: Client) -> None:
    client.lab.seed("reboot", DISKS, method="POST", path="*SecureErase", times=1)
    with client.opened(DISKS) as bmc:
        wanted, before = order(client, bmc, methods=(BLOCK,)), begun(client)
        with pytest.raises(BmcUnreachable):
            bmc.erase_drive(wanted, patience_s=5)
    client.wait_for(DISKS)
    with client.opened(DISKS) as bmc:
        assert bmc.erase_drive(wanted, patience_s=300).begun
    assert begun(client) == before + 2
    assert client.lab.content(DISKS, "NVMe0") == ""


def test_a_drive_that_is_pulled_while_it_is_watched_is_a_failure_and_then_missing(client: Client) -> None:
    def pull(_line: str) -> None:
        client.lab.mend()
        client.lab.seed("drive-missing", DISKS, part="NVMe3")

    with client.opened(DISKS) as bmc:
        wanted = order(client, bmc, "NVMe3", methods=(BLOCK,))
        with pytest.raises(DriveEraseFailed):
            bmc.erase_drive(wanted, patience_s=300, beat=pull)
        with pytest.raises(DriveMissing):
            bmc.erase_drive(wanted, patience_s=300)
        client.lab.mend()
        assert client.lab.content(DISKS, "NVMe3") == MARKER
        assert bmc.erase_drive(wanted, patience_s=300).begun
    assert client.lab.content(DISKS, "NVMe3") == ""


def test_an_erase_that_somebody_else_began_before_us_is_not_taken_for_ours(client: Client) -> None:
    client.lab.seed("drive-stalls-erase", DISKS)
    with client.opened(DISKS) as bmc:
        theirs = order(client, bmc)
        with pytest.raises(TaskUnfinished):
            bmc.erase_drive(theirs, patience_s=1)
        ours = order(client, bmc)
        with pytest.raises(BmcBusy):
            bmc.erase_drive(ours, patience_s=1)
        client.lab.mend()
        while bmc.read_drives()[0].erasing_percent is not None:
            client.lab.advance(1)
        assert bmc.erase_drive(ours, patience_s=300).begun
