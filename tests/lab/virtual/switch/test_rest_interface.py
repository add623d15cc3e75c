"""The double's REST interface as curl sees it: status codes, parameters and shapes, next to the vendor's documents."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.virtual.switch.schema import schema_for
from lab.virtual.switch.trees import leaves
from tests.clients.nvue.documented import documented
from tests.lab.virtual.switch.serving import PASSWORD, USER, Served, certificate, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rest")
    with serve(folder / "state", certificate(folder, "leaf-a")) as running:
        yield running


def curl(served: Served, switch: str = "leaf-a", auth: tuple[str, str] | None = (USER, PASSWORD)) -> httpx.Client:
    base = f"https://127.0.0.1:{served.ports[switch]}/nvue_v1"
    return httpx.Client(base_url=base, verify=False, auth=auth, trust_env=False, timeout=20)


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with curl(served) as client:
        yield client


def keys(tree: Any) -> set[tuple[str, ...]]:
    return {path for path, _ in leaves(tree)}


def settled(http: httpx.Client, revision_id: str) -> dict[str, Any]:
    while True:
        shown = http.get(f"/revision/{revision_id}").json()
        if shown["state"] in ("applied_and_saved", "invalid", "ays_fail", "apply_fail"):
            return shown
        time.sleep(0.01)


# The flow as the vendor's page "NVUE API" walks through it


def test_a_new_revision_looks_as_documented(http: httpx.Client) -> None:
    answer = http.post("/revision")
    assert answer.is_success
    ((_, entry),) = answer.json().items()
    ((_, example),) = documented("revision-created").items()
    assert {key: entry[key] for key in example} == example


def test_the_documented_root_replacement_works(http: httpx.Client) -> None:
    """POST revision → DELETE root with a body → PATCH root → apply → state: what NVIDIA's DPU code does, too."""
    (revision,) = http.post("/revision").json()
    assert http.request("DELETE", f"/?rev={revision}", json={}).status_code == 204
    users = {"system": {"aaa": {"user": {USER: {"role": "system-admin", "password": PASSWORD}}}}}
    assert http.patch(f"/?rev={revision}", json=documented("root-patch")).status_code == 200
    assert http.patch(f"/?rev={revision}", json=users).status_code == 200
    told = http.patch(f"/revision/{revision}", json={"state": "apply", "auto-prompt": {"ays": "ays_yes"}}).json()
    assert told["state"] == "apply"
    assert settled(http, revision)["state"] == "applied_and_saved"
    applied = http.get("/?rev=applied&filled=false").json()
    assert keys(documented("root-patch")) <= keys(applied)
    assert http.get("/system").json()["hostname"] == "switch01"
    assert set(http.get("/interface/lo/ip/address").json()) == {"10.10.10.1/32"}


def test_the_documented_dependency_failure_reads_the_same(http: httpx.Client) -> None:
    (revision,) = http.post("/revision").json()
    body = {"enable": "on", "autonomous-system": 65999}
    assert http.patch(f"/router/bgp?rev={revision}", json=body).json()["enable"] == "on"
    http.patch(f"/revision/{revision}", json={"state": "apply", "auto-prompt": {"ays": "ays_yes"}})
    shown, example = settled(http, revision), documented("revision-invalid")
    assert shown["transition"]["progress"] == example["transition"]["progress"]
    issue, expected = shown["transition"]["issue"]["0"], example["transition"]["issue"]["0"]
    assert {**issue, "message": issue["message"] + "\n", "data": None} == {**expected, "data": None}
    assert issue["data"]["location"] == expected["data"]["location"]


def test_the_documented_missing_answer_reads_the_same(http: httpx.Client) -> None:
    (revision,) = http.post("/revision").json()
    http.patch(f"/system?rev={revision}", json={"hostname": "asked"})
    http.patch(f"/revision/{revision}", json={"state": "apply"})
    shown, example = settled(http, revision), documented("revision-timeout")["6"]
    assert shown["state"] == example["state"]
    assert shown["transition"]["progress"] == example["transition"]["progress"]
    assert example["transition"]["issue"]["0"] in shown["transition"]["issue"].values()


@pytest.mark.parametrize(
    ("path", "name"), [("/platform", "platform"), ("/system", "system"), ("/interface/swp51/link/stats", "link-stats")]
)
def test_answers_have_the_leaves_that_real_ones_have(http: httpx.Client, path: str, name: str) -> None:
    ours = keys(http.get(path).json())
    missing = keys(documented(name)) - ours
    assert missing <= {("version", "build-date"), ("version", "onie")}


def test_inventory_entries_have_the_leaves_that_real_ones_have(http: httpx.Client) -> None:
    ours = http.get("/platform/inventory").json()
    assert {name: set(entry) for name, entry in documented("inventory").items()} == {
        name: set(ours[name]) for name in documented("inventory")
    }


# Parameters


def test_a_collection_without_rev_is_what_is_applied_and_the_client_has_to_ask_for_what_runs(served: Served) -> None:
    with curl(served, "leaf-b") as http:
        assert "oper-status" not in str(http.get("/interface").json())
        assert "oper-status" in str(http.get("/interface?rev=operational").json())
        assert http.get("/interface/swp31/link/oper-status?rev=operational").json() == "up"


def test_routing_stands_where_the_command_reference_has_it(served: Served) -> None:
    with curl(served, "leaf-a") as http:
        (revision,) = http.post("/revision").json()
        bgp = {"enable": "on", "neighbor": {"swp1": {"type": "unnumbered", "remote-as": "external"}}}
        patch = {
            "interface": {"lo": {"ip": {"address": {"10.10.10.1/32": {}}}}, "swp1": {"bridge": None}},
            "router": {"bgp": {"enable": "on", "autonomous-system": 65101, "router-id": "10.10.10.1"}},
            "vrf": {"default": {"router": {"bgp": bgp}}},
        }
        http.patch("/", params={"rev": revision}, json=patch).raise_for_status()
        http.patch(f"/revision/{revision}", json={"state": "apply", "auto-prompt": {"ays": "ays_yes"}})
        assert settled(http, revision)["state"] == "applied_and_saved"
        runs = {"rev": "operational"}
        neighbor = http.get("/vrf/default/router/bgp/neighbor/swp1", params=runs).json()
        assert neighbor["state"] == "active"  # a DPU speaks no BGP here
        assert neighbor["type"] == "unnumbered"
        route = http.get("/vrf/default/router/rib/ipv4/route/10.10.10.1%2F32", params=runs).json()
        assert route["route-entry"]["1"]["via-entry"] == {"lo": {"type": "interface", "interface": "lo"}}
        assert "state" not in http.get("/vrf/default/router/bgp/neighbor/swp1", params={"rev": "applied"}).json()
        assert http.get("/evpn/vni", params=runs).json() == {}


def test_filled_adds_defaults(served: Served) -> None:
    with curl(served, "leaf-b") as http:
        assert http.get("/interface/swp1/link").json()["mtu"] == 9216
        assert http.get("/interface/swp1/link?filled=false").json() == {"state": {"up": {}}}


def test_view_include_omit_and_filter(served: Served) -> None:
    with curl(served, "leaf-b") as http:
        lldp = http.get("/interface", params={"rev": "operational", "view": "lldp"}).json()
        assert list(lldp["swp31"]) == ["lldp"]
        assert keys(http.get("/interface?view=lldp-detail").json()["swp31"]) == keys(lldp["swp31"])  # the age runs on
        types = http.get("/interface", params={"include": "/*/type"}).json()
        assert types["swp1"] == {"type": "swp"}
        without = http.get("/interface", params={"rev": "operational", "omit": "/*/lldp"}).json()
        assert "lldp" not in without["swp31"]
        assert "link" in without["swp31"]
        assert set(http.get("/interface", params={"filter_": "type=eth"}).json()) == {"eth0"}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/interface?view=nonsense", "Known views: brief, counters, lldp"),
        ("/interface?view=lldp&include=/*/type", "cannot be combined"),
        ("/system?colour=red", "colour"),
    ],
)
def test_parameters_that_make_no_sense_are_400(http: httpx.Client, path: str, says: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/interface/swp999", "/vrf/nobody", "/revision/4711", "/?rev=4711", "/revision/1/2", "/nonsense"]
)
def test_what_does_not_exist_is_404(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/system", {"hostname": "x"}, 400),
        ("PATCH", "/system?rev=applied", {"hostname": "x"}, 400),
        ("PATCH", "/system?rev=4711", {"hostname": "x"}, 404),
        ("PATCH", "/revision/applied", {"colour": "red"}, 400),
        ("PATCH", "/revision/applied", {"state": "apply", "colour": "red"}, 400),
        ("PATCH", "/revision/applied", {"state": "confirm_yes"}, 400),
        ("DELETE", "/revision/applied", {}, 400),
        ("PUT", "/system", {}, 405),
        ("PUT", "/revision", {}, 405),
    ],
)
def test_changes_that_are_not_possible_are_refused(
    http: httpx.Client, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    answer = http.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_what_the_hardware_is_cannot_be_configured(http: httpx.Client) -> None:
    (revision,) = http.post("/revision").json()
    assert http.patch(f"/platform?rev={revision}", json={"asic-model": "Spectrum-9"}).status_code == 400


def test_a_body_that_is_no_json_or_no_object_is_400(http: httpx.Client) -> None:
    (revision,) = http.post("/revision").json()
    assert http.patch(f"/?rev={revision}", content="not json").status_code == 400
    assert http.patch(f"/?rev={revision}", json=[1]).status_code == 400


def test_without_a_login_it_is_401_also_for_what_does_not_exist(served: Served) -> None:
    with curl(served, auth=None) as http:
        for path in ("/system", "/nonsense"):
            answer = http.get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert http.get("/system", headers={"Authorization": "Basic !!!"}).status_code == 401
        assert http.get("/system", headers={"Authorization": "Bearer x"}).status_code == 401


def test_with_the_factory_password_everything_is_403(served: Served) -> None:
    with curl(served, "spine", auth=("cumulus", "cumulus")) as http:
        assert {http.get(path).status_code for path in ("/system", "/nonsense", "/revision")} == {403}
        assert http.post("/revision").status_code == 403
        assert http.get("/system", auth=("cumulus", "wrong")).status_code == 401


def test_a_delete_of_a_subtree_and_a_well_known_interface_name(http: httpx.Client) -> None:
    (revision,) = http.post("/revision").json()
    http.patch(f"/?rev={revision}", json={"interface": {"vlan30": {}, "bond7": {}}})
    shown = http.get(f"/interface?rev={revision}&filled=false").json()
    assert shown["vlan30"] == {"type": "svi", "vlan": 30, "base-interface": "br_default"}
    assert shown["bond7"] == {"type": "bond"}
    assert http.request("DELETE", f"/interface/vlan30?rev={revision}").status_code == 204
    assert "vlan30" not in http.get(f"/interface?rev={revision}").json()


def test_before_5_10_a_patch_answers_the_whole_tree_and_a_delete_200(served: Served) -> None:
    with curl(served, "leaf-b") as http:
        (revision,) = http.post("/revision").json()
        whole = http.patch(f"/system?rev={revision}", json={"timezone": "Etc/UTC"}).json()
        assert whole["hostname"] == "leaf-b"
        answer = http.request("DELETE", f"/system/timezone?rev={revision}")
        assert (answer.status_code, answer.json()) == (200, {})


def test_no_answer_shows_a_hash(http: httpx.Client, served: Served) -> None:
    (revision,) = http.post("/revision").json()
    user = {"role": "nvue-monitor", "password": "EWSECRET-watch1"}
    answers = [http.patch(f"/system/aaa/user/watcher?rev={revision}", json=user)]
    for path in (f"/?rev={revision}", f"/?rev=applied&diff={revision}", f"/system/aaa/user?rev={revision}"):
        answers.append(http.get(path))
    answers.append(http.get("/?rev=operational"))
    answers.append(http.get(f"/system/aaa/user/watcher/hashed-password?rev={revision}"))
    assert all("$6$" not in answer.text and "EWSECRET" not in answer.text for answer in answers)
    assert answers[-1].json() == "*"
    assert "EWSECRET" not in json.dumps(served.requests())


def test_what_is_applied_from_day_zero_fits_the_strict_schema(served: Served) -> None:
    with curl(served, "leaf-b") as http:
        assert schema_for("5.8.0").problems(http.get("/?rev=applied&filled=false").json()) == []
        assert schema_for("5.8.0").problems(http.get("/?rev=applied").json()) == []
    with curl(served) as http:
        assert schema_for("5.11.1").problems(http.get("/?rev=applied").json()) == []


_CHILD = """
import sys, time
from pathlib import Path
from tests.lab.virtual.switch.serving import serve
with serve(Path(sys.argv[1]), Path(sys.argv[2])) as running:
    print(running.ports["leaf-a"], flush=True)
    time.sleep(600)
"""


def test_what_was_answered_survives_kill_minus_nine(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "leaf-a")
    root = Path(__file__).parents[4]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def start() -> tuple[subprocess.Popen[str], httpx.Client]:
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path / "state"), str(pem)],
            stdout=subprocess.PIPE, text=True, cwd=root, env=environment,
        )  # fmt: skip
        assert child.stdout is not None
        port = int(child.stdout.readline())
        base = f"https://127.0.0.1:{port}/nvue_v1"
        return child, httpx.Client(base_url=base, verify=False, auth=(USER, PASSWORD), trust_env=False, timeout=20)

    child, http = start()
    try:
        (revision,) = http.post("/revision").json()
        http.patch(f"/interface/swp3?rev={revision}", json={"link": {"mtu": 8000}})
        http.patch(
            f"/revision/{revision}", json={"state": "apply", "auto-prompt": {"ays": "ays_yes"}, "message": "op-1"}
        )
        os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
        child, http = start()
        assert http.get(f"/revision/{revision}").json()["message"] == "op-1"
        assert settled(http, revision)["state"] == "applied_and_saved"
        assert http.get("/interface/swp3/link/mtu?rev=applied").json() == 8000
    finally:
        child.kill()
        child.wait(30)
