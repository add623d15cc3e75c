"""Faults of BMCs: each breaks what it says, only that, and is mended."""

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from domain.errors import Rejected
from tests.lab.virtual.site_fixtures import TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
ACCOUNT = "/redfish/v1/AccountService/Accounts/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
ROOT = Path(__file__).parents[4]
NEW = "EWSECRET-n3w-Passw0rd"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("faults")) as site:
        yield site


@pytest.fixture
def site(shared: TestSite) -> Iterator[TestSite]:
    yield shared
    shared.mend()


def eventually(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.02)


def test_refused_connections_and_only_at_that_device(site: TestSite) -> None:
    site.seed("refuse", "r1-s01")
    with pytest.raises(httpx.ConnectError):
        site.redfish("r1-s01").get("/redfish/v1/")
    assert site.redfish("r1-s02").get("/redfish/v1/").status_code == 200
    site.mend()
    assert site.redfish("r1-s01").get("/redfish/v1/").status_code == 200


def test_a_stalled_request_hangs_and_ends_when_it_is_mended(site: TestSite) -> None:
    fault = site.seed("stall", "r1-s01", path=f"{SYSTEM}*")
    bmc = site.redfish("r1-s01")
    with pytest.raises(httpx.ReadTimeout):
        bmc.get(SYSTEM, timeout=0.3)
    assert bmc.get("/redfish/v1/").status_code == 200
    site.mend(fault)
    assert bmc.get(SYSTEM).status_code == 200


def test_a_connection_dropped_after_the_effect_leaves_the_change_done(site: TestSite) -> None:
    site.seed("drop", "r1-s02", method="PATCH", path="*/Accounts/*", when="after", times=1)
    bmc, factory = site.redfish("r1-s02"), site.login("r1-s02")
    with pytest.raises(httpx.TransportError):
        bmc.patch(ACCOUNT, json={"Password": NEW})
    assert bmc.get(SYSTEM).status_code == 401
    again = site.redfish("r1-s02", password=NEW)
    assert again.patch(ACCOUNT, json={"Password": factory.password}).status_code == 200


def test_a_connection_dropped_before_the_effect_leaves_nothing_done(site: TestSite) -> None:
    site.seed("drop", "r1-s02", method="PATCH", times=1)
    bmc = site.redfish("r1-s02")
    with pytest.raises(httpx.TransportError):
        bmc.patch(ACCOUNT, json={"Password": NEW})
    assert bmc.get(SYSTEM).status_code == 200


def test_a_fault_with_a_number_of_times_mends_itself(site: TestSite) -> None:
    site.seed("error", "r1-s01", times=2, status=500)
    bmc = site.redfish("r1-s01")
    assert [bmc.get(SYSTEM).status_code for _ in range(3)] == [500, 500, 200]


def test_a_reboot_in_the_middle_keeps_the_effect_and_comes_back(site: TestSite) -> None:
    site.seed("reboot", "r1-s03", method="PATCH", times=1)
    bmc = site.redfish("r1-s03")
    with pytest.raises(httpx.TransportError):
        bmc.patch(SYSTEM, json={"AssetTag": "A-17"})

    def back() -> bool:
        try:
            return bmc.get(SYSTEM).json()["AssetTag"] == "A-17"
        except httpx.TransportError:
            return False

    assert not back()
    eventually(back)
    assert [entry["by"] for entry in site.changes("r1-s03", "bmc-restart")] == ["fault"]


def test_a_bmc_lies_about_power(site: TestSite) -> None:
    site.seed("lie", "r1-s04", about="power-state")
    assert site.redfish("r1-s04").get(SYSTEM).json()["PowerState"] == "Off"
    assert site.device("r1-s04")["power"] == "On"


@pytest.mark.parametrize("about", ["reset", "password", "patch"])
def test_a_bmc_says_yes_and_does_nothing(site: TestSite, about: str) -> None:
    site.seed("lie", "r1-s04", about=about)
    bmc = site.redfish("r1-s04")
    before = len(site.changes("r1-s04"))
    if about == "reset":
        assert bmc.post(RESET, json={"ResetType": "ForceOff"}).is_success
    elif about == "password":
        assert bmc.patch(ACCOUNT, json={"Password": NEW}).is_success
    else:
        assert bmc.patch(SYSTEM, json={"AssetTag": "shelf-7"}).is_success
    assert [entry["what"] for entry in site.changes("r1-s04")[before:]] == ["lied"]
    assert bmc.get(SYSTEM).json()["PowerState"] == "On"


def test_a_locked_account_lets_nobody_in_until_it_is_mended(site: TestSite) -> None:
    site.seed("locked-out", "r1-s05")
    bmc = site.redfish("r1-s05")
    assert bmc.get(SYSTEM).status_code == 401
    site.mend()
    assert bmc.get(SYSTEM).status_code == 200


def test_an_unknown_password_counts_as_a_failure(site: TestSite) -> None:
    site.seed("password-unknown", "r1-s05")
    assert site.redfish("r1-s05").get(SYSTEM).status_code == 401
    assert site.device("r1-s05")["accounts"][0]["failures"] == 1
    site.mend()
    assert site.redfish("r1-s05").get(SYSTEM).status_code == 200


def test_parts_are_missing_and_come_back(site: TestSite) -> None:
    site.seed("gpu-missing", "r1-s01", part="GPU2")
    site.seed("drive-missing", "r1-s01", part="NVMe1")
    bmc = site.redfish("r1-s01")
    assert bmc.get(f"{SYSTEM}/Processors/GPU2").status_code == 404
    ids = [m["@odata.id"].rpartition("/")[2] for m in bmc.get(f"{SYSTEM}/Processors").json()["Members"]]
    assert [i for i in ids if i.startswith("GPU")] == ["GPU0", "GPU1", "GPU3"]
    assert bmc.get("/redfish/v1/UpdateService/FirmwareInventory/GPU2").status_code == 404
    assert len(bmc.get(f"{SYSTEM}/Storage/NVMe").json()["Drives"]) == 3
    site.mend()
    assert bmc.get(f"{SYSTEM}/Processors/GPU2").status_code == 200


def test_other_firmware_shows_everywhere(site: TestSite) -> None:
    site.seed("firmware-other", "r1-s01", component="BIOS", version="1.0.0-old")
    bmc = site.redfish("r1-s01")
    assert bmc.get("/redfish/v1/UpdateService/FirmwareInventory/BIOS").json()["Version"] == "1.0.0-old"
    assert bmc.get(SYSTEM).json()["BiosVersion"] == "1.0.0-old"


def test_certificates_expire_change_and_come_back(site: TestSite) -> None:
    address = (str(site.server("r1-s01").bmc.address), site.redfish_port)

    def shown() -> x509.Certificate:
        return x509.load_pem_x509_certificate(ssl.get_server_certificate(address).encode())

    usual = shown()
    assert usual.not_valid_after_utc > datetime.now(UTC)
    fault = site.seed("expired-certificate", "r1-s01")
    assert shown().not_valid_after_utc < datetime.now(UTC)
    site.mend(fault)
    site.seed("other-certificate", "r1-s01")
    assert shown() not in (usual,)
    site.mend()
    assert shown() == usual


def test_faults_and_certificates_outlive_a_kill(tmp_path: Path) -> None:
    seeded = [{"kind": "gpu-missing", "target": "r1-s01", "arguments": {"part": "GPU0"}}]
    with running_site("one-ru", tmp_path, faults=seeded) as site:
        address = (str(site.server("r1-s01").bmc.address), site.redfish_port)
        certificate = ssl.get_server_certificate(address)
        site.kill()
        site.start_again()
        assert ssl.get_server_certificate(address) == certificate
        assert site.device("r1-s01")["gpus"] == 0
        assert [fault["kind"] for fault in site.process.call("GET", "/faults")] == ["gpu-missing"]


@pytest.mark.parametrize(
    ("kind", "target", "arguments", "word"),
    [
        ("bad-luck", "r1-s01", {}, "no fault bad-luck"),
        ("refuse", "r9-s01", {}, "not at this site"),
        ("gpu-missing", "r1-leaf-a", {"part": "GPU0"}, "is a switch"),
        ("gpu-missing", "r1-s05", {"part": "GPU3"}, "GPU0"),
        ("gpu-missing", "r1-s01", {}, "part"),
        ("lie", "r1-s01", {"about": "love"}, "power-state"),
        ("cable-swapped", "r1-leaf-a:swp1", {"with": "r1-leaf-a:swp99"}, "r1-leaf-a:swp99"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    site: TestSite, kind: str, target: str, arguments: dict[str, str], word: str
) -> None:
    with pytest.raises(Rejected, match=word):
        site.seed(kind, target, **arguments)
    assert site.process.call("GET", "/faults") == []


def test_every_fault_of_a_server_is_described_in_the_documents(site: TestSite) -> None:
    kinds = [kind["name"] for kind in site.process.call("GET", "/faults/kinds") if "server" in kind["targets"]]
    assert len(kinds) > 20
    for document in ("faults.md", "lab.md"):
        text = (ROOT / "docs" / document).read_text()
        assert [name for name in kinds if f"`{name}" not in text] == [], document
