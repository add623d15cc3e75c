"""What HTTP promises: problems everywhere, nothing unknown accepted, versions compared, keys honoured, pages, OpenAPI."""

import hashlib
from typing import Any

import pytest

from domain.access import Place, Role
from domain.site import SiteDeclaration
from tests.api.conftest import Api
from tests.domain.test_declaration_checks import MGX, SITE


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nowhere", 404, "route-unknown"),
        ("PATCH", "/v1/sites", 405, "method-not-allowed"),
        ("GET", "/v1/sites/absent", 404, "site-unknown"),
        ("GET", "/v1/operations/op-none", 404, "operation-unknown"),
        ("GET", "/v1/sites?limit=0", 422, "invalid"),
        ("GET", "/v1/sites?limt=5", 422, "invalid"),
        ("GET", "/v1/operations?state=asleep", 422, "invalid"),
    ],
)
async def test_every_refusal_is_a_problem_with_a_stable_type(
    api: Api, method: str, path: str, status: int, kind: str
) -> None:
    answer = await api.send(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:edgewright:problem:{kind}"
    assert problem["status"] == status
    assert problem["detail"]


async def test_what_nobody_expected_is_a_problem_that_gives_nothing_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr(api.services.plans, "starting_with", broken)
    answer = await api.send("GET", f"/v1/plans/{'0' * 64}")
    assert answer.status_code == 500
    assert answer.json()["type"].endswith(":internal")
    assert "Idempotency-Key" not in answer.text
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "at"),
    [
        ("GET", "/v1/sites/oslo%001", None, 404, None),
        ("GET", "/v1/operations/op-%00", None, 404, None),
        ("GET", "/v1/operations?who=a%00b", None, 422, "query"),
        ("GET", "/v1/sites/oslo-1/versions/99999999999999999999", None, 422, "path.version"),
        ("POST", "/v1/holds", b'{"place": {}, "reason": "Lights\\u0000out"}', 422, "reason"),
        ("POST", "/v1/holds", b'{"place": {}, "reason": "\\ud800"}', 422, "reason"),
        ("POST", "/v1/holds", b'{"place": {}, "reason": "x", "\\ud800": 1}', 422, None),
        ("POST", "/v1/holds", b'{"place": {}, "reason": ' + b"9" * 5000 + b"}", 400, None),
        ("POST", "/v1/holds", b"[" * 100_000, 400, None),
        ("PUT", "/v1/server-classes/mgx", b'{"drives": [{"count": 99999999999999999999}]}', 422, "drives[0].count"),
        ("PUT", "/v1/server-classes/mgx", b'{"memory": {"at_least_gib": 1e999}}', 422, "memory.at_least_gib"),
    ],
)
async def test_what_no_database_takes_is_refused_and_never_an_error_of_ours(
    api: Api, method: str, path: str, body: bytes | None, status: int, at: str | None
) -> None:
    await api.declare()
    answer = await api.send(method, path, json=None, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    if at is not None:
        assert at in {problem["path"] for problem in answer.json()["errors"]}


async def test_an_unknown_query_parameter_is_named_with_those_there_are(api: Api) -> None:
    (problem,) = (await api.send("GET", "/v1/findings?sit=oslo-1")).json()["errors"]
    assert problem["path"] == "query.sit"
    assert "site" in problem["message"]


async def test_an_unknown_field_of_a_body_is_refused_with_its_path(api: Api) -> None:
    body = {"place": {"site": "oslo-1"}, "reason": "x", "until": "tomorrow"}
    answer = await api.send("POST", "/v1/holds", json=body)
    assert answer.status_code == 422
    assert [problem["path"] for problem in answer.json()["errors"]] == ["until"]


async def test_a_malformed_declaration_is_refused_with_every_problem(api: Api) -> None:
    await api.declare()
    servers = [SITE["servers"][0] | {"unit": 99, "colour": "red"}, SITE["servers"][1]]
    answer = await api.send("PUT", "/v1/sites/oslo-1", json=SITE | {"servers": servers, "tier": "edgy"})
    assert answer.status_code == 422
    assert {p["path"] for p in answer.json()["errors"]} == {"servers[0].unit", "servers[0].colour", "tier"}


async def test_contradictions_within_a_site_and_with_its_classes_are_refused_with_their_paths(api: Api) -> None:
    await api.declare()
    doubled = [SITE["servers"][0], SITE["servers"][1] | {"name": "leaf-a", "serial": "A1"}]
    within = await api.send("PUT", "/v1/sites/oslo-1", json=SITE | {"servers": doubled})
    assert {p["path"] for p in within.json()["errors"]} == {"switches[0].name", "servers[1].serial"}
    unknown = [server | {"class": "absent"} for server in SITE["servers"]]
    across = await api.send("PUT", "/v1/sites/oslo-1", json=SITE | {"servers": unknown})
    assert across.status_code == 422
    assert {p["path"] for p in across.json()["errors"]} == {"servers[0].class", "servers[1].class"}
    head = (await api.send("GET", "/v1/sites/oslo-1")).json()
    assert head["version"] == 1


async def test_a_class_is_not_changed_so_that_declared_sites_contradict_it(api: Api) -> None:
    await api.declare()
    versioned = {"If-Match": '"1"'}
    no_ports = await api.send("PUT", "/v1/server-classes/mgx", json=MGX | {"adapters": []}, headers=versioned)
    assert (no_ports.status_code, no_ports.json()["type"].rpartition(":")[2]) == (409, "class-in-use")
    assert [problem["path"] for problem in no_ports.json()["errors"]] == ["site oslo-1: cables[0].b.port"]
    tall = await api.send("PUT", "/v1/server-classes/mgx", json=MGX | {"height_u": 3}, headers=versioned)
    assert [problem["path"] for problem in tall.json()["errors"]] == ["site oslo-1: servers[0].unit"]
    more = MGX | {"adapters": [{"slots": ["dpu0", "nic0"], "ports": 2}]}
    assert (await api.send("PUT", "/v1/server-classes/mgx", json=more, headers=versioned)).status_code == 200


async def test_what_an_older_build_let_pass_is_shown_corrected_and_neither_planned_nor_applied(api: Api) -> None:
    await api.declare()
    old = SITE | {"underlay": {"loopbacks": "10.0.0.0/24", "fabric": "10.0.0.0/24"}}
    api.services.declarations.put("Site", "oslo-1", old, Place(region="nordics", site="oslo-1"), 1, "ada")
    assert (await api.send("GET", "/v1/sites")).json()["items"][0]["version"] == 2
    assert (await api.send("GET", "/v1/sites/oslo-1")).status_code == 200
    for kind in ("plan", "apply"):
        refused = await api.send("POST", f"/v1/sites/oslo-1/{kind}")
        assert [problem["path"] for problem in refused.json()["errors"]] == ["underlay.fabric"]
    corrected = await api.send("PUT", "/v1/sites/oslo-1", json=SITE, headers={"If-Match": '"2"'})
    assert corrected.status_code == 200


SYSTEM = {"name": "ntp-1", "kind": "ntp", "owner": "local-it", "address": "192.0.2.23", "driver": "chrony"}


async def test_drivers_that_there_are_not_or_that_lack_something_are_refused_with_their_paths(api: Api) -> None:
    await api.declare()
    systems = [SYSTEM, SYSTEM | {"name": "dns-1", "kind": "dns", "driver": "bind9"}]
    refused = await api.send("PUT", "/v1/sites/oslo-1", json=SITE | {"systems": systems})
    assert refused.status_code == 422
    told = {problem["path"]: problem["message"] for problem in refused.json()["errors"]}
    assert set(told) == {"systems[0].driver", "systems[1].zones"}
    assert "no driver chrony for a ntp system (known: ntp)" in told["systems[0].driver"]


async def test_a_driver_that_an_older_build_let_pass_is_refused_when_it_is_planned_or_applied(api: Api) -> None:
    await api.declare()
    old = SiteDeclaration.model_validate(SITE | {"systems": [SYSTEM]})
    body = old.model_dump(mode="json", by_alias=True)
    api.services.declarations.put("Site", "oslo-1", body, Place(region="nordics", site="oslo-1"), 1, "ada")
    for kind in ("plan", "apply"):
        refused = await api.send("POST", f"/v1/sites/oslo-1/{kind}")
        assert refused.status_code == 422, refused.text
        assert [problem["path"] for problem in refused.json()["errors"]] == ["systems[0].driver"]


async def test_an_update_needs_the_version_it_is_based_on(api: Api) -> None:
    await api.declare()
    changed = SITE | {"title": "Oslo"}
    blind = await api.send("PUT", "/v1/sites/oslo-1", json=changed)
    assert blind.status_code == 428
    stale = await api.send("PUT", "/v1/sites/oslo-1", json=changed, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    right = await api.send("PUT", "/v1/sites/oslo-1", json=changed, headers={"If-Match": blind.headers["ETag"]})
    assert (right.status_code, right.headers["ETag"]) == (200, '"2"')
    unchanged = await api.send("PUT", "/v1/sites/oslo-1", json=changed)
    assert unchanged.json()["unchanged"] is True
    versions = (await api.send("GET", "/v1/sites/oslo-1/versions")).json()["items"]
    assert [(v["version"], v["author"]) for v in versions] == [(2, "admin-fleet"), (1, "admin-fleet")]


async def test_a_deleted_site_is_gone_and_its_versions_stay(api: Api) -> None:
    await api.declare()
    in_use = await api.send("DELETE", "/v1/server-classes/mgx", headers={"If-Match": '"1"'})
    assert in_use.json()["type"].endswith(":class-in-use")
    assert (await api.send("DELETE", "/v1/sites/oslo-1")).status_code == 428
    assert (await api.send("DELETE", "/v1/sites/oslo-1", headers={"If-Match": '"1"'})).status_code == 204
    assert (await api.send("GET", "/v1/sites/oslo-1")).status_code == 404
    assert len((await api.send("GET", "/v1/sites/oslo-1/versions")).json()["items"]) == 2


async def test_a_post_without_a_key_is_refused_whatever_the_route(api: Api) -> None:
    document = api.http._transport.app.openapi()  # pyright: ignore
    posts = [path for path, operations in document["paths"].items() if "post" in operations]
    await api.declare()
    for path in posts:
        assert any(p["name"] == "Idempotency-Key" for p in document["paths"][path]["post"]["parameters"]), path
    answer = await api.http.post("/v1/holds", json={}, headers={"Authorization": "Bearer admin-fleet"})
    assert answer.status_code in (400, 422)
    valid = {"place": {}, "reason": "x"}
    answer = await api.http.post("/v1/holds", json=valid, headers={"Authorization": "Bearer admin-fleet"})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":idempotency-key-required")


async def test_the_same_key_gives_the_same_answer_and_refuses_another_request(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"label": "night", "role": "viewer"}
    first = await api.send("POST", "/v1/tokens", json=body, headers=key)
    again = await api.send("POST", "/v1/tokens", json=body, headers=key)
    assert first.json()["secret"]
    assert again.json() == first.json() | {"secret": ""}
    other = await api.send("POST", "/v1/tokens", json=body | {"label": "day"}, headers=key)
    assert other.status_code == 409
    mine = await api.send(
        "POST", "/v1/tokens", where="region", role=Role.ADMIN, headers=key, json=body | {"place": {"region": "nordics"}}
    )
    assert mine.status_code == 201


async def test_a_list_comes_in_pages(api: Api) -> None:
    for number in range(5):
        await api.send("PUT", f"/v1/server-classes/c{number}", json=MGX | {"name": f"c{number}"})
    names: list[str] = []
    cursor = ""
    while True:
        page = (await api.send("GET", f"/v1/server-classes?limit=2&cursor={cursor}")).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert names == ["c0", "c1", "c2", "c3", "c4"]


async def test_a_devices_login_is_entered_for_declared_devices_only_and_never_read_back(api: Api) -> None:
    await api.declare()
    body = {"username": "root", "password": "hunter2"}
    entered = await api.send("PUT", "/v1/sites/oslo-1/devices/r1-s01/credentials", json=body)
    assert (entered.status_code, entered.json()["entered"], entered.json()["ours"]) == (200, True, False)
    shown = await api.send("GET", "/v1/sites/oslo-1/devices/r1-s01/credentials")
    assert shown.json() == entered.json()
    mistyped = await api.send("PUT", "/v1/sites/oslo-1/devices/r1-s10/credentials", json=body)
    assert (mistyped.status_code, mistyped.json()["type"].rpartition(":")[2]) == (404, "device-unknown")
    assert "hunter2" not in entered.text + shown.text + mistyped.text + str(api.audit)
    assert any("credential.enter" in str(event) for event in api.audit)


async def test_a_secret_is_never_read_back(api: Api) -> None:
    body = {"username": "root", "password": "hunter2"}
    stored = await api.send("PUT", "/v1/secrets/fleet/bmc", json=body)
    assert stored.status_code == 200
    shown = await api.send("GET", "/v1/secrets/fleet/bmc")
    assert shown.json()["exists"] is True
    assert "hunter2" not in stored.text + shown.text
    wrong = await api.send("PUT", "/v1/secrets/fleet/bmc", json=body | {"pasword": "hunter2"})
    assert wrong.status_code == 422
    assert "hunter2" not in wrong.text
    await api.send("DELETE", "/v1/secrets/fleet/bmc")
    assert (await api.send("GET", "/v1/secrets/fleet/bmc")).json()["exists"] is False
    assert "hunter2" not in str(api.audit)


async def test_an_artifact_must_be_what_its_name_says(api: Api) -> None:
    content = b'{"a": 1}'
    sha256 = hashlib.sha256(content).hexdigest()
    wrong = await api.send("PUT", f"/v1/artifacts/{'0' * 64}", content=content)
    assert wrong.status_code == 422
    right = await api.send("PUT", f"/v1/artifacts/{sha256}", content=content)
    assert right.json()["size"] == len(content)
    assert (await api.send("GET", f"/v1/artifacts/{sha256}")).content == content


async def test_the_openapi_document_names_every_operation_and_every_reference_exists(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [op for path in document["paths"].values() for op in path.values()]
    names = [op["operationId"] for op in operations]
    assert len(names) == len(set(names))

    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set[str]()
            return own.union(*(references(value) for value in node.values()))
        return set[str]().union(*(references(item) for item in node)) if isinstance(node, list) else set()

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= schemas


async def test_readyz_names_what_is_not_ready(api: Api) -> None:
    answer = await api.http.get("/readyz")
    assert answer.status_code == 503
    checks = {check["name"]: check for check in answer.json()["checks"]}
    assert checks["postgres"]["ok"]
    assert not checks["temporal"]["ok"]
    assert (await api.http.get("/healthz")).status_code == 200
