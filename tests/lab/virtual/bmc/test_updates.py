"""Firmware updates: fetched or sent, checked, a task with its states, in force after the restart that the component needs."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.virtual.firmware import Image, pack, unpack
from tests.lab.virtual.image_server import Images, images
from tests.lab.virtual.site_fixtures import TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SERVICE = "/redfish/v1/UpdateService"
INVENTORY = f"{SERVICE}/FirmwareInventory"
MODEL = "MGX 1U Grace Hopper GH200"


def eventually(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path) as running:
        yield running


@pytest.fixture
def bmc(site: TestSite) -> httpx.Client:
    return site.redfish("r1-s01")


@pytest.fixture
def served() -> Iterator[Images]:
    with images() as server:
        yield server


def bios(version: str = "9.9", model: str = MODEL) -> bytes:
    return pack(Image("BIOS", model, version))


def version(bmc: httpx.Client, component: str) -> str:
    return bmc.get(f"{INVENTORY}/{component}").json()["Version"]


def pull(bmc: httpx.Client, url: str, **more: Any) -> httpx.Response:
    target = bmc.get(SERVICE).json()["Actions"]["#UpdateService.SimpleUpdate"]["target"]
    return bmc.post(target, json={"ImageURI": url, **more})


def push(bmc: httpx.Client, image: bytes, **parameters: Any) -> httpx.Response:
    parts = {
        "UpdateParameters": (None, json.dumps(parameters), "application/json"),
        "UpdateFile": ("image.fw", image, "application/octet-stream"),
    }
    return bmc.post(bmc.get(SERVICE).json()["MultipartHttpPushUri"], files=parts)


def ended(bmc: httpx.Client, begun: httpx.Response) -> dict[str, Any]:
    assert begun.status_code == 202, begun.text
    monitor = begun.headers["Location"]
    eventually(lambda: bmc.get(monitor).status_code == 200)
    return bmc.get(monitor).json()


def keys(task: dict[str, Any]) -> list[str]:
    return [message["MessageId"].rpartition(".")[2] for message in task["Messages"]]


def test_a_bios_update_is_in_force_after_the_host_restarts(site: TestSite, bmc: httpx.Client, served: Images) -> None:
    before = version(bmc, "BIOS")
    begun = pull(bmc, served.put("/bios.fw", bios()), Targets=[f"{INVENTORY}/BIOS"])
    assert begun.json()["TaskState"] in ("New", "Starting", "Running")
    end = ended(bmc, begun)
    assert end["TaskState"] == "Completed"
    assert keys(end) == [
        "TaskStarted",
        "TargetDetermined",
        "InstallingOnComponent",
        "AwaitToActivate",
        "ResetRequired",
        "TaskCompletedOK",
    ]
    assert end["Messages"][4]["MessageArgs"] == [RESET, "ForceRestart"]
    assert version(bmc, "BIOS") == before
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert version(bmc, "BIOS") == bmc.get(SYSTEM).json()["BiosVersion"] == "9.9"


def test_a_bmc_update_restarts_the_bmc_and_then_runs(site: TestSite, bmc: httpx.Client) -> None:
    ended(bmc, push(bmc, pack(Image("BMC", MODEL, "25.01"))))

    def runs() -> bool:
        try:
            return version(bmc, "BMC") == "25.01"
        except httpx.TransportError:
            return False

    eventually(runs)
    assert [entry["by"] for entry in site.changes("r1-s01", "bmc-restart")] == ["update"]
    assert site.device("r1-s01")["boots"] == 0, "the host does not notice"


def test_a_bmc_update_that_is_to_wait_waits(site: TestSite, bmc: httpx.Client) -> None:
    image = pack(Image("BMC", MODEL, "25.02"))
    ended(bmc, push(bmc, image, **{"@Redfish.OperationApplyTime": "OnReset"}))
    assert site.changes("r1-s01", "bmc-restart") == []
    site.power("r1-s01", "restart-bmc")
    eventually(lambda: site.device("r1-s01")["listening"])
    assert version(bmc, "BMC") == "25.02"


def test_other_components_run_the_new_version_at_once(bmc: httpx.Client) -> None:
    end = ended(bmc, push(bmc, pack(Image("Drive", "KIOXIA XD8 3840GB", "1UET7200"))))
    assert keys(end).count("UpdateSuccessful") == 2, "both drives are of that model"
    assert [version(bmc, f"NVMe{bay}") for bay in (0, 1)] == ["1UET7200"] * 2
    assert bmc.get("/redfish/v1/Chassis/chassis/Drives/NVMe0").json()["Revision"] == "1UET7200"


def test_an_update_replaces_the_strange_version_of_a_fault(site: TestSite, bmc: httpx.Client) -> None:
    site.seed("firmware-other", "r1-s01", component="NVMe0", version="0.1")
    assert version(bmc, "NVMe0") == "0.1"
    ended(bmc, push(bmc, pack(Image("Drive", "KIOXIA XD8 3840GB", "1UET7200"))))
    assert version(bmc, "NVMe0") == "1UET7200"
    assert site.process.call("GET", "/faults") == []


def test_only_the_named_targets_are_updated(bmc: httpx.Client) -> None:
    image = pack(Image("Drive", "KIOXIA XD8 3840GB", "1UET7200"))
    ended(bmc, push(bmc, image, Targets=[f"{INVENTORY}/NVMe1"]))
    assert [version(bmc, f"NVMe{bay}") for bay in (0, 1)] == ["1UET7104", "1UET7200"]


@pytest.mark.parametrize(
    ("image", "targets", "key"),
    [
        (b"not an image", [], "VerificationFailed"),
        (bios()[:-1], [], "VerificationFailed"),
        (bios(model="another server"), [], "NoTargetsDetermined"),
        (bios(), [f"{INVENTORY}/BMC"], "UpdateNotApplicable"),
    ],
)
def test_a_wrong_image_that_is_sent_is_refused_and_one_that_is_fetched_fails_its_task(
    site: TestSite, bmc: httpx.Client, served: Images, image: bytes, targets: list[str], key: str
) -> None:
    refused = push(bmc, image, Targets=targets)
    assert (refused.status_code, refused.json()["error"]["code"].rpartition(".")[2]) == (400, key)
    end = ended(bmc, pull(bmc, served.put("/x.fw", image), Targets=targets))
    assert end["TaskState"] == "Exception"
    assert key in keys(end)
    assert site.changes("r1-s01", "firmware-staged") == []


def test_an_image_that_cannot_be_fetched_fails_its_task(bmc: httpx.Client, served: Images) -> None:
    locked = served.put("/locked.fw", bios(), login="agent:s3cret")
    for url, reason in (
        (served.url("/none.fw"), "InvalidURI"),
        (locked, "ResourceAtUriUnauthorized"),
        ("http://127.0.0.1:9/x.fw", "CouldNotEstablishConnection"),
        ("http://192.0.2.7/x.fw", "CouldNotEstablishConnection"),
    ):
        end = ended(bmc, pull(bmc, url))
        assert end["TaskState"] == "Exception"
        assert keys(end)[1:3] == ["TransferFailed", reason]
    begun = pull(bmc, locked, Username="agent", Password="s3cret")
    assert "s3cret" not in bmc.get(begun.json()["@odata.id"]).text
    assert ended(bmc, begun)["TaskState"] == "Completed"


def test_one_update_at_a_time(bmc: httpx.Client) -> None:
    first = push(bmc, bios())
    second = push(bmc, bios())
    assert (second.status_code, second.json()["error"]["code"].rpartition(".")[2]) == (503, "UpdateInProgress")
    ended(bmc, first)
    assert push(bmc, bios()).status_code == 202


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "EmptyJSON"),
        ({"ImageURI": "ftp://127.0.0.1/x"}, "ActionParameterValueFormatError"),
        ({"ImageURI": "http://127.0.0.1/x", "Targets": [f"{INVENTORY}/Toaster"]}, "ActionParameterValueNotInList"),
        ({"ImageURI": "http://127.0.0.1/x", "Colour": "red"}, "PropertyUnknown"),
    ],
)
def test_a_wrong_order_is_refused(bmc: httpx.Client, body: dict[str, Any], key: str) -> None:
    target = f"{SERVICE}/Actions/UpdateService.SimpleUpdate"
    assert bmc.post(target, json=body).json()["error"]["code"].endswith(key)


def test_a_form_without_its_file_and_a_body_that_is_no_form_are_refused(bmc: httpx.Client) -> None:
    uri = bmc.get(SERVICE).json()["MultipartHttpPushUri"]
    form = {"UpdateParameters": (None, "{}", "application/json")}
    assert bmc.post(uri, files=form).json()["error"]["code"].endswith("MissingOrMalformedPart")
    assert bmc.post(uri, json={"Targets": []}).status_code == 415
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert bmc.post(uri, content=b"no parts here", headers=broken).status_code == 400


def test_bytes_of_every_kind_survive_the_form(bmc: httpx.Client) -> None:
    image = pack(Image("BIOS", MODEL, "7.7"), bytes(range(256)) + b"\r\n\r\n--x\r--\n" + b"\r")
    assert ended(bmc, push(bmc, image))["TaskState"] == "Completed"
    assert unpack(image).version == "7.7"


@pytest.mark.parametrize("component", ["BIOS", "BMC"])
def test_an_update_fails_half_way_and_the_old_version_stays(site: TestSite, bmc: httpx.Client, component: str) -> None:
    before = version(bmc, component)
    site.seed("firmware-update-fails", "r1-s01", at=40, times=1)
    end = ended(bmc, push(bmc, pack(Image(component, MODEL, "9.9"))))
    assert (end["TaskState"], end["PercentComplete"]) == ("Exception", 40)
    assert "ApplyFailed" in keys(end)
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert version(bmc, component) == before
    assert ended(bmc, push(bmc, pack(Image(component, MODEL, "9.9"))))["TaskState"] == "Completed"


def test_an_installation_goes_on_over_a_kill_of_the_lab(site: TestSite, bmc: httpx.Client) -> None:
    begun = push(bmc, bios())
    site.kill()
    site.start_again()
    assert ended(bmc, begun)["TaskState"] == "Completed"
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert version(bmc, "BIOS") == "9.9"


def test_a_bmc_that_restarts_in_the_middle_has_installed_nothing(site: TestSite, bmc: httpx.Client) -> None:
    begun = push(bmc, bios())
    site.power("r1-s01", "restart-bmc")
    eventually(lambda: site.device("r1-s01")["listening"])
    assert bmc.get(begun.headers["Location"]).status_code == 404
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert version(bmc, "BIOS") != "9.9"
