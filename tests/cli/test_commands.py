"""What the commands print and leave with."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from api.context import now
from cli.documents import read
from cli.exit_codes import ExitCode
from domain.access import Place
from domain.declaration import StoredPlan
from domain.operation import Choice, OperationDraft, OperationState, Outcome, Step, StepState, Waiting, WaitKind
from domain.plan import Action, Change, Plan, System
from domain.site import SiteDeclaration
from tests.cli.conftest import Running

OSLO = Place(region="nordics", site="oslo-1")


def opened(served: Running, **changes: object) -> str:
    operation = served.services.operations.open(
        OperationDraft(kind="site-onboarding", target="oslo-1", place=OSLO, who="eva")
    ).operation.id
    served.services.operations.change(operation, **changes)
    return operation


def test_apply_stores_the_declarations_and_names_the_operation(served: Running, site_file: Callable[..., str]) -> None:
    plan = Plan(kind="site-onboarding", target="oslo-1", declaration_digest="?")
    ran = served.edgewright("apply", "-f", site_file(), "--plan-hash", plan.hash)
    # The plan is not known, and the API says so at once; the declarations are stored all the same.
    assert ran.code == ExitCode.PLAN_STALE, ran.err
    assert "Site oslo-1: version 1" in ran.err
    head = served.services.declarations.head("Site", "oslo-1")
    made = plan.model_copy(update={"declaration_digest": head.digest})
    served.services.plans.kept[made.hash] = StoredPlan(
        plan=made, hash=made.hash, place=OSLO, created_at=now(), expires_at=now().replace(year=2100, day=1)
    )
    ran = served.edgewright("apply", "-f", site_file(), "--plan-hash", made.hash)
    assert ran.code == ExitCode.OK, ran.err
    assert "unchanged" in ran.err
    assert ran.out.strip() == "op-0000"
    assert served.services.operations.get("op-0000").plan_hash == made.hash


def test_a_wrong_file_is_refused_with_file_document_and_path_of_every_problem(
    served: Running, site_file: Callable[..., str]
) -> None:
    file = site_file(tier="edgy", power_cap_w=-1)
    ran = served.edgewright("apply", "-f", file, "--yes")
    assert ran.code == ExitCode.REFUSED
    assert f"{file}, document 2, tier:" in ran.err
    assert f"{file}, document 2, power_cap_w:" in ran.err
    assert served.services.declarations.head("ServerClass", "mgx") is None


def test_norway_is_a_country(site_file: Callable[..., str]) -> None:
    file = Path(site_file())
    file.write_text(file.read_text().replace("'NO'", "NO"))
    *_, site = read([str(file)])
    assert isinstance(site.declared, SiteDeclaration)
    assert site.declared.location.jurisdiction == "NO"


def test_a_problem_between_site_and_stored_class_names_the_file(
    served: Running, tmp_path: Path, site_file: Callable[..., str]
) -> None:
    documents = list(yaml.safe_load_all(Path(site_file()).read_text()))
    alone = tmp_path / "alone.yaml"
    alone.write_text(yaml.safe_dump(documents[1]))
    ran = served.edgewright("apply", "-f", str(alone), "--yes")
    assert ran.code == ExitCode.REFUSED
    assert f"{alone}, document 1, servers[0].class:" in ran.err


@pytest.mark.parametrize(
    "kind", ["sites", "servers", "switches", "systems", "operations", "findings", "holds", "plans", "classes", "tokens"]
)
def test_every_list_comes_as_table_json_and_yaml(served: Running, kind: str, site_file: Callable[..., str]) -> None:
    served.edgewright("apply", "-f", site_file(), "--plan-hash", "0" * 64)
    for output in ("table", "json", "yaml"):
        ran = served.edgewright("get", kind, "-o", output)
        assert ran.code == ExitCode.OK, ran.err
        if output == "json":
            assert isinstance(json.loads(ran.out), list)
        elif output == "yaml":
            assert isinstance(yaml.safe_load(ran.out), list)


def test_servers_show_state_and_reasons(served: Running) -> None:
    ran = served.edgewright("get", "servers", "--state", "quarantined")
    assert "r1-s02" in ran.out
    assert "one GPU short" in ran.out
    assert "r1-s01" not in ran.out


def test_an_option_that_narrows_nothing_is_a_usage_error(served: Running) -> None:
    assert served.edgewright("get", "sites", "--state", "open").code == ExitCode.USAGE
    assert served.edgewright("get", "sitez").code == ExitCode.USAGE


def test_what_is_not_there_is_not_found(served: Running) -> None:
    ran = served.edgewright("describe", "op-none")
    assert ran.code == ExitCode.NOT_FOUND
    assert "op-none" in ran.err


def test_an_unknown_token_says_what_to_do(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_TOKEN", "nonsense")
    ran = served.edgewright("get", "sites")
    assert ran.code == ExitCode.UNAUTHORISED
    assert "edgewright token create" in ran.err


def test_a_silent_api_is_unreachable(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_API_URL", "http://127.0.0.1:9")
    ran = served.edgewright("get", "sites")
    assert ran.code == ExitCode.UNREACHABLE
    assert "edgewright up" in ran.err


def test_watch_in_a_pipe_prints_a_line_per_change_and_leaves_with_the_outcome(served: Running) -> None:
    outcome = Outcome(state=OperationState.PARTIAL, reason="1 server is quarantined.", do="edgewright get findings")
    step = Step(key="read", title="Read hardware", state=StepState.DONE, done=2, total=2)
    operation = opened(served, state=OperationState.PARTIAL, outcome=outcome, steps=(step,))
    ran = served.edgewright("watch", operation)
    assert ran.code == ExitCode.PARTIAL
    assert ran.out.splitlines() == [f"{operation} done Read hardware (2/2)", f"{operation} is partial"]
    assert "1 server is quarantined." in ran.err


def test_why_says_the_reason_and_the_commands_that_are_safe(served: Running) -> None:
    wait = Waiting(
        key="cabling", step="Check cabling", kind=WaitKind.BLOCKED, reason="two cables are swapped",
        choices=(Choice.RETRY, Choice.SKIP), since=now(),
    )  # fmt: skip
    operation = opened(served, state=OperationState.BLOCKED, waiting=(wait,), first_run_id="r")
    ran = served.edgewright("why", operation)
    assert ran.code == ExitCode.OK
    assert "two cables are swapped" in ran.out
    assert f"edgewright retry {operation}" in ran.err


def test_a_plan_is_shown_as_a_difference(served: Running) -> None:
    plan = Plan(
        kind="site-onboarding",
        target="oslo-1",
        declaration_digest="d",
        changes=(
            Change(system=System.NETBOX, object="dcim.devices/oslo-1/r1-s01", action=Action.CREATE, after={"name": "r1-s01"}),
            Change(
                system=System.BMC, object="bmc/r1-s01", action=Action.UPDATE, before={"password": "factory"},
                after={"password": "generated"}, disruptive=True, why="factory password",
            ),
        ),
    )  # fmt: skip
    served.services.plans.kept[plan.hash] = StoredPlan(
        plan=plan, hash=plan.hash, place=OSLO, created_at=now(), expires_at=now().replace(year=2100, day=1)
    )
    ran = served.edgewright("describe", "plan", plan.hash)
    assert "+ dcim.devices/oslo-1/r1-s01" in ran.out
    assert "DISRUPTIVE" in ran.out
    assert "password: factory → generated" in ran.out
    assert "1 to create, 1 to change" in ran.out


def test_a_hold_is_placed_listed_and_released(served: Running, site_file: Callable[..., str]) -> None:
    assert served.edgewright("hold", "site:oslo-1", "--why", "visitors").code == ExitCode.REFUSED
    served.edgewright("apply", "-f", site_file(), "--plan-hash", "0" * 64)
    assert served.edgewright("hold", "site:oslo-1/rack:r1", "--why", "visitors").code == ExitCode.OK
    (hold,) = json.loads(served.edgewright("get", "holds", "-o", "json").out)
    assert hold["reason"] == "visitors"
    assert served.edgewright("release", hold["id"]).code == ExitCode.OK
    assert json.loads(served.edgewright("get", "holds", "-o", "json").out) == []
    assert served.edgewright("hold", "sites:oslo-1", "--why", "x").code == ExitCode.USAGE


def test_a_password_comes_from_standard_input_and_is_never_shown(served: Running) -> None:
    ran = served.edgewright("secret", "put", "fleet/bmc", "--username", "root", stdin="hunter2\n")
    assert ran.code == ExitCode.OK, ran.err
    assert served.services.secrets.kept["fleet/bmc"].password.get_secret_value() == "hunter2"
    shown = served.edgewright("secret", "show", "fleet/bmc")
    assert shown.code == ExitCode.OK
    assert "hunter2" not in ran.out + ran.err + shown.out + shown.err
    assert served.edgewright("secret", "show", "fleet/other").code == ExitCode.NOT_FOUND


def test_a_devices_login_is_entered_from_standard_input(served: Running, site_file: Callable[..., str]) -> None:
    served.edgewright("apply", "-f", site_file(), "--plan-hash", "0" * 64)
    ran = served.edgewright("credentials", "set", "oslo-1/r1-s01", "--username", "root", stdin="hunter2\n")
    assert ran.code == ExitCode.OK, ran.err
    assert served.services.secrets.kept["oslo-1/r1-s01"].password.get_secret_value() == "hunter2"
    shown = served.edgewright("credentials", "show", "oslo-1/r1-s01")
    assert "has no password of ours" in shown.out + shown.err
    assert "A login was entered" in shown.out + shown.err
    assert "hunter2" not in ran.out + ran.err + shown.out + shown.err
    assert served.edgewright("credentials", "show", "r1-s01").code == ExitCode.USAGE


def test_an_artifact_is_stored_under_its_hash(served: Running, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(b"{}")
    sha256 = served.edgewright("artifact", "put", str(file)).out.strip()
    back = tmp_path / "back.json"
    assert served.edgewright("artifact", "get", sha256, "--to", str(back)).code == ExitCode.OK
    assert back.read_bytes() == b"{}"


def test_a_new_token_is_printed_once_and_works_until_it_is_revoked(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = served.edgewright("token", "create", "night", "--role", "viewer", "--scope", "region:nordics").out.strip()
    listed = json.loads(served.edgewright("token", "list", "-o", "json").out)
    (made,) = [token for token in listed if token["label"] == "night"]
    assert secret not in json.dumps(listed)
    monkeypatch.setenv("EDGEWRIGHT_TOKEN", secret)
    assert served.edgewright("get", "sites").code == ExitCode.OK
    assert served.edgewright("get", "tokens").code == ExitCode.UNAUTHORISED
    monkeypatch.setenv("EDGEWRIGHT_TOKEN", "admin-fleet")
    assert served.edgewright("token", "revoke", made["id"]).code == ExitCode.OK
    monkeypatch.setenv("EDGEWRIGHT_TOKEN", secret)
    assert served.edgewright("get", "sites").code == ExitCode.UNAUTHORISED


def test_terminate_asks_first(served: Running) -> None:
    operation = opened(served)
    ran = served.edgewright("terminate", operation, "--why", "x", stdin="n\n")
    assert ran.code != ExitCode.OK
    assert served.services.operations.get(operation).state is OperationState.ACCEPTED


ANSWERS = ("approve", "retry", "skip", "abandon", "cancel", "terminate")


@pytest.mark.parametrize("command", ANSWERS)
def test_a_reason_left_out_in_a_pipe_is_said_to_be_missing(served: Running, command: str) -> None:
    ran = served.edgewright(command, "op-1")
    assert ran.code == ExitCode.USAGE
    assert "--why is missing" in ran.err
    assert f"edgewright {command} " in ran.err


def test_what_a_person_does_is_printed_for_programs_too(served: Running, site_file: Callable[..., str]) -> None:
    served.edgewright("apply", "-f", site_file(), "--plan-hash", "0" * 64)
    hold = json.loads(served.edgewright("hold", "site:oslo-1", "--why", "x", "-o", "json").out)["id"]
    assert json.loads(served.edgewright("release", hold, "-o", "json").out)["released_by"] == "admin-fleet"
    outcome = Outcome(state=OperationState.PARTIAL, reason="one is quarantined")
    ended = opened(
        served, state=OperationState.PARTIAL, outcome=outcome, declaration_kind="Site", declaration_name="oslo-1"
    )
    watched = served.edgewright("watch", ended, "-o", "json")
    assert (watched.code, json.loads(watched.out)["state"]) == (ExitCode.PARTIAL, "partial")
    taken = served.edgewright("retry", ended, "--why", "mended", "-o", "yaml")
    answer = yaml.safe_load(taken.out)
    assert answer["declaration_version"] == 1
    assert "by version 1 of the declaration" in taken.err
    assert served.services.operations.get(answer["operation"]).retry_of == ended


def test_an_address_without_a_scheme_is_said_to_be_none(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_API_URL", "foo")
    ran = served.edgewright("get", "sites")
    assert ran.code == ExitCode.USAGE
    assert "EDGEWRIGHT_API_URL is 'foo'" in ran.err


@pytest.mark.parametrize("name", ["oslo-1/versions?limit=1", "a b", "oslo-1#x"])
def test_a_name_never_becomes_another_path(served: Running, site_file: Callable[..., str], name: str) -> None:
    served.edgewright("apply", "-f", site_file(), "--plan-hash", "0" * 64)
    assert served.edgewright("describe", "site", name).code == ExitCode.NOT_FOUND


def test_a_list_of_a_misspelt_site_is_no_empty_list(served: Running) -> None:
    ran = served.edgewright("get", "operations", "--site", "nosuch")
    assert ran.code == ExitCode.NOT_FOUND
    assert "No site is called nosuch" in ran.err
