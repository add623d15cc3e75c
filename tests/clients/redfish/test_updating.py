"""Firmware: brought to a version once, by URL or by sending it, and only the version read back counts."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.redfish import RedfishBmc
from domain.bmc import BmcSessionLost, BmcUnreachable
from domain.bmc_work import (
    FirmwareFailed,
    FirmwareOrder,
    FirmwareRefused,
    FirmwareState,
    FirmwareUnchanged,
    FirmwareUnknown,
    ResetKind,
    TaskLost,
    TaskUnfinished,
)
from domain.hardware import PowerState
from lab.virtual.firmware import Image, pack
from tests.clients.redfish.conftest import Client
from tests.lab.virtual.image_server import Images, images

SERVER, DRIVE = "MGX 2U x86 4x L40S", "SAMSUNG MZQL23T8HCLS-00A07"
FLASH = "flash"
_versions = itertools.count(30)


@pytest.fixture
def served() -> Iterator[Images]:
    with images() as server:
        yield server


@pytest.fixture
def version() -> str:
    """One that no test before it has installed."""
    return f"{next(_versions)}.0"


def order(bmc: RedfishBmc, component: str, version: str, **more: Any) -> FirmwareOrder:
    return FirmwareOrder(component=component, version=version, since=bmc.read_clock(), **more)


def restart(bmc: RedfishBmc) -> None:
    bmc.ensure_power(PowerState.OFF, patience_s=100)
    bmc.ensure_power(PowerState.ON, patience_s=100)


def staged(client: Client) -> int:
    return len(client.lab.changes(FLASH, "firmware-staged"))


def persistently(client: Client, wanted: FirmwareOrder) -> FirmwareState:
    """As a workflow does: anything retryable is tried again, with a new login."""
    while True:
        try:
            with client.opened(FLASH) as bmc:
                return bmc.update_firmware(wanted, patience_s=300)
        except (BmcUnreachable, BmcSessionLost, TaskLost, FirmwareUnchanged):
            client.lab.advance(1)


def test_a_bios_is_updated_and_runs_after_the_reset_it_asks_for(client: Client, served: Images, version: str) -> None:
    image = served.put("/bios.fw", pack(Image("BIOS", SERVER, version)))
    heard: list[str] = []
    with client.opened(FLASH) as bmc:
        wanted = order(bmc, "BIOS", version, image=image)
        first = bmc.update_firmware(wanted, patience_s=300, beat=heard.append)
        assert (first.changed, first.needs_reset, first.version) == (True, ResetKind.HOST, first.before)
        again = bmc.update_firmware(wanted, patience_s=300)
        assert again.needs_reset is ResetKind.HOST
        assert staged(client) == 1, "what lies ready is not installed twice"
        restart(bmc)
        done = bmc.update_firmware(wanted, patience_s=300)
        assert (done.changed, done.needs_reset, done.version) == (False, ResetKind.NONE, version)
    assert any("Running" in line for line in heard)
    assert served.asked == ["/bios.fw"]


def test_a_bmc_restarts_by_itself_and_the_next_try_reads_the_version(
    client: Client, served: Images, version: str
) -> None:
    image = served.put("/bmc.fw", pack(Image("BMC", SERVER, version)))
    with client.opened(FLASH) as bmc:
        wanted = order(bmc, "BMC", version, image=image)
    before = staged(client)
    state = persistently(client, wanted)
    while state.needs_reset is ResetKind.BMC:
        client.lab.advance(1)
        state = persistently(client, wanted)
    assert state.version == version
    assert staged(client) == before + 1
    assert served.asked == ["/bmc.fw"]


def test_a_file_is_sent_where_that_is_wanted(client: Client, tmp_path: Path, version: str) -> None:
    file = tmp_path / "drive.fw"
    file.write_bytes(pack(Image("Drive", DRIVE, version), bytes(range(256)) * 4))
    with client.opened(FLASH) as bmc:
        wanted = order(bmc, "NVMe0", version, file=file)
        done = bmc.update_firmware(wanted, patience_s=300)
        assert (done.changed, done.version, done.needs_reset) == (True, version, ResetKind.NONE)
        assert not bmc.update_firmware(wanted, patience_s=300).changed
        others = {item.component: item.version for item in bmc.read_hardware().firmware}
    assert others["NVMe1"] == "GDC5602Q", "only the component that was named"


def test_what_runs_already_sends_nothing(client: Client) -> None:
    with client.opened("plain") as bmc:
        state = bmc.update_firmware(order(bmc, "BIOS", "2.4.1", image="http://127.0.0.1:9/x"), patience_s=1)
    assert not state.changed
    assert not [e for e in client.lab.requests("plain") if e["path"].endswith("SimpleUpdate")]


def test_an_update_that_fails_half_way_says_where_and_the_next_order_succeeds(
    client: Client, served: Images, version: str
) -> None:
    image = served.put("/drive.fw", pack(Image("Drive", DRIVE, version)))
    client.lab.seed("firmware-update-fails", FLASH, at=30, times=1)
    with client.opened(FLASH) as bmc:
        wanted = order(bmc, "NVMe2", version, image=image)
        with pytest.raises(FirmwareFailed, match=r"ended with Exception.*\[Update.1.1.ApplyFailed\]"):
            bmc.update_firmware(wanted, patience_s=300)
        done = bmc.update_firmware(wanted, patience_s=300)
    assert (done.changed, done.version) == (True, version)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"not an image", "VerificationFailed"),
        (pack(Image("BIOS", "another server", "9.9")), "UpdateNotApplicable"),
    ],
)
def test_a_wrong_image_is_told_by_the_registrys_message(
    client: Client, served: Images, tmp_path: Path, content: bytes, key: str
) -> None:
    (tmp_path / "x.fw").write_bytes(content)
    with client.opened(FLASH) as bmc:
        with pytest.raises(FirmwareRefused, match=key):
            bmc.update_firmware(order(bmc, "BIOS", "9.9", file=tmp_path / "x.fw"), patience_s=300)
        with pytest.raises(FirmwareFailed, match=key):
            bmc.update_firmware(order(bmc, "BIOS", "9.9", image=served.put("/x.fw", content)), patience_s=300)


def test_an_image_that_cannot_be_fetched_is_told(client: Client) -> None:
    with client.opened(FLASH) as bmc, pytest.raises(FirmwareFailed, match="CouldNotEstablishConnection"):
        bmc.update_firmware(order(bmc, "BIOS", "9.9", image="http://127.0.0.1:9/x.fw"), patience_s=300)


def test_a_component_that_is_not_there_is_told(client: Client) -> None:
    with client.opened("plain") as bmc, pytest.raises(FirmwareUnknown, match="lists no firmware called Toaster"):
        bmc.update_firmware(order(bmc, "Toaster", "1", image="http://127.0.0.1/x"), patience_s=1)


@pytest.mark.parametrize("when", ["running", "done"])
def test_an_update_whose_answer_was_lost_is_found_and_not_begun_again(
    client: Client, served: Images, version: str, when: str
) -> None:
    image = served.put("/drive.fw", pack(Image("Drive", DRIVE, version)))
    with client.opened(FLASH) as bmc:
        wanted, before = order(bmc, "NVMe3", version, image=image), staged(client)
        client.lab.seed("drop", FLASH, method="POST", path="*SimpleUpdate", when="after", times=1)
        with pytest.raises(BmcUnreachable):
            bmc.update_firmware(wanted, patience_s=300)
        if when == "done":
            client.lab.advance(100)
        assert bmc.update_firmware(wanted, patience_s=300).version == version
    assert served.asked == ["/drive.fw"]
    assert staged(client) == before + 1


def test_a_bmc_that_restarts_before_it_answers_has_installed_nothing_and_is_asked_again(
    client: Client, served: Images, version: str
) -> None:
    image = served.put("/drive.fw", pack(Image("Drive", DRIVE, version)))
    client.lab.seed("reboot", FLASH, method="POST", path="*SimpleUpdate", times=1)
    with client.opened(FLASH) as bmc:
        wanted, before = order(bmc, "NVMe2", version, image=image), staged(client)
    assert persistently(client, wanted).version == version
    assert staged(client) == before + 1


def test_a_bmc_that_restarts_in_the_middle_has_lost_the_update_and_it_is_begun_again(
    client: Client, served: Images, version: str
) -> None:
    image = served.put("/drive.fw", pack(Image("Drive", DRIVE, version)))
    with client.opened(FLASH) as bmc:
        wanted = order(bmc, "NVMe1", version, image=image)
        with pytest.raises(TaskUnfinished):
            bmc.update_firmware(wanted, patience_s=1)
    client.lab.restart_bmc(FLASH)
    client.lab.advance(10)
    assert persistently(client, wanted).version == version
    assert served.asked == ["/drive.fw", "/drive.fw"]
