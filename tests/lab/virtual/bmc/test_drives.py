"""Erasing drives: by capability, as a task, and only as far as the drive really got."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
DRIVES = "/redfish/v1/Chassis/chassis/Drives"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
CRYPTO, BLOCK, OVERWRITE = "CryptographicErase", "BlockErase", "Overwrite"


def eventually(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.02)


def mixed_site(folder: Path) -> Path:
    """The 1-RU server with two other drives in its bays: one SATA, one that cannot be erased."""
    site: dict[str, Any] = yaml.safe_load((SITES / "one-ru.yaml").read_text())
    site["servers"][0]["model"] = "mgx-x86-4l40s"
    site["servers"][0]["differs"] = {"drives": {"NVMe1": "sata-1920", "NVMe2": "nvme-plain-960"}}
    path = folder / "mixed.yaml"
    path.write_text(yaml.safe_dump(site))
    return path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    with running_site(mixed_site(tmp_path), tmp_path) as running:
        yield running


@pytest.fixture
def bmc(site: TestSite) -> httpx.Client:
    return site.redfish("r1-s01")


def content(site: TestSite, drive: str) -> str:
    return {d["name"]: d["content"] for d in site.device("r1-s01")["drives"]}[drive]


def write(site: TestSite, drive: str, marker: str) -> None:
    site.process.call("POST", "/devices/r1-s01/write", {"drive": drive, "content": marker})


def erase(bmc: httpx.Client, drive: str, method: str, **more: Any) -> httpx.Response:
    target = bmc.get(f"{DRIVES}/{drive}").json()["Actions"]["#Drive.SecureErase"]["target"]
    return bmc.post(target, json={"SanitizationType": method, **more})


def ended(bmc: httpx.Client, begun: httpx.Response) -> dict[str, Any]:
    assert begun.status_code == 202, begun.text
    monitor = begun.headers["Location"]
    eventually(lambda: bmc.get(monitor).status_code == 200)
    return bmc.get(monitor).json()


def test_each_drive_says_how_it_can_be_erased(bmc: httpx.Client) -> None:
    def kinds(drive: str) -> list[str]:
        action = bmc.get(f"{DRIVES}/{drive}").json()["Actions"].get("#Drive.SecureErase")
        if action is None:
            return []
        (sanitization, *_) = bmc.get(action["@Redfish.ActionInfo"]).json()["Parameters"]
        assert sanitization["AllowableValues"] == action["SanitizationType@Redfish.AllowableValues"]
        return sanitization["AllowableValues"]

    assert [kinds(f"NVMe{bay}") for bay in range(4)] == [[CRYPTO, BLOCK], [OVERWRITE], [], [CRYPTO, BLOCK]]
    assert bmc.get(f"{DRIVES}/NVMe2/SecureEraseActionInfo").status_code == 404


def test_a_sata_drive_stands_behind_the_sata_controller(bmc: httpx.Client) -> None:
    sata = bmc.get(f"{SYSTEM}/Storage/SATA").json()
    assert [item["@odata.id"] for item in sata["Drives"]] == [f"{DRIVES}/NVMe1"]
    assert bmc.get(f"{DRIVES}/NVMe1").json()["Protocol"] == "SATA"
    assert len(bmc.get(f"{SYSTEM}/Storage/NVMe").json()["Drives"]) == 3
    pcie = bmc.get(f"{SYSTEM}").json()["PCIeDevices"]
    assert not any(item["@odata.id"].endswith("/NVMe1") for item in pcie)


@pytest.mark.parametrize(("drive", "method"), [("NVMe0", CRYPTO), ("NVMe0", BLOCK), ("NVMe1", OVERWRITE)])
def test_an_erase_is_a_task_with_progress_and_leaves_nothing(
    site: TestSite, bmc: httpx.Client, drive: str, method: str
) -> None:
    write(site, drive, "somebody's data")
    begun = erase(bmc, drive, method)
    assert content(site, drive) == "somebody's data"
    task = bmc.get(begun.json()["@odata.id"]).json()
    assert task["TaskState"] == "Running"
    assert task["Payload"]["TargetUri"].endswith(f"{drive}/Actions/Drive.SecureErase")
    (operation,) = bmc.get(f"{DRIVES}/{drive}").json()["Operations"]
    assert operation["AssociatedTask"]["@odata.id"] == begun.json()["@odata.id"]
    end = ended(bmc, begun)
    assert (end["TaskState"], end["PercentComplete"]) == ("Completed", 100)
    assert content(site, drive) == ""
    assert content(site, "NVMe3") == "as delivered", "only the drive that was named"
    assert bmc.get(f"{DRIVES}/{drive}").json()["Operations"] == []


def test_passes_make_an_overwrite_longer_and_are_ignored_elsewhere(bmc: httpx.Client) -> None:
    assert erase(bmc, "NVMe1", OVERWRITE, OverwritePasses=0).status_code == 400
    assert erase(bmc, "NVMe0", CRYPTO, OverwritePasses=0).status_code == 202
    begun = erase(bmc, "NVMe1", OVERWRITE, OverwritePasses=7)
    eventually(lambda: bmc.get(begun.json()["@odata.id"]).json()["PercentComplete"] >= 1)
    assert bmc.get(begun.json()["@odata.id"]).json()["PercentComplete"] < 50


@pytest.mark.parametrize(
    ("drive", "body", "status", "key"),
    [
        ("NVMe0", {"SanitizationType": OVERWRITE}, 400, "ActionParameterValueNotInList"),
        ("NVMe0", {"SanitizationType": 7}, 400, "ActionParameterValueTypeError"),
        ("NVMe0", {}, 400, "ActionParameterMissing"),
        ("NVMe0", {"SanitizationType": BLOCK, "Speed": 1}, 400, "ActionParameterUnknown"),
        ("NVMe2", {"SanitizationType": BLOCK}, 400, "ActionNotSupported"),
        ("NVMe9", {"SanitizationType": BLOCK}, 404, "ResourceNotFound"),
    ],
)
def test_a_wrong_erase_is_refused_and_changes_nothing(
    site: TestSite, bmc: httpx.Client, drive: str, body: dict[str, Any], status: int, key: str
) -> None:
    answer = bmc.post(f"{DRIVES}/{drive}/Actions/Drive.SecureErase", json=body)
    assert (answer.status_code, answer.json()["error"]["code"].rpartition(".")[2]) == (status, key)
    assert site.changes("r1-s01", "erase-begun") == []


def test_a_drive_that_is_being_erased_takes_no_second_erase(bmc: httpx.Client) -> None:
    first = erase(bmc, "NVMe0", BLOCK)
    assert erase(bmc, "NVMe0", CRYPTO).json()["error"]["code"].endswith("ResourceInUse")
    assert ended(bmc, first)["TaskState"] == "Completed"


def test_power_lost_in_the_middle_leaves_the_drive_unerased(site: TestSite, bmc: httpx.Client) -> None:
    begun = erase(bmc, "NVMe0", BLOCK)
    bmc.post(RESET, json={"ResetType": "ForceOff"})
    end = ended(bmc, begun)
    assert (end["TaskState"], end["TaskStatus"]) == ("Exception", "Critical")
    assert any("lost power" in m["Message"] for m in end["Messages"])
    assert content(site, "NVMe0") == "as delivered"
    assert erase(bmc, "NVMe0", BLOCK).json()["error"]["code"].endswith("ResourceInStandby")


def test_the_cord_pulled_in_the_middle_takes_the_bmcs_memory_too(site: TestSite, bmc: httpx.Client) -> None:
    begun = erase(bmc, "NVMe0", BLOCK)
    site.power("r1-s01", "pull")
    site.power("r1-s01", "plug")
    assert bmc.get(begun.headers["Location"]).status_code == 404
    assert bmc.get(f"{DRIVES}/NVMe0").json()["Operations"] == []
    assert content(site, "NVMe0") == "as delivered"
    assert [entry["drive"] for entry in site.changes("r1-s01", "erase-failed")] == ["NVMe0"]


def test_a_bmc_that_restarts_forgets_the_task_and_the_drive_goes_on(site: TestSite, bmc: httpx.Client) -> None:
    begun = erase(bmc, "NVMe1", OVERWRITE)
    site.power("r1-s01", "restart-bmc")

    def back() -> bool:
        try:
            return bmc.get("/redfish/v1/").status_code == 200
        except httpx.TransportError:
            return False

    eventually(back)
    assert bmc.get(begun.headers["Location"]).status_code == 404
    (operation,) = bmc.get(f"{DRIVES}/NVMe1").json()["Operations"]
    assert "AssociatedTask" not in operation
    eventually(lambda: bmc.get(f"{DRIVES}/NVMe1").json()["Operations"] == [])
    assert content(site, "NVMe1") == ""


def test_an_erase_and_its_task_go_on_over_a_kill_of_the_lab(site: TestSite, bmc: httpx.Client) -> None:
    begun = erase(bmc, "NVMe0", BLOCK)
    site.kill()
    site.start_again()
    assert ended(bmc, begun)["TaskState"] == "Completed"
    assert content(site, "NVMe0") == ""


def test_a_drive_pulled_in_the_middle_fails_its_task_and_keeps_its_data(site: TestSite, bmc: httpx.Client) -> None:
    begun = erase(bmc, "NVMe0", BLOCK)
    site.seed("drive-missing", "r1-s01", part="NVMe0")
    assert ended(bmc, begun)["TaskState"] == "Exception"
    site.mend()
    assert content(site, "NVMe0") == "as delivered"


def test_a_drive_refuses(site: TestSite, bmc: httpx.Client) -> None:
    site.seed("drive-refuses-erase", "r1-s01", part="NVMe0")
    refused = erase(bmc, "NVMe0", CRYPTO)
    assert refused.status_code == 409
    assert "frozen" in refused.json()["error"]["message"]
    assert erase(bmc, "NVMe3", CRYPTO).status_code == 202, "the other drive takes it"
    assert content(site, "NVMe0") == "as delivered"


def test_a_drive_stalls_until_it_is_mended(site: TestSite, bmc: httpx.Client) -> None:
    fault = site.seed("drive-stalls-erase", "r1-s01", at=30)
    begun = erase(bmc, "NVMe0", CRYPTO)
    eventually(lambda: bmc.get(begun.json()["@odata.id"]).json()["PercentComplete"] == 30)
    since = site.process.call("GET", "/")["time"]
    eventually(lambda: site.process.call("GET", "/")["time"] > since)
    assert bmc.get(begun.headers["Location"]).status_code == 202
    site.mend(fault)
    assert ended(bmc, begun)["TaskState"] == "Completed"


def test_a_drive_lies_about_completion(site: TestSite, bmc: httpx.Client) -> None:
    site.seed("drive-lies-erase", "r1-s01", part="NVMe0", times=1)
    assert ended(bmc, erase(bmc, "NVMe0", CRYPTO))["TaskState"] == "Completed"
    assert content(site, "NVMe0") == "as delivered"
    assert ended(bmc, erase(bmc, "NVMe0", CRYPTO))["TaskState"] == "Completed"
    assert content(site, "NVMe0") == "", "the lie was for once"


def test_a_fault_names_a_drive_that_is_there(site: TestSite) -> None:
    with pytest.raises(Exception, match="no drive NVMe9"):
        site.seed("drive-lies-erase", "r1-s01", part="NVMe9")
