"""Habits of BMCs: each profile shows its own, and nothing else is different."""

import copy
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml

from lab.virtual.quirks import profiles
from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
INVENTORY = "/redfish/v1/UpdateService/FirmwareInventory"
PROFILES = ("no-expand", "no-etag", "slow-boot-state", "busy-inventory", "sparse", "old-style")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    """One server for each profile of `PROFILES`, in that order."""
    folder = tmp_path_factory.mktemp("quirks")
    document = copy.deepcopy(yaml.safe_load((SITES / "one-rack.yaml").read_text()))
    for server, quirks in zip(document["servers"], PROFILES, strict=True):
        server["bmc"]["quirks"] = quirks
    path = folder / "quirky.yaml"
    path.write_text(yaml.safe_dump(document))
    with running_site(path, folder) as running:
        yield running


def with_quirk(site: TestSite, quirks: str) -> httpx.Client:
    return site.redfish(f"r1-s{PROFILES.index(quirks) + 1:02}")


def test_a_bmc_without_expand_says_so_and_refuses_it(site: TestSite) -> None:
    bmc = with_quirk(site, "no-expand")
    assert "ProtocolFeaturesSupported" not in bmc.get("/redfish/v1/").json()
    assert bmc.get(f"{SYSTEM}/Processors?$expand=.").status_code == 501
    assert bmc.get(f"{SYSTEM}/Processors").status_code == 200


def test_a_bmc_without_etags_sends_none_and_heeds_none(site: TestSite) -> None:
    bmc = with_quirk(site, "no-etag")
    answer = bmc.get(SYSTEM)
    assert "ETag" not in answer.headers
    assert "@odata.etag" not in answer.json()
    assert bmc.patch(SYSTEM, json={"AssetTag": "x"}, headers={"If-Match": '"stale"'}).status_code == 200


def test_the_power_state_lags_behind_a_reset(site: TestSite) -> None:
    bmc = with_quirk(site, "slow-boot-state")
    assert bmc.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceOff"}).status_code == 204
    name = f"r1-s{PROFILES.index('slow-boot-state') + 1:02}"
    while site.device(name)["power"] != "Off":
        time.sleep(0.01)
    seen = bmc.get(SYSTEM).json()["PowerState"]
    while (now := bmc.get(SYSTEM).json()["PowerState"]) == "On":
        time.sleep(0.02)
    assert (seen, now) == ("On", "Off")


def test_the_firmware_inventory_is_503_while_it_is_gathered(site: TestSite) -> None:
    bmc = with_quirk(site, "busy-inventory")
    busy = bmc.get(INVENTORY)
    assert busy.status_code == 503
    assert int(busy.headers["Retry-After"]) >= 1
    assert bmc.get(SYSTEM).status_code == 200
    while bmc.get(INVENTORY).status_code == 503:
        time.sleep(0.02)
    assert bmc.get(f"{INVENTORY}/BMC").json()["Version"]


def test_a_sparse_bmc_leaves_out_fields_and_resources(site: TestSite) -> None:
    bmc = with_quirk(site, "sparse")
    system, chassis = bmc.get(SYSTEM).json(), bmc.get("/redfish/v1/Chassis/chassis").json()
    assert "SKU" not in system
    assert "SerialNumber" in system
    assert "EnvironmentMetrics" not in chassis
    assert bmc.get("/redfish/v1/Chassis/chassis/EnvironmentMetrics").status_code == 404


def test_an_old_bmc_closes_connections_and_knows_few_resets(site: TestSite) -> None:
    bmc = with_quirk(site, "old-style")
    answer = bmc.get(SYSTEM)
    assert answer.headers["Connection"] == "close"
    reset = f"{SYSTEM}/Actions/ComputerSystem.Reset"
    assert bmc.post(reset, json={"ResetType": "GracefulRestart"}).status_code == 400
    chassis = bmc.get("/redfish/v1/Chassis/chassis").json()
    assert "PowerSubsystem" not in chassis
    assert bmc.get(chassis["Power"]["@odata.id"]).json()["PowerControl"][0]["PowerConsumedWatts"] > 0


def test_every_profile_says_what_it_is_about() -> None:
    assert {"plain", "factory-password", "strict-lockout"} <= set(profiles())
    assert all(profile.description for profile in profiles().values())
