"""Virtual media, where a boot comes from, and settings that wait for one."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.lab.virtual.image_server import Images, images
from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
MANAGER = "/redfish/v1/Managers/bmc"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
PASSWORD = "EWSECRET-image"


def eventually(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.02)


@pytest.fixture
def served() -> Iterator[Images]:
    with images() as server:
        server.put("/agent.iso", b"iso")
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path) as running:
        yield running


def with_quirks(folder: Path, quirks: str) -> Path:
    site: dict[str, Any] = yaml.safe_load((SITES / "one-ru.yaml").read_text())
    site["servers"][0]["bmc"]["quirks"] = quirks
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(site))
    return path


@pytest.fixture
def bmc(site: TestSite) -> httpx.Client:
    return site.redfish("r1-s01")


def slot(bmc: httpx.Client, kind: str = "CD", owner: str = MANAGER) -> dict[str, Any]:
    members = bmc.get(bmc.get(owner).json()["VirtualMedia"]["@odata.id"]).json()["Members"]
    found = [bmc.get(member["@odata.id"]).json() for member in members]
    return next(one for one in found if kind in one["MediaTypes"])


def insert(bmc: httpx.Client, image: str, owner: str = MANAGER, **more: Any) -> httpx.Response:
    target = slot(bmc, owner=owner)["Actions"]["#VirtualMedia.InsertMedia"]["target"]
    return bmc.post(target, json={"Image": image, **more})


def boots(site: TestSite, bmc: httpx.Client) -> dict[str, str]:
    """Restarts the server and says what it booted from."""
    before = site.device("r1-s01")["boots"]
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == before + 1)
    return site.device("r1-s01")["booted"]


def override(bmc: httpx.Client, target: str, enabled: str = "Once", **more: Any) -> None:
    boot = {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target, **more}
    assert bmc.patch(SYSTEM, json={"Boot": boot}).status_code == 200


def test_media_goes_in_and_out(bmc: httpx.Client, served: Images) -> None:
    empty = slot(bmc)
    assert (empty["Inserted"], empty["Image"], empty["ConnectedVia"]) == (False, None, "NotConnected")
    assert insert(bmc, served.url("/agent.iso"), TransferMethod="Stream", WriteProtected=True).status_code == 204
    full = slot(bmc)
    assert (full["Inserted"], full["ConnectedVia"], full["WriteProtected"]) == (True, "URI", True)
    assert (full["Image"], full["ImageName"]) == (served.url("/agent.iso"), "agent.iso")
    assert insert(bmc, served.url("/agent.iso")).status_code == 409, "an occupied drive takes no second one"
    eject = full["Actions"]["#VirtualMedia.EjectMedia"]["target"]
    assert [bmc.post(eject, json={}).status_code for _ in range(2)] == [204, 204]
    assert slot(bmc)["Inserted"] is False


def test_an_image_behind_a_login_needs_it_and_the_password_is_never_shown(bmc: httpx.Client, served: Images) -> None:
    url = served.put("/locked.iso", b"iso", login=f"agent:{PASSWORD}")
    assert insert(bmc, url).json()["error"]["code"].endswith("ResourceAtUriUnauthorized")
    assert insert(bmc, url, UserName="agent", Password=PASSWORD).status_code == 204
    shown = slot(bmc)
    assert (shown["UserName"], shown["Password"]) == ("agent", None)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "ActionParameterMissing"),
        ({"Image": "ftp://127.0.0.1/x.iso"}, "ActionParameterValueFormatError"),
        ({"Image": 7}, "ActionParameterValueTypeError"),
        ({"Image": "http://127.0.0.1:9/x.iso"}, "CouldNotEstablishConnection"),
        ({"Image": "http://192.0.2.7/x.iso"}, "CouldNotEstablishConnection"),
        ({"Image": "http://127.0.0.1/x", "TransferMethod": "Carry"}, "ActionParameterValueNotInList"),
        ({"Image": "http://127.0.0.1/x", "TransferProtocolType": "HTTPS"}, "ActionParameterValueConflict"),
        ({"Image": "http://127.0.0.1/x", "Inserted": False}, "ActionParameterValueConflict"),
        ({"Image": "http://127.0.0.1/x", "Colour": "red"}, "ActionParameterUnknown"),
    ],
)
def test_a_wrong_insertion_is_refused(rack: TestSite, body: dict[str, Any], key: str) -> None:
    bmc = rack.redfish("r1-s06")
    target = slot(bmc)["Actions"]["#VirtualMedia.InsertMedia"]["target"]
    answer = bmc.post(target, json=body)
    assert (answer.status_code, answer.json()["error"]["code"].rpartition(".")[2]) == (400, key)
    assert slot(bmc)["Inserted"] is False


def test_some_bmcs_have_their_media_under_the_system(tmp_path: Path, served: Images) -> None:
    with running_site(with_quirks(tmp_path, "system-media"), tmp_path) as site:
        bmc = site.redfish("r1-s01")
        assert "VirtualMedia" not in bmc.get(MANAGER).json()
        assert bmc.get(f"{MANAGER}/VirtualMedia").status_code == 404
        image = served.url("/agent.iso")
        assert insert(bmc, image, owner=SYSTEM).json()["error"]["code"].endswith("ActionParameterMissing")
        more = {"TransferProtocolType": "HTTP", "TransferMethod": "Stream"}
        assert insert(bmc, image, owner=SYSTEM, **more).status_code == 204


@pytest.mark.parametrize(("quirks", "stays"), [("plain", True), ("forgetful-media", False)])
def test_media_over_a_restart_of_the_bmc(tmp_path: Path, served: Images, quirks: str, stays: bool) -> None:
    with running_site(with_quirks(tmp_path, quirks), tmp_path) as site:
        bmc = site.redfish("r1-s01")
        insert(bmc, served.url("/agent.iso"))
        site.power("r1-s01", "restart-bmc")
        eventually(lambda: site.device("r1-s01")["listening"])
        assert slot(bmc)["Inserted"] is stays


def test_ejected_media_is_gone_and_comes_back_only_after_mending(
    site: TestSite, bmc: httpx.Client, served: Images
) -> None:
    insert(bmc, served.url("/agent.iso"))
    fault = site.seed("media-ejected", "r1-s01")
    assert slot(bmc)["Inserted"] is False
    assert insert(bmc, served.url("/agent.iso")).status_code == 204
    assert slot(bmc)["Inserted"] is False
    site.mend(fault)
    insert(bmc, served.url("/agent.iso"))
    assert slot(bmc)["Inserted"] is True


def test_a_boot_from_media_for_once_and_then_from_the_disk(site: TestSite, bmc: httpx.Client, served: Images) -> None:
    insert(bmc, served.url("/agent.iso"))
    override(bmc, "Cd")
    assert boots(site, bmc) == {"from": "Cd", "image": served.url("/agent.iso")}
    assert boots(site, bmc) == {"from": "Hdd", "image": ""}


def test_an_empty_drive_is_passed_over(site: TestSite, bmc: httpx.Client) -> None:
    override(bmc, "Cd", "Continuous")
    assert boots(site, bmc)["from"] == "Hdd"


def test_a_continuous_boot_over_http_is_not_used_up(site: TestSite, bmc: httpx.Client) -> None:
    override(bmc, "UefiHttp", "Continuous", HttpBootUri="http://127.0.0.1/agent.efi")
    for _ in range(2):
        assert boots(site, bmc) == {"from": "UefiHttp", "image": "http://127.0.0.1/agent.efi"}
    assert bmc.get(SYSTEM).json()["Boot"]["HttpBootUri"] == "http://127.0.0.1/agent.efi"


def test_a_boot_uri_that_is_none_is_refused(rack: TestSite) -> None:
    bmc = rack.redfish("r1-s06")
    answer = bmc.patch(SYSTEM, json={"Boot": {"HttpBootUri": "tftp://x/y"}})
    assert answer.json()["error"]["code"].endswith("PropertyValueFormatError")


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ({"SerialBaudRate": 7}, "PropertyValueOutOfRange"),
        ({"SerialBaudRate": True}, "PropertyValueTypeError"),
        ({"TpmOperation": "Explode"}, "PropertyValueNotInList"),
    ],
)
def test_bios_values_are_held_against_the_registry(rack: TestSite, attributes: dict[str, Any], key: str) -> None:
    bmc = rack.redfish("r1-s06")
    answer = bmc.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": attributes})
    assert answer.json()["error"]["code"].endswith(key)


def test_the_registry_names_types_values_and_bounds(rack: TestSite) -> None:
    bmc = rack.redfish("r1-s06")
    name = bmc.get(f"{SYSTEM}/Bios").json()["AttributeRegistry"]
    file = bmc.get(f"/redfish/v1/Registries/{name}").json()["Location"][0]["Uri"]
    entries = {e["AttributeName"]: e for e in bmc.get(file).json()["RegistryEntries"]["Attributes"]}
    assert entries["SriovEnable"]["Type"] == "Boolean"
    assert [v["ValueName"] for v in entries["TpmOperation"]["Value"]] == ["NoAction", "Clear"]
    assert (entries["SerialBaudRate"]["LowerBound"], entries["SerialBaudRate"]["UpperBound"]) == (9600, 921600)


def test_only_the_next_reset_is_offered_as_apply_time(site: TestSite, bmc: httpx.Client) -> None:
    change = {"Attributes": {"SriovEnable": False}, "@Redfish.SettingsApplyTime": {"ApplyTime": "Immediate"}}
    assert bmc.patch(f"{SYSTEM}/Bios/Settings", json=change).status_code == 400
    change["@Redfish.SettingsApplyTime"] = {"ApplyTime": "OnReset"}
    assert bmc.patch(f"{SYSTEM}/Bios/Settings", json=change).status_code == 200
    assert "Time" not in bmc.get(f"{SYSTEM}/Bios").json()["@Redfish.Settings"]
    boots(site, bmc)
    assert "Time" in bmc.get(f"{SYSTEM}/Bios").json()["@Redfish.Settings"]


def test_a_bios_that_drops_its_pending_settings(site: TestSite, bmc: httpx.Client) -> None:
    site.seed("bios-ignores", "r1-s01", times=1)
    bmc.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": {"SriovEnable": False}})
    boots(site, bmc)
    assert bmc.get(f"{SYSTEM}/Bios/Settings").json()["Attributes"] == {}
    assert bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]["SriovEnable"] is True


def test_reset_bios_puts_the_defaults_in_force_at_the_next_boot(site: TestSite, bmc: httpx.Client) -> None:
    bmc.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": {"SriovEnable": False}})
    boots(site, bmc)
    assert bmc.post(f"{SYSTEM}/Bios/Actions/Bios.ResetBios", json={}).status_code == 204
    assert bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]["SriovEnable"] is False
    boots(site, bmc)
    assert bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]["SriovEnable"] is True


def test_a_tpm_is_cleared_by_an_attribute_that_one_boot_uses_up(site: TestSite, bmc: httpx.Client) -> None:
    bmc.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": {"TpmOperation": "Clear"}})
    assert site.changes("r1-s01", "tpm-cleared") == []
    boots(site, bmc)
    assert len(site.changes("r1-s01", "tpm-cleared")) == 1
    assert bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]["TpmOperation"] == "NoAction"


def test_without_keys_secure_boot_enforces_nothing(site: TestSite, bmc: httpx.Client) -> None:
    reset = bmc.get(f"{SYSTEM}/SecureBoot").json()["Actions"]["#SecureBoot.ResetKeys"]["target"]
    for kind, mode, current in (
        ("DeleteAllKeys", "SetupMode", "Disabled"),
        ("ResetAllKeysToDefault", "UserMode", "Enabled"),
    ):
        assert bmc.post(reset, json={"ResetKeysType": kind}).status_code == 204
        boots(site, bmc)
        shown = bmc.get(f"{SYSTEM}/SecureBoot").json()
        assert (shown["SecureBootMode"], shown["SecureBootCurrentBoot"]) == (mode, current)
