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


def _run(site: TestSite, name: str, command: list[str], folder: Path) -> str:
    factory = site.login(name)
    login = ["-u", factory.user, "-p", factory.password, "-r", site.bmc_url(name)]
    finished = subprocess.run(
        [*command, *login], capture_output=True, text=True, cwd=folder, env=VALIDATOR_ENVIRONMENT, check=False
    )
    return finished.stdout + finished.stderr
