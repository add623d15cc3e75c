"""Power, boot, settings, events, tasks: a BMC changes only through its protocol, and takes its time."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.lab.virtual.site_fixtures import TestSite, running_site

SYSTEM = "/redfish/v1/Systems/system"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
MANAGER = "/redfish/v1/Managers/bmc"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path) as running:
        yield running


@pytest.fixture
def bmc(site: TestSite) -> httpx.Client:
    return site.redfish("r1-s01")


@pytest.fixture
def untouched(rack: TestSite) -> httpx.Client:
    """A BMC of the shared rack, for requests that must change nothing."""
    return rack.redfish("r1-s06")


def eventually(true: Callable[[], bool]) -> None:
    """The test's own time limit is the limit."""
    while not true():
        time.sleep(0.02)


def power(bmc: httpx.Client) -> str:
    return bmc.get(SYSTEM).json()["PowerState"]


def test_power_goes_through_its_states_and_takes_time(site: TestSite, bmc: httpx.Client) -> None:
    assert bmc.post(RESET, json={"ResetType": "GracefulShutdown"}).status_code == 204
    assert power(bmc) == "PoweringOff"
    refused = bmc.post(RESET, json={"ResetType": "On"})
    assert refused.status_code == 409
    assert refused.json()["error"]["code"].endswith(".ActionNotAllowed")
    eventually(lambda: power(bmc) == "Off")
    assert bmc.post(RESET, json={"ResetType": "On"}).status_code == 204
    eventually(lambda: power(bmc) == "On")
    moves = [entry["to"] for entry in site.changes("r1-s01", "power")]
    assert moves == ["PoweringOff", "Off", "PoweringOn", "On"]


def test_on_when_it_is_on_moves_nothing(site: TestSite, bmc: httpx.Client) -> None:
    assert bmc.post(RESET, json={"ResetType": "On"}).status_code == 204
    assert site.changes("r1-s01", "power") == []


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"ResetType": "Sideways"}, "ActionParameterValueNotInList"),
        ({"ResetType": 1}, "ActionParameterValueTypeError"),
        ({}, "ActionParameterMissing"),
        ({"ResetType": "On", "Speed": "fast"}, "ActionParameterUnknown"),
    ],
)
def test_a_bad_reset_is_refused_with_its_message(untouched: httpx.Client, body: dict[str, Any], key: str) -> None:
    answer = untouched.post(RESET, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].endswith(key)


def test_a_reboot_counts_as_one_boot_and_uses_up_a_one_time_override(site: TestSite, bmc: httpx.Client) -> None:
    boot = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}
    assert bmc.patch(SYSTEM, json={"Boot": boot}).status_code == 200
    assert bmc.get(SYSTEM).json()["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert bmc.get(SYSTEM).json()["Boot"]["BootSourceOverrideEnabled"] == "Disabled"


def test_bios_settings_wait_for_the_next_boot(site: TestSite, bmc: httpx.Client) -> None:
    change = {"Attributes": {"PowerProfile": "Balanced", "SriovEnable": False}}
    assert bmc.patch(f"{SYSTEM}/Bios/Settings", json=change).status_code == 200
    assert bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]["PowerProfile"] == "MaxPerformance"
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    attributes = bmc.get(f"{SYSTEM}/Bios").json()["Attributes"]
    assert (attributes["PowerProfile"], attributes["SriovEnable"]) == ("Balanced", False)
    assert bmc.get(f"{SYSTEM}/Bios/Settings").json()["Attributes"] == {}


@pytest.mark.parametrize("attributes", [{"NoSuch": 1}, {"PowerProfile": "Warp"}, {"SriovEnable": "yes"}])
def test_a_wrong_bios_setting_changes_nothing(untouched: httpx.Client, attributes: dict[str, Any]) -> None:
    assert untouched.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": attributes}).status_code == 400
    assert untouched.get(f"{SYSTEM}/Bios/Settings").json()["Attributes"] == {}


def test_secure_boot_is_in_force_after_the_next_boot(site: TestSite, bmc: httpx.Client) -> None:
    assert bmc.patch(f"{SYSTEM}/SecureBoot", json={"SecureBootEnable": False}).status_code == 200
    now = bmc.get(f"{SYSTEM}/SecureBoot").json()
    assert (now["SecureBootEnable"], now["SecureBootCurrentBoot"]) == (False, "Enabled")
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    eventually(lambda: site.device("r1-s01")["boots"] == 1)
    assert bmc.get(f"{SYSTEM}/SecureBoot").json()["SecureBootCurrentBoot"] == "Disabled"


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"SerialNumber": "x"}, ["PropertyNotWritable"]),
        ({"Colour": "red", "SerialNumber": "x"}, ["PropertyUnknown", "PropertyNotWritable"]),
        ({"AssetTag": 7}, ["PropertyValueTypeError"]),
        ({"Boot": {"BootSourceOverrideTarget": "Floppy"}}, ["PropertyValueNotInList"]),
        ({}, ["EmptyJSON"]),
    ],
)
def test_a_wrong_change_is_refused_whole_with_every_problem(
    untouched: httpx.Client, body: dict[str, Any], keys: list[str]
) -> None:
    answer = untouched.patch(SYSTEM, json=body)
    assert answer.status_code == 400
    info = answer.json()["error"]["@Message.ExtendedInfo"]
    assert [entry["MessageId"].rpartition(".")[2] for entry in info] == keys


def test_a_body_that_is_no_json_is_refused(untouched: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert untouched.patch(SYSTEM, content=b"{", headers=headers).status_code == 400
    assert untouched.patch(SYSTEM, content=b"[]", headers=headers).status_code == 400
    assert untouched.patch(SYSTEM, content=b"a=b", headers={"Content-Type": "text/plain"}).status_code == 415


def test_energy_is_the_integral_of_power(site: TestSite, bmc: httpx.Client) -> None:
    metrics = "/redfish/v1/Chassis/chassis/EnvironmentMetrics"
    site.process.call("POST", "/devices/r1-s01/load", {"load": 1.0})
    first, since = bmc.get(metrics).json(), site.process.call("GET", "/")["time"]
    eventually(lambda: site.process.call("GET", "/")["time"] > since)
    second = bmc.get(metrics).json()
    assert second["EnergykWh"]["Reading"] > first["EnergykWh"]["Reading"] > 0
    idle = site.process.call("POST", "/devices/r1-s01/load", {"load": 0.0})["power_w"]
    assert 0 < idle < first["PowerWatts"]["Reading"]
    site.power("r1-s01", "off")
    eventually(lambda: power(bmc) == "Off")
    assert 0 < bmc.get(metrics).json()["PowerWatts"]["Reading"] < idle


def test_a_bmc_that_restarts_refuses_connections_and_forgets_its_sessions(site: TestSite, bmc: httpx.Client) -> None:
    factory = site.login("r1-s01")
    login = {"UserName": factory.user, "Password": factory.password}
    token = bmc.post("/redfish/v1/SessionService/Sessions", json=login).headers["X-Auth-Token"]
    assert bmc.post(f"{MANAGER}/Actions/Manager.Reset", json={"ResetType": "GracefulRestart"}).status_code == 204

    def refused() -> bool:
        try:
            bmc.get("/redfish/v1/")
        except httpx.TransportError:
            return True
        return False

    eventually(refused)
    eventually(lambda: not refused())
    anonymous = site.redfish("r1-s01", anonymous=True)
    assert anonymous.get(SYSTEM, headers={"X-Auth-Token": token}).status_code == 401
    assert power(bmc) == "On", "the host does not notice"


def test_without_mains_nobody_answers(site: TestSite, bmc: httpx.Client) -> None:
    assert power(bmc) == "On"
    site.power("r1-s01", "pull")
    with pytest.raises(httpx.TransportError):
        bmc.get("/redfish/v1/")
    site.power("r1-s01", "plug")
    assert power(bmc) == "Off"


def test_a_bmc_killed_alone_loses_its_memory_and_nothing_that_it_acknowledged(
    site: TestSite, bmc: httpx.Client
) -> None:
    login = {"UserName": "root", "Password": site.login("r1-s01").password}
    token = bmc.post("/redfish/v1/SessionService/Sessions", json=login).headers["X-Auth-Token"]
    changed = bmc.patch("/redfish/v1/AccountService/Accounts/1", json={"Password": "EWSECRET-another-1"})
    assert changed.status_code == 200
    site.power("r1-s01", "kill-bmc")
    with pytest.raises(httpx.TransportError):
        bmc.get("/redfish/v1/")
    site.power("r1-s01", "restart-bmc")
    assert not site.device("r1-s01")["listening"], "what is dead does not restart"
    site.kill()
    site.start_again()
    assert not site.device("r1-s01")["listening"], "it stays dead whatever happens to the lab"
    assert site.device("r1-s01")["power"] == "On", "the host does not notice"

    site.power("r1-s01", "start-bmc")
    eventually(lambda: site.device("r1-s01")["listening"])
    anonymous = site.redfish("r1-s01", anonymous=True)
    assert anonymous.get(SYSTEM, headers={"X-Auth-Token": token}).status_code == 401
    assert bmc.get(SYSTEM).status_code == 401, "the old password is not back"
    assert site.redfish("r1-s01", password="EWSECRET-another-1").get(SYSTEM).status_code == 200
    told = [entry["what"] for entry in site.changes("r1-s01") if entry["what"].startswith("bmc-")]
    assert told == ["bmc-killed", "bmc-started"]


@pytest.mark.parametrize("action", ["kill-bmc", "restart-bmc", "pull"])
def test_a_request_that_a_bmc_dies_over_has_no_effect_in_its_next_life(
    site: TestSite, bmc: httpx.Client, action: str
) -> None:
    site.seed("slow", "r1-s01", method="PATCH", seconds=10, times=1)
    broken: list[bool] = []

    def change() -> None:
        try:
            bmc.patch(SYSTEM, json={"AssetTag": "from another life"})
        except httpx.TransportError:
            broken.append(True)

    asking = threading.Thread(target=change)
    asking.start()
    eventually(lambda: not site.process.call("GET", "/faults"))
    site.power("r1-s01", action)
    asking.join()
    assert broken
    site.power("r1-s01", {"kill-bmc": "start-bmc", "pull": "plug"}.get(action, "start-bmc"))
    eventually(lambda: site.device("r1-s01")["listening"])
    time.sleep(10 / site.options.time_factor)
    assert bmc.get(SYSTEM).json()["AssetTag"] != "from another life"


def test_a_movement_goes_on_over_a_kill_of_the_lab(site: TestSite, bmc: httpx.Client) -> None:
    bmc.post(RESET, json={"ResetType": "ForceRestart"})
    site.kill()
    site.start_again()
    eventually(lambda: power(bmc) == "On")
    assert site.device("r1-s01")["boots"] == 1


def test_a_subscriber_gets_the_test_event_and_power_events(bmc: httpx.Client) -> None:
    got: list[dict[str, Any]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))) | {"to": self.headers["X-For"]})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        wanted = {
            "Destination": f"http://127.0.0.1:{receiver.server_port}/events",
            "Protocol": "Redfish",
            "Context": "night shift",
            "RegistryPrefixes": ["ResourceEvent"],
            "HttpHeaders": [{"X-For": "us"}],
        }
        made = bmc.post("/redfish/v1/EventService/Subscriptions", json=wanted)
        assert made.status_code == 201
        assert bmc.get(made.headers["Location"]).json()["HttpHeaders"] is None
        test_event = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent"
        assert bmc.post(test_event, json={}).status_code == 204
        eventually(lambda: len(got) == 1)
        assert (got[0]["Context"], got[0]["to"]) == ("night shift", "us")
        bmc.post(RESET, json={"ResetType": "ForceOff"})
        eventually(lambda: len(got) == 3)
        ids = {event["Events"][0]["MessageId"].rpartition(".")[2] for event in got[1:]}
        assert ids == {"ResourcePoweringOff", "ResourcePoweredOff"}
        assert bmc.delete(made.headers["Location"]).status_code == 204
        receiver.shutdown()


def test_nothing_is_ever_sent_off_this_machine(site: TestSite, bmc: httpx.Client) -> None:
    wanted = {"Destination": "https://192.0.2.7/events", "Protocol": "Redfish"}
    assert bmc.post("/redfish/v1/EventService/Subscriptions", json=wanted).status_code == 201
    bmc.post("/redfish/v1/EventService/Actions/EventService.SubmitTestEvent", json={})
    eventually(lambda: bool(site.changes("r1-s01", "event-sent")))
    assert site.changes("r1-s01", "event-sent")[0]["outcome"].startswith("refused")


def test_a_task_is_202_until_it_is_done(bmc: httpx.Client) -> None:
    action = f"{MANAGER}/LogServices/Journal/Actions/LogService.CollectDiagnosticData"
    begun = bmc.post(action, json={"DiagnosticDataType": "Manager"})
    assert begun.status_code == 202
    monitor = begun.headers["Location"]
    assert bmc.get(monitor).status_code == 202
    eventually(lambda: bmc.get(monitor).status_code == 200)
    assert bmc.get(begun.json()["@odata.id"]).json()["TaskState"] == "Completed"


def test_the_event_log_tells_what_happened_until_it_is_cleared(bmc: httpx.Client) -> None:
    bmc.post(RESET, json={"ResetType": "ForceOff"})
    eventually(lambda: power(bmc) == "Off")
    entries = bmc.get(f"{SYSTEM}/LogServices/EventLog/Entries").json()["Members"]
    assert any("ForceOff" in entry["Message"] for entry in entries)
    assert bmc.post(f"{SYSTEM}/LogServices/EventLog/Actions/LogService.ClearLog", json={}).status_code == 204
    assert bmc.get(f"{SYSTEM}/LogServices/EventLog/Entries").json()["Members"] == []
