"""Every route × role × scope, generated from the application's own routes: a route without a line here fails."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.context import now
from api.deps import Needs
from domain.access import Role
from domain.evidence import EvidenceEntry
from domain.finding import Finding, FindingState, Severity
from domain.operation import OperationDraft
from tests.api.conftest import OSLO, PLACES, Api
from tests.domain.test_declaration_checks import MGX, SITE

INSIDE = frozenset({"fleet", "region", "site"})
FLEET_ONLY = frozenset({"fleet"})
ANYWHERE = frozenset(PLACES)
PLACE_OF_OSLO = {"region": "nordics", "site": "oslo-1"}


@dataclass(frozen=True)
class Rule:
    """The least role, from which scopes it works for a thing in oslo-1, and what the other scopes are answered."""

    role: Role | None
    path: str
    works_from: frozenset[str] = INSIDE
    elsewhere: int = 404
    body: Any = None
    query: str = ""


VIEW, WORK, RULE = Role.VIEWER, Role.OPERATOR, Role.ADMIN
ARTIFACT = "0" * 64
CREDENTIALS = "/v1/sites/oslo-1/devices/r1-s01/credentials"
RULES: dict[str, Rule] = {
    "healthz": Rule(None, "/healthz", ANYWHERE),
    "readyz": Rule(None, "/readyz", ANYWHERE),
    "metrics": Rule(VIEW, "/metrics", FLEET_ONLY, 403),
    "listSites": Rule(VIEW, "/v1/sites", ANYWHERE),
    "getSite": Rule(VIEW, "/v1/sites/oslo-1"),
    "putSite": Rule(WORK, "/v1/sites/oslo-1", body=SITE, elsewhere=403),
    "deleteSite": Rule(RULE, "/v1/sites/oslo-1"),
    "listSiteVersions": Rule(VIEW, "/v1/sites/oslo-1/versions"),
    "getSiteVersion": Rule(VIEW, "/v1/sites/oslo-1/versions/1"),
    "listServerClasses": Rule(VIEW, "/v1/server-classes", ANYWHERE),
    "getServerClass": Rule(VIEW, "/v1/server-classes/mgx", ANYWHERE),
    "putServerClass": Rule(WORK, "/v1/server-classes/mgx", FLEET_ONLY, 403, MGX),
    "deleteServerClass": Rule(RULE, "/v1/server-classes/mgx", FLEET_ONLY, 403),
    "listServerClassVersions": Rule(VIEW, "/v1/server-classes/mgx/versions", ANYWHERE),
    "listServers": Rule(VIEW, "/v1/servers", ANYWHERE),
    "listSwitches": Rule(VIEW, "/v1/switches", ANYWHERE),
    "listSystems": Rule(VIEW, "/v1/systems", ANYWHERE),
    "listSiteServers": Rule(VIEW, "/v1/sites/oslo-1/servers"),
    "listSiteSwitches": Rule(VIEW, "/v1/sites/oslo-1/switches"),
    "listSiteSystems": Rule(VIEW, "/v1/sites/oslo-1/systems"),
    "planSite": Rule(WORK, "/v1/sites/oslo-1/plan"),
    "applySite": Rule(WORK, "/v1/sites/oslo-1/apply"),
    "auditSite": Rule(WORK, "/v1/sites/oslo-1/audit"),
    "listOperations": Rule(VIEW, "/v1/operations", ANYWHERE),
    "getOperation": Rule(VIEW, "/v1/operations/op-0000"),
    "whyOperation": Rule(VIEW, "/v1/operations/op-0000/why"),
    "watchOperation": Rule(VIEW, "/v1/operations/op-0001/events"),
    "watchFleet": Rule(VIEW, "/v1/events", ANYWHERE),
    "approveOperation": Rule(WORK, "/v1/operations/op-0000/approve", body={"why": "x"}),
    "retryOperation": Rule(WORK, "/v1/operations/op-0000/retry", body={"why": "x"}),
    "skipOperation": Rule(WORK, "/v1/operations/op-0000/skip", body={"why": "x"}),
    "abandonOperation": Rule(WORK, "/v1/operations/op-0000/abandon", body={"why": "x"}),
    "cancelOperation": Rule(WORK, "/v1/operations/op-0001/cancel", body={"why": "x"}),
    "terminateOperation": Rule(RULE, "/v1/operations/op-0001/terminate", body={"why": "x"}),
    "listPlans": Rule(VIEW, "/v1/plans", ANYWHERE),
    "getPlan": Rule(VIEW, f"/v1/plans/{ARTIFACT}"),
    "listFindings": Rule(VIEW, "/v1/findings", ANYWHERE),
    "getFinding": Rule(VIEW, "/v1/findings/f-1"),
    "acknowledgeFinding": Rule(WORK, "/v1/findings/f-1/acknowledge"),
    "listHolds": Rule(VIEW, "/v1/holds", ANYWHERE),
    "placeHold": Rule(WORK, "/v1/holds", body={"place": PLACE_OF_OSLO, "reason": "x"}, elsewhere=403),
    "getHold": Rule(VIEW, "/v1/holds/hold-0"),
    "releaseHold": Rule(WORK, "/v1/holds/hold-0/release"),
    "listAudit": Rule(WORK, "/v1/audit", ANYWHERE),
    "listEvidence": Rule(VIEW, "/v1/evidence", query="?site=oslo-1"),
    "getEvidence": Rule(VIEW, "/v1/evidence/e-1"),
    "getEvidenceKey": Rule(VIEW, "/v1/evidence-key", ANYWHERE),
    "exportEvidence": Rule(VIEW, "/v1/sites/oslo-1/evidence-bundle"),
    "putSecret": Rule(WORK, "/v1/secrets/site/oslo-1/bmc", body={"username": "u", "password": "p"}, elsewhere=403),
    "getSecretStanding": Rule(WORK, "/v1/secrets/site/oslo-1/bmc", elsewhere=403),
    "deleteSecret": Rule(WORK, "/v1/secrets/site/oslo-1/bmc", elsewhere=403),
    "enterCredentials": Rule(WORK, CREDENTIALS, body={"username": "u", "password": "p"}),
    "getCredentialStanding": Rule(WORK, CREDENTIALS),
    "putArtifact": Rule(WORK, f"/v1/artifacts/{ARTIFACT}", ANYWHERE),
    "getArtifact": Rule(VIEW, f"/v1/artifacts/{ARTIFACT}", ANYWHERE),
    "findArtifact": Rule(VIEW, f"/v1/artifacts/{ARTIFACT}", ANYWHERE),
    "listTokens": Rule(RULE, "/v1/tokens", ANYWHERE),
    "createToken": Rule(RULE, "/v1/tokens", body={"label": "x", "place": PLACE_OF_OSLO}, elsewhere=403),
    "getToken": Rule(RULE, "/v1/tokens/tok-2"),
    "revokeToken": Rule(RULE, "/v1/tokens/tok-2/revoke"),
}
ENDLESS = frozenset({"watchFleet"})
"""Streams that do not end by themselves: only their refusals are asked for here."""


def operations_of(api: Api) -> dict[str, str]:
    """operationId → method, of every operation in the application's own OpenAPI document."""
    document = api.http._transport.app.openapi()  # pyright: ignore
    return {op["operationId"]: method for path in document["paths"].values() for method, op in path.items()}


async def furnish(api: Api) -> None:
    await api.declare()
    draft = OperationDraft(kind="site-onboarding", target="oslo-1", place=OSLO, who="x")
    api.operations.open(draft)
    ended = api.operations.open(draft).operation.id
    api.operations.change(ended, state="cancelled")
    api.findings.kept["f-1"] = Finding(
        id="f-1", object="site/oslo-1", kind="k", severity=Severity.WARNING, message="m", state=FindingState.OPEN,
        place=OSLO, first_seen=now(), last_seen=now(), count=1,
    )  # fmt: skip
    api.services.holds.place(OSLO, "r", "somebody")
    api.evidence.kept["e-1"] = EvidenceEntry(id="e-1", site="oslo-1", kind="k", at=now(), signed={})
    token = api.services.tokens.get("tok-2")
    assert token is not None
    kept = api.services.tokens.kept  # pyright: ignore
    key = next(k for k, t in kept.items() if t.id == "tok-2")
    kept[key] = token.model_copy(update={"place": OSLO})


async def ask(api: Api, method: str, rule: Rule, **headers: Any) -> httpx.Response:
    body = {} if rule.body is None and method == "post" else rule.body
    return await api.send(method.upper(), rule.path + rule.query, json=body, **headers)


async def test_every_route_has_a_rule_and_every_rule_a_route(api: Api) -> None:
    assert set(operations_of(api)) == set(RULES)


async def test_every_route_under_v1_states_its_least_role(api: Api) -> None:
    from api.app import ROUTERS

    stated = {
        route.operation_id: dep.call.role
        for router in ROUTERS
        for route in router.routes
        for dep in route.dependant.dependencies  # pyright: ignore
        if isinstance(dep.call, Needs)
    }
    expected = {name: rule.role for name, rule in RULES.items() if rule.path.startswith("/v1")}
    assert stated == expected


@pytest.mark.parametrize("operation", sorted(RULES))
async def test_only_the_roles_and_scopes_of_the_rule_get_through(api: Api, operation: str) -> None:
    await furnish(api)
    rule, method = RULES[operation], operations_of(api)[operation]
    nobody = await api.http.request(method.upper(), rule.path + rule.query)
    assert nobody.status_code == (401 if rule.role else nobody.status_code)
    if rule.role is None:
        assert nobody.status_code in (200, 503)
        return
    for role in Role:
        for where in PLACES:
            enough = role.includes(rule.role)
            if enough and operation in ENDLESS:
                continue
            answer = await ask(api, method, rule, role=role, where=where)
            said = f"{operation} as {role} of {where}: {answer.status_code} {answer.text}"
            if not enough:
                assert answer.status_code == 403, said
                assert answer.json()["type"].endswith(":role-insufficient"), said
            elif where in rule.works_from:
                # Whatever it answers about the thing itself, it is not that this principal may not.
                assert answer.status_code not in (401, 403), said
                if answer.status_code == 404 and method != "head":
                    assert answer.json()["type"].split(":")[-1] in (
                        "plan-unknown",
                        "artifact-missing",
                        "site-unknown",
                        "server-class-unknown",
                    ), said
            else:
                assert answer.status_code == rule.elsewhere, said


@pytest.mark.parametrize("path", ["/v1/sites", "/v1/operations", "/v1/findings", "/v1/holds", "/v1/servers"])
async def test_a_list_shows_only_what_lies_in_scope(api: Api, path: str) -> None:
    await furnish(api)
    for where in PLACES:
        items = (await api.send("GET", path, role=Role.VIEWER, where=where)).json()["items"]
        assert bool(items) == (where in INSIDE), (path, where)


async def test_a_revoked_token_and_an_expired_one_are_refused(api: Api) -> None:
    made = (await api.send("POST", "/v1/tokens", json={"label": "night", "role": "viewer"})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await api.http.get("/v1/sites", headers=headers)).status_code == 200
    await api.send("POST", f"/v1/tokens/{made['token']['id']}/revoke")
    refused = await api.http.get("/v1/sites", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_never_makes_one_that_reaches_further(api: Api) -> None:
    answer = await api.send("POST", "/v1/tokens", where="site", json={"label": "x", "role": "admin"})
    assert answer.status_code == 403
    assert answer.json()["type"].endswith(":scope-insufficient")
