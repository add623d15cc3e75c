"""Passwords, sessions, lock-out: what a take-over of credentials meets."""

import copy
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.lab.virtual.site_fixtures import SITES, TestSite, running_site

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
SESSIONS = "/redfish/v1/SessionService/Sessions"
NEW = "EWSECRET-n3w-Passw0rd"
QUIRKS = {"r1-s02": "factory-password", "r1-s03": "strict-lockout", "r1-s04": "few-sessions", "r1-s05": "basic-only"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    folder = tmp_path_factory.mktemp("accounts")
    document = copy.deepcopy(yaml.safe_load((SITES / "one-rack.yaml").read_text()))
    for server in document["servers"]:
        server["bmc"]["quirks"] = QUIRKS.get(server["name"], "plain")
    path = folder / "quirky.yaml"
    path.write_text(yaml.safe_dump(document))
    with running_site(path, folder) as running:
        yield running


def log_in(bmc: httpx.Client, user: str, password: str) -> httpx.Response:
    return bmc.post(SESSIONS, json={"UserName": user, "Password": password}, auth=None)


def test_a_session_works_until_it_is_ended(site: TestSite) -> None:
    bmc, login = site.redfish("r1-s01", anonymous=True), site.login("r1-s01")
    made = log_in(bmc, login.user, login.password)
    assert made.status_code == 201
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert bmc.get(SESSIONS, headers=token).status_code == 200
    assert bmc.delete(made.headers["Location"], headers=token).status_code == 204
    assert bmc.get(SESSIONS, headers=token).status_code == 401


def test_a_changed_password_is_the_only_one_that_works(site: TestSite) -> None:
    factory = site.login("r1-s01")
    bmc = site.redfish("r1-s01")
    etag = bmc.get(f"{ACCOUNTS}/1").headers["ETag"]
    changed = bmc.patch(f"{ACCOUNTS}/1", json={"Password": NEW}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert NEW not in changed.text
    assert bmc.get(ACCOUNTS).status_code == 401
    mine = site.redfish("r1-s01", password=NEW)
    assert mine.get(ACCOUNTS).status_code == 200
    assert mine.patch(f"{ACCOUNTS}/1", json={"Password": factory.password}).status_code == 200


@pytest.mark.parametrize("password", ["short1", "x" * 65, "aaaaaaaaaaaa", "xx-root-xx-123"])
def test_a_password_against_the_policy_changes_nothing(site: TestSite, password: str) -> None:
    bmc = site.redfish("r1-s01")
    answer = bmc.patch(f"{ACCOUNTS}/1", json={"Password": password})
    assert answer.status_code == 400
    assert password not in answer.text
    assert bmc.get(ACCOUNTS).status_code == 200


def test_a_stale_etag_changes_nothing(site: TestSite) -> None:
    bmc = site.redfish("r1-s01")
    answer = bmc.patch(f"{ACCOUNTS}/1", json={"Password": NEW}, headers={"If-Match": '"stale"'})
    assert answer.status_code == 412
    assert bmc.get(ACCOUNTS).status_code == 200


def test_until_the_factory_password_is_changed_only_the_own_account_answers(site: TestSite) -> None:
    login = site.login("r1-s02")
    bmc = site.redfish("r1-s02", anonymous=True)
    made = log_in(bmc, login.user, login.password)
    assert made.status_code == 201
    info = made.json()["@Message.ExtendedInfo"][0]
    assert info["MessageId"].endswith(".PasswordChangeRequired")
    account = info["MessageArgs"][0]
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}

    for path in ("/redfish/v1/Systems", SESSIONS, ACCOUNTS):
        refused = bmc.get(path, headers=token)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"].endswith(".PasswordChangeRequired")
    assert bmc.get(account, headers=token).json()["PasswordChangeRequired"] is True
    same = bmc.patch(account, json={"Password": login.password}, headers=token)
    assert same.status_code == 400

    assert bmc.patch(account, json={"Password": NEW}, headers=token).status_code == 200
    assert bmc.get("/redfish/v1/Systems", headers=token).status_code == 200
    assert site.redfish("r1-s02", password=NEW).get(account).json()["PasswordChangeRequired"] is False


def test_three_failures_lock_the_account_and_time_unlocks_it(site: TestSite) -> None:
    bmc = site.redfish("r1-s03", anonymous=True)
    login = site.login("r1-s03")
    for _ in range(3):
        assert log_in(bmc, login.user, "EWSECRET-wrong").status_code == 401
    assert log_in(bmc, login.user, login.password).status_code == 401
    assert site.device("r1-s03")["accounts"][0]["locked"] is True
    assert [entry["user"] for entry in site.changes("r1-s03", "account-locked")] == ["root"]

    site.kill()
    site.start_again()
    assert log_in(bmc, login.user, login.password).status_code == 401, "a power cut must not unlock"

    wait_unlocked(site, "r1-s03")
    assert log_in(bmc, login.user, login.password).status_code == 201
    assert site.device("r1-s03")["accounts"][0]["failures"] == 0


def wait_unlocked(site: TestSite, name: str) -> None:
    while site.device(name)["accounts"][0]["locked"]:
        time.sleep(0.1)


def test_a_success_clears_the_failures(site: TestSite) -> None:
    bmc, login = site.redfish("r1-s06", anonymous=True), site.login("r1-s06")
    for _ in range(4):
        log_in(bmc, login.user, "EWSECRET-wrong")
    assert site.device("r1-s06")["accounts"][0]["failures"] == 4
    assert log_in(bmc, login.user, login.password).status_code == 201
    assert site.device("r1-s06")["accounts"][0]["failures"] == 0


def test_the_session_limit_is_a_503_until_one_is_ended(site: TestSite) -> None:
    bmc, login = site.redfish("r1-s04", anonymous=True), site.login("r1-s04")
    first, second = (log_in(bmc, login.user, login.password) for _ in range(2))
    third = log_in(bmc, login.user, login.password)
    assert third.status_code == 503
    assert third.json()["error"]["code"].endswith(".SessionLimitExceeded")
    assert bmc.delete(first.headers["Location"], headers={"X-Auth-Token": second.headers["X-Auth-Token"]}).is_success
    assert log_in(bmc, login.user, login.password).status_code == 201


def test_a_bmc_without_a_session_service_takes_basic_only(site: TestSite) -> None:
    bmc = site.redfish("r1-s05")
    assert "SessionService" not in bmc.get("/redfish/v1/").json()
    assert bmc.get("/redfish/v1/SessionService").status_code == 404
    assert bmc.get("/redfish/v1/Systems").status_code == 200


def test_a_reader_may_change_nothing_but_its_own_password(site: TestSite) -> None:
    admin = site.redfish("r1-s01")
    account = {"UserName": "reader", "Password": "EWSECRET-r3ad-only", "RoleId": "ReadOnly"}
    made = admin.post(ACCOUNTS, json=account)
    assert made.status_code == 201
    reader = site.redfish("r1-s01", user="reader", password="EWSECRET-r3ad-only")
    assert reader.get("/redfish/v1/Systems/system").status_code == 200
    assert reader.patch("/redfish/v1/Systems/system", json={"AssetTag": "x"}).status_code == 403
    assert reader.patch(f"{ACCOUNTS}/1", json={"Password": NEW}).status_code == 403
    assert reader.patch(made.headers["Location"], json={"RoleId": "Administrator"}).status_code == 403
    assert reader.patch(made.headers["Location"], json={"Password": NEW}).status_code == 200
    assert admin.delete(made.headers["Location"]).is_success


def test_the_last_administrator_stays(site: TestSite) -> None:
    bmc = site.redfish("r1-s01")
    assert bmc.patch(f"{ACCOUNTS}/1", json={"Enabled": False}).status_code == 400
    assert bmc.delete(f"{ACCOUNTS}/1").status_code == 403


def test_an_acknowledged_password_survives_a_kill(tmp_path: Path) -> None:
    with running_site("one-ru", tmp_path) as site:
        assert site.redfish("r1-s01").patch(f"{ACCOUNTS}/1", json={"Password": NEW}).status_code == 200
        site.kill()
        site.start_again()
        assert site.redfish("r1-s01").get(ACCOUNTS).status_code == 401
        assert site.redfish("r1-s01", password=NEW).get(ACCOUNTS).status_code == 200


def test_no_secret_stands_in_a_device_log(site: TestSite) -> None:
    for name in QUIRKS:
        told = site.process.call("GET", f"/devices/{name}/log")
        assert "EWSECRET" not in str(told)
