"""Other people's programs against our BMC: DMTF's and OpenStack's clients, DMTF's two validators."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redfish
import sushy

from lab.virtual.firmware import Image, pack
from tests.lab.virtual.bmc.test_drives import mixed_site
from tests.lab.virtual.image_server import images
from tests.lab.virtual.site_fixtures import TestSite, running_site

STANDARDS = os.environ.get("EDGEWRIGHT_REDFISH_STANDARDS", "")
VALIDATOR_ENVIRONMENT = {
    key: value for key, value in os.environ.items() if key not in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("authors")) as running:
        yield running


def wait_for_power(client: Any, state: str) -> None:
    """As an operator's script does after a reset; the test's own time limit ends it."""
    while client.get("/redfish/v1/Systems/system").dict["PowerState"] != state:
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["session", "basic"])
def test_dmtfs_client_logs_in_reads_resets_and_logs_out(site: TestSite, how: str) -> None:
    factory = site.login("r1-s01")
    client: Any = redfish.redfish_client(
        base_url=site.bmc_url("r1-s01"), username=factory.user, password=factory.password
    )
    client.login(auth=how)
    system = client.get("/redfish/v1/Systems/system")
    assert system.dict["SerialNumber"] == site.server("r1-s01").serial
    target = system.dict["Actions"]["#ComputerSystem.Reset"]["target"]
    wait_for_power(client, "On")  # a reset in the middle of another one is 409, as the hardware cannot
    assert client.post(target, body={"ResetType": "ForceRestart"}).status == 204
    client.logout()
    opened, closed = (len(site.changes("r1-s01", what)) for what in ("session-opened", "session-closed"))
    assert opened == closed


def test_openstacks_client_sees_the_hardware_and_moves_the_power(site: TestSite) -> None:
    factory = site.login("r1-s05")
    auth: Any = sushy.auth.SessionOrBasicAuth(factory.user, factory.password)
    root: Any = sushy.Sushy(site.bmc_url("r1-s05"), auth=auth, verify=False)
    system = root.get_system(root.get_system_collection().members_identities[0])
    assert system.serial_number == site.server("r1-s05").serial
    assert system.power_state == sushy.PowerState.ON
    assert system.memory_summary.size_gib == 480
    assert len(system.processors.get_members()) == 2
    assert {drive.name for drive in system.storage.get_members()[0].drives} == {"NVMe0", "NVMe1"}
    assert len(system.ethernet_interfaces.summary) == 4
    assert system.secure_boot.enabled is True
    assert system.bios.attributes["PowerProfile"] == "MaxPerformance"
    assert system.chassis[0].name == "Chassis"
    assert system.managers[0].firmware_version == "24.10-3"
    system.set_system_boot_options(sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
    system.refresh()
    assert system.boot.target == sushy.BootSource.PXE
    system.reset_system(sushy.ResetType.FORCE_OFF)
    while system.power_state != sushy.PowerState.OFF:
        time.sleep(0.05)
        system.refresh(force=True)
    versions = {entry.identity: entry.version for entry in root.get_update_service().firmware_inventory.get_members()}
    assert versions["BMC"] == "24.10-3"
    auth.close()


def test_openstacks_client_puts_media_in_sets_bios_and_boots_over_http(site: TestSite) -> None:
    factory = site.login("r1-s04")
    auth: Any = sushy.auth.SessionOrBasicAuth(factory.user, factory.password)
    root: Any = sushy.Sushy(site.bmc_url("r1-s04"), auth=auth, verify=False)
    system = root.get_system(root.get_system_collection().members_identities[0])
    with images() as served:
        image = served.put("/agent.iso", b"iso")
        slots = system.managers[0].virtual_media.get_members()
        drive = next(slot for slot in slots if sushy.VIRTUAL_MEDIA_CD in slot.media_types)
        drive.insert_media(image)
        drive.refresh()
        assert (drive.inserted, drive.image) == (True, image)
        drive.eject_media()
        drive.refresh()
        assert not drive.inserted
    system.bios.set_attribute("SriovEnable", False)
    assert system.bios.pending_attributes["SriovEnable"] is False
    assert system.bios.attributes["SriovEnable"] is True
    system.set_system_boot_options(
        sushy.BootSource.UEFI_HTTP,
        enabled=sushy.BootSourceOverrideEnabled.ONCE,
        http_boot_uri="http://127.0.0.1/agent.efi",
    )
    system.reset_system(sushy.ResetType.FORCE_RESTART)
    while site.device("r1-s04")["booted"]["from"] != "UefiHttp":
        time.sleep(0.05)
    system.bios.refresh(force=True)
    assert system.bios.attributes["SriovEnable"] is False
    auth.close()


def test_openstacks_client_updates_firmware_and_watches_the_task(site: TestSite) -> None:
    factory = site.login("r1-s05")
    auth: Any = sushy.auth.SessionOrBasicAuth(factory.user, factory.password)
    root: Any = sushy.Sushy(site.bmc_url("r1-s05"), auth=auth, verify=False)
    with images() as served:
        image = served.put("/drive.fw", pack(Image("Drive", "KIOXIA XD8 3840GB", "1UET7200")))
        # As Ironic does it: the library's monitor is the task itself, which answers 200 at any time.
        task = root.get_update_service().simple_update(image).get_task()
        while task.task_state in (sushy.TASK_STATE_NEW, sushy.TASK_STATE_STARTING, sushy.TASK_STATE_RUNNING):
            time.sleep(0.05)
            task.refresh(force=True)
    assert task.task_state == sushy.TASK_STATE_COMPLETED
    versions = {entry.identity: entry.version for entry in root.get_update_service().firmware_inventory.get_members()}
    assert versions["NVMe0"] == "1UET7200"
    auth.close()


def test_dmtfs_client_sends_firmware_and_erases_a_drive(site: TestSite) -> None:
    factory = site.login("r1-s06")
    client: Any = redfish.redfish_client(
        base_url=site.bmc_url("r1-s06"), username=factory.user, password=factory.password
    )
    client.login(auth="session")
    image = pack(Image("Drive", "KIOXIA XD8 3840GB", "1UET7300"))
    parts = {
        "UpdateParameters": ("parameters.json", "{}", "application/json"),
        "UpdateFile": ("drive.fw", image, "application/octet-stream"),
    }
    uri = client.get("/redfish/v1/UpdateService").dict["MultipartHttpPushUri"]
    sent = client.post(uri, body=parts, headers={"Content-Type": "multipart/form-data"})
    assert _watched(sent, client)["TaskState"] == "Completed"
    drive = client.get("/redfish/v1/Chassis/chassis/Drives/NVMe0").dict
    assert drive["Revision"] == "1UET7300"
    action = drive["Actions"]["#Drive.SecureErase"]
    (kind, *_) = action["SanitizationType@Redfish.AllowableValues"]
    assert _watched(client.post(action["target"], body={"SanitizationType": kind}), client)["TaskState"] == "Completed"
    assert site.device("r1-s06")["drives"][0]["content"] == ""
    client.logout()


def _watched(accepted: Any, client: Any) -> dict[str, Any]:
    """By the library's own monitor."""
    assert accepted.is_processing
    monitor = accepted.monitor(client)
    while monitor.is_processing:
        time.sleep(0.05)
        monitor = accepted.monitor(client)
    return monitor.dict


def test_dmtfs_protocol_validator_finds_no_failure(site: TestSite, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("rf_protocol_validator")
    arguments = ["--no-cert-check", "--avoid-http-redirect", "--report-type", "tsv", "--report-dir", str(tmp_path)]
    output = _run(site, "r1-s02", [str(program), *arguments], tmp_path)
    summary = re.search(r"PASS: (\d+), WARN: (\d+), FAIL: (\d+)", output)
    assert summary, output[-2000:]
    failures = [
        line for report in tmp_path.glob("*.tsv") for line in report.read_text().splitlines() if "\tFAIL\t" in line
    ]
    assert failures == []
    assert int(summary[1]) > 300


@pytest.mark.skipif(
    not STANDARDS, reason="EDGEWRIGHT_REDFISH_STANDARDS does not say where DMTF's schemas are: NOT CHECKED"
)
@pytest.mark.parametrize("name", ["r1-s06", pytest.param("r1-s03", marks=pytest.mark.matrix)])
def test_dmtfs_service_validator_finds_no_failure(site: TestSite, tmp_path: Path, name: str) -> None:
    _busy(site, name)
    program = Path(sys.executable).with_name("rf_service_validator")
    schemas = str(Path(STANDARDS).resolve() / "csdl")
    arguments = ["--schema_directory", schemas, "--skipschema", "--authtype", "Session", "--logdir", str(tmp_path)]
    output = _run(site, name, [str(program), *arguments], tmp_path)
    counts = re.search(r"\|\s+(\d+)\s+\|\s+(\d+)\s+\|\s+(\d+)\s+\|\s+(\d+)\s+\|", output)
    assert counts, output[-2000:]
    wrong = [
        line for log in tmp_path.rglob("*Debug*.log") for line in log.read_text().splitlines() if "ERROR - FAIL" in line
    ]
    assert wrong == []
    assert int(counts[1]) > 3000


def _busy(site: TestSite, name: str) -> None:
    """Gives the validator something to judge: tasks that run, ended and failed, media, a pending setting, an erase."""
    bmc = site.redfish(name)
    drives, service = "/redfish/v1/Chassis/chassis/Drives", "/redfish/v1/UpdateService"
    site.seed("drive-stalls-erase", name, part="NVMe0")
    erase = bmc.post(f"{drives}/NVMe0/Actions/Drive.SecureErase", json={"SanitizationType": "BlockErase"})
    assert erase.status_code == 202
    target = f"{service}/Actions/UpdateService.SimpleUpdate"
    assert bmc.post(target, json={"ImageURI": "http://127.0.0.1:9/none.fw"}).status_code == 202
    with images() as served:
        insert = "/redfish/v1/Managers/bmc/VirtualMedia/CD1/Actions/VirtualMedia.InsertMedia"
        assert bmc.post(insert, json={"Image": served.put("/agent.iso", b"iso")}).status_code == 204
    settings = "/redfish/v1/Systems/system/Bios/Settings"
    assert bmc.patch(settings, json={"Attributes": {"SriovEnable": False}}).status_code == 200
    assert bmc.get(f"{drives}/NVMe0").json()["Operations"]


@pytest.mark.skipif(
    not STANDARDS, reason="EDGEWRIGHT_REDFISH_STANDARDS does not say where DMTF's schemas are: NOT CHECKED"
)
def test_dmtfs_service_validator_finds_no_failure_with_drives_of_every_kind(tmp_path: Path) -> None:
    with running_site(mixed_site(tmp_path), tmp_path) as mixed:
        test_dmtfs_service_validator_finds_no_failure(mixed, tmp_path, "r1-s01")


def _run(site: TestSite, name: str, command: list[str], folder: Path) -> str:
    factory = site.login(name)
    login = ["-u", factory.user, "-p", factory.password, "-r", site.bmc_url(name)]
    finished = subprocess.run(
        [*command, *login], capture_output=True, text=True, cwd=folder, env=VALIDATOR_ENVIRONMENT, check=False
    )
    return finished.stdout + finished.stderr
