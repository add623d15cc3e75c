"""Whatever the API has, the command line reaches: a new operation of the API fails here until it has a command."""

import pytest

from api.app import create_app
from api.context import now
from cli.exit_codes import ExitCode
from domain.finding import Finding, FindingState, Severity
from tests.api.conftest import OSLO
from tests.cli.conftest import Running
from tests.domain.test_declaration_checks import SITE

COMMANDS: dict[str, str] = {
    "listSites": "get sites", "getSite": "describe site", "putSite": "apply", "listSiteVersions": "describe site --versions",
    "getSiteVersion": "describe site --version", "listServerClasses": "get classes", "getServerClass": "describe class",
    "putServerClass": "apply", "listServerClassVersions": "describe class --versions",
    "listServers": "get servers", "listSwitches": "get switches", "listSystems": "get systems",
    "listSiteServers": "get servers --site", "listSiteSwitches": "get switches --site", "listSiteSystems": "get systems --site",
    "planSite": "plan", "applySite": "apply", "auditSite": "audit", "listOperations": "get operations",
    "getOperation": "describe operation", "whyOperation": "why", "watchOperation": "watch", "approveOperation": "approve",
    "retryOperation": "retry", "skipOperation": "skip", "abandonOperation": "abandon", "cancelOperation": "cancel",
    "terminateOperation": "terminate", "listPlans": "get plans", "getPlan": "describe plan", "listFindings": "get findings",
    "getFinding": "describe finding", "acknowledgeFinding": "ack", "listHolds": "get holds", "placeHold": "hold",
    "getHold": "describe hold", "releaseHold": "release", "listEvidence": "get evidence", "getEvidence": "describe evidence",
    "listAudit": "get audit", "getEvidenceKey": "evidence export", "exportEvidence": "evidence export", "putSecret": "secret put",
    "enterCredentials": "credentials set", "getCredentialStanding": "credentials show",
    "getSecretStanding": "secret show", "deleteSecret": "secret delete", "putArtifact": "artifact put",
    "getArtifact": "artifact get", "listTokens": "get tokens", "createToken": "token create", "getToken": "describe token",
    "revokeToken": "token revoke",
}  # fmt: skip
NO_COMMAND = {
    "healthz": "for what watches the process", "readyz": "`edgewright status` asks it", "metrics": "for Prometheus",
    "watchFleet": "for the console and for programs", "deleteSite": "an admin's, by the API alone",
    "deleteServerClass": "an admin's, by the API alone",
    "findArtifact": "for a site's worker",
}  # fmt: skip


def test_every_operation_of_the_api_has_a_command_or_a_reason(served: Running) -> None:
    paths = create_app(served.services).openapi()["paths"]
    there = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert there == set(COMMANDS) | set(NO_COMMAND)


def test_every_command_of_the_table_exists(served: Running) -> None:
    for command in sorted({" ".join(w for w in c.split() if not w.startswith("-")) for c in COMMANDS.values()}):
        words = command.split()
        words = words[:1] if words[0] in ("get", "describe") else words
        assert served.edgewright(*words, "--help").code == ExitCode.OK, command


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
@pytest.mark.parametrize(
    "kind",
    [
        "sites",
        "classes",
        "servers",
        "switches",
        "systems",
        "operations",
        "findings",
        "holds",
        "plans",
        "audit",
        "tokens",
    ],
)
def test_every_kind_is_listed_in_every_form(served: Running, kind: str, output: str) -> None:
    ran = served.edgewright("get", kind, "-o", output)
    assert ran.code == ExitCode.OK, ran.err


def test_a_finding_and_a_hold_are_described(served: Running) -> None:
    hold = served.services.holds.place(OSLO, "visitors", "eva")
    served.services.findings.kept["fi-1"] = Finding(
        id="fi-1", object="site/oslo-1", kind="gpu-count", severity=Severity.WARNING, message="one GPU short",
        state=FindingState.OPEN, place=OSLO, first_seen=now(), last_seen=now(), count=1,
    )  # fmt: skip
    assert "visitors" in served.edgewright("describe", "hold", hold.id).out
    assert "one GPU short" in served.edgewright("describe", "finding", "fi-1").out


def test_versions_are_listed_and_shown(served: Running) -> None:
    put = served.services.declarations.put
    for based_on in (0, 1):
        put("Site", "oslo-1", SITE | {"tier": "core" if based_on else "edge"}, OSLO, based_on, "eva")
    listed = served.edgewright("describe", "site", "oslo-1", "--versions")
    assert listed.code == ExitCode.OK, listed.err
    assert len(listed.out.splitlines()) == 3
    assert "edge" in served.edgewright("describe", "site", "oslo-1", "--version", "1", "-o", "yaml").out
    refused = served.edgewright("describe", "hold", "ho-1", "--versions")
    assert refused.code == ExitCode.USAGE
