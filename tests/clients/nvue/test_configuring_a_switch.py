"""The revision flow of our client against the double: every state, every question, every way to end."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients.nvue import (
    ApplyInProgress,
    ApplyUnfinished,
    ConfirmExpired,
    NvueClient,
    RevisionMissing,
    SwitchAddress,
    SwitchChangedMeanwhile,
    SwitchRefused,
    SwitchRolledBack,
    SwitchUnreachable,
    Trust,
)
from domain.nvue import NvueTree, Revision, RevisionPhase, RevisionState
from domain.secret import Login
from lab.virtual.switch.schema import schema_for
from tests.clients.nvue.conftest import QUICK, Connect
from tests.lab.virtual.switch.serving import PASSWORD, USER, Served, fingerprint, serve

MTU: NvueTree = {"interface": {"swp1": {"link": {"mtu": 9000}}}}
TENANT: NvueTree = {
    "bridge": {"domain": {"br_default": {"vlan": {"110": {"vni": {"10110": {}}}}}}},
    "vrf": {"tenant-a": {"evpn": {"enable": "on", "vni": {"50001": {}}}}},
    "interface": {
        "vlan110": {"ip": {"vrf": "tenant-a", "address": {"10.1.110.2/24": {}}}},
        "swp1": {"bridge": {"domain": {"br_default": {"access": 110}}}},
    },
    "nve": {"vxlan": {"enable": "on", "source": {"address": "10.10.10.1"}}},
    "evpn": {"enable": "on"},
}


def client_of(running: Served, switch: str = "leaf-a", *, absence_s: float = QUICK.absence_s) -> NvueClient:
    login = Login.model_validate({"username": USER, "password": PASSWORD})
    address = SwitchAddress("127.0.0.1", running.ports[switch], switch)
    return NvueClient(
        address, login, Trust(certificate_sha256=fingerprint(running.pem)), timeouts=replace(QUICK, absence_s=absence_s)
    )


def mtu(leaf: NvueClient, port: str = "swp1") -> object:
    interfaces = leaf.applied()["interface"]
    assert isinstance(interfaces, dict)
    entry = interfaces[port]
    assert isinstance(entry, dict)
    link = entry["link"]
    assert isinstance(link, dict)
    return link.get("mtu")


def apply(leaf: NvueClient, tree: NvueTree, message: str = "op-1", confirm_s: int = 0) -> str:
    staged = leaf.stage(tree)
    leaf.apply(staged, message=message, confirm_s=confirm_s)
    return staged


def wait_beyond_confirm(leaf: NvueClient, staged: str) -> None:
    while leaf.wait(staged).state is RevisionState.CONFIRM:
        pass


def test_stage_diff_apply_wait_verify(leaf: NvueClient, served: Served) -> None:
    staged = leaf.stage(TENANT)
    changes = leaf.diff(staged)
    assert changes["evpn"] == {"enable": "on"}
    assert leaf.verify(TENANT) != ()
    seen: list[RevisionState] = []
    leaf.apply(staged, message="op-1", expected_diff=changes)
    done = leaf.wait(staged, heartbeat=lambda revision: seen.append(revision.state))
    assert done.state.phase is RevisionPhase.DONE
    assert done.message == "op-1"
    assert seen[-1] is done.state
    assert leaf.verify(TENANT) == ()
    assert leaf.diff(staged) == {}
    running = [change for change in served.changes() if change["what"] == "nvue-running"]
    assert [change["message"] for change in running] == ["op-1"]


def test_what_the_client_sends_and_the_double_answers_fits_the_strict_schema(leaf: NvueClient, served: Served) -> None:
    leaf.wait(apply(leaf, TENANT))
    schema = schema_for("5.11.1")
    sent = [request["body"] for request in served.requests(method="PATCH") if "revision" not in request["path"]]
    assert sent
    assert [problem for body in sent for problem in schema.problems(body)] == []
    assert schema.problems(leaf.applied()) == []


def test_nothing_to_do_is_an_empty_difference_and_applying_it_anyway_changes_nothing(
    leaf: NvueClient, served: Served
) -> None:
    leaf.wait(apply(leaf, MTU))
    before = len([change for change in served.changes() if change["what"] == "nvue-running"])
    again = leaf.stage(MTU)
    assert leaf.diff(again) == {}
    leaf.apply(again, message="op-2")
    assert leaf.wait(again).changed_nothing
    assert len([change for change in served.changes() if change["what"] == "nvue-running"]) == before


def test_null_deletes(leaf: NvueClient) -> None:
    leaf.wait(apply(leaf, MTU))
    gone: NvueTree = {"interface": {"swp1": {"link": {"mtu": None}}}}
    leaf.wait(apply(leaf, gone))
    assert mtu(leaf) is None
    assert leaf.verify(gone) == ()


def test_staging_again_reuses_the_revision_of_the_first_try(leaf: NvueClient) -> None:
    first = leaf.stage(MTU)
    assert leaf.stage(MTU, revision_id=first) == first
    leaf.apply(first, message="op-1")
    leaf.wait(first)
    assert leaf.stage(MTU, revision_id=first) != first
    assert leaf.stage(MTU, revision_id="9999") != "9999"


def test_applying_twice_applies_once(leaf: NvueClient, served: Served) -> None:
    staged = apply(leaf, MTU)
    leaf.apply(staged, message="op-1")
    leaf.wait(staged)
    assert leaf.apply(staged, message="op-1").state.phase is RevisionPhase.DONE
    told = [r for r in served.requests(method="PATCH") if r["path"].endswith(f"/revision/{staged}")]
    assert len(told) == 1


def test_an_operation_finds_its_own_revision_by_message(leaf: NvueClient) -> None:
    staged = apply(leaf, MTU, message="op-7f3a")
    found = leaf.find_revision("op-7f3a")
    assert found is not None
    assert found.id == staged
    assert leaf.find_revision("op-other") is None


def test_a_confirm_timer_waits_and_confirm_keeps_the_change(leaf: NvueClient) -> None:
    staged = apply(leaf, MTU, confirm_s=600)
    assert leaf.wait(staged).state is RevisionState.CONFIRM
    assert mtu(leaf) == 9000
    assert leaf.confirm(staged).state.phase is RevisionPhase.DONE
    assert leaf.confirm(staged).state.phase is RevisionPhase.DONE
    assert mtu(leaf) == 9000


def test_without_confirmation_the_switch_goes_back_and_confirm_says_so(leaf: NvueClient) -> None:
    staged = apply(leaf, MTU, confirm_s=1)
    with pytest.raises(ConfirmExpired) as expired:
        wait_beyond_confirm(leaf, staged)
    assert [issue.code for issue in expired.value.issues][-1] == "rollback"
    with pytest.raises(ConfirmExpired):
        leaf.confirm(staged)
    while mtu(leaf) == 9000:
        pass
    assert mtu(leaf) is None


def test_a_confirm_that_fails_at_once_is_told(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-confirm-fails")
    staged = apply(leaf, MTU, confirm_s=600)
    with pytest.raises(ConfirmExpired):
        wait_beyond_confirm(leaf, staged)


def test_abort_rolls_back_what_waits_for_confirm(leaf: NvueClient) -> None:
    staged = apply(leaf, MTU, confirm_s=600)
    leaf.wait(staged)
    ended = leaf.abort(staged)
    assert ended is not None
    assert ended.state is RevisionState.CONFIRM_FAIL
    while mtu(leaf) == 9000:
        pass


def test_abort_deletes_what_is_only_staged_and_leaves_what_has_ended(leaf: NvueClient) -> None:
    staged = leaf.stage(MTU)
    assert leaf.abort(staged) is None
    with pytest.raises(RevisionMissing):
        leaf.revision(staged)
    assert leaf.abort(staged) is None
    done = apply(leaf, MTU)
    leaf.wait(done)
    left = leaf.abort(done)
    assert left is not None
    assert left.state.phase is RevisionPhase.DONE


def test_an_apply_of_somebody_else_is_a_conflict_that_names_it(leaf: NvueClient, connect: Connect) -> None:
    theirs = apply(connect(), {"interface": {"swp3": {"link": {"mtu": 8000}}}}, message="op-theirs", confirm_s=600)
    connect().wait(theirs)
    mine = leaf.stage(MTU)
    with pytest.raises(ApplyInProgress, match="op-theirs") as conflict:
        leaf.apply(mine, message="op-mine")
    assert conflict.value.revision_id == theirs
    assert leaf.revision(mine).state is RevisionState.PENDING


def test_a_race_between_two_applies_ends_in_a_conflict_by_the_switch(leaf: NvueClient, connect: Connect) -> None:
    mine, theirs = leaf.stage(MTU), connect().stage({"interface": {"swp3": {"link": {"mtu": 8000}}}})
    leaf.apply(mine, message="op-mine", confirm_s=600)
    # Past our own look at the other revisions: as if theirs had begun right after it.
    with pytest.raises(ApplyInProgress, match="only one at a time"):
        connect()._transport.send("PATCH", f"/revision/{theirs}", body={"state": "apply"})


def test_a_foreign_apply_after_the_plan_is_noticed_before_anything_is_applied(leaf: NvueClient, served: Served) -> None:
    served.break_it(
        "switch-foreign-apply", patch=json.dumps({"interface": {"swp9": {"link": {"mtu": 1500}}}}), when="after-diff"
    )
    staged = leaf.stage(MTU)
    planned = leaf.diff(staged)
    while any(r.state.phase is RevisionPhase.MOVING for r in leaf.revisions()):
        pass  # theirs is still being saved
    with pytest.raises(SwitchChangedMeanwhile, match="/interface/swp9/link"):
        leaf.apply(staged, message="op-1", expected_diff=planned)
    assert mtu(leaf, "swp9") == 1500
    assert mtu(leaf) is None


def test_a_switch_that_only_says_it_applied_is_caught_by_verify(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-lie", what="apply")
    assert leaf.wait(apply(leaf, MTU)).state.phase is RevisionPhase.DONE
    (deviation,) = leaf.verify(MTU)
    assert (deviation.path, deviation.wanted, deviation.found) == ("/interface/swp1/link/mtu", 9000, None)


@pytest.mark.parametrize("state", ["verify_error", "ready_error"])
def test_a_failure_before_anything_runs_carries_the_issues(leaf: NvueClient, served: Served, state: str) -> None:
    served.break_it("switch-apply-fails", state=state, reason="frr: unknown command")
    with pytest.raises(SwitchRefused, match="frr: unknown command") as refused:
        leaf.wait(apply(leaf, MTU))
    assert not isinstance(refused.value, SwitchRolledBack)
    assert refused.value.issues[0].severity == "error"
    assert mtu(leaf) is None


@pytest.mark.parametrize("state", ["apply_fail", "apply_error", "failed", "error"])
@pytest.mark.parametrize("asks", ["false", "true"])
def test_a_failure_half_way_waits_until_the_switch_restored_itself(
    leaf: NvueClient, served: Served, state: str, asks: str
) -> None:
    served.break_it("switch-apply-fails", state=state, asks=asks)
    with pytest.raises(SwitchRolledBack, match="former configuration again") as failed:
        leaf.wait(apply(leaf, MTU))
    assert failed.value.restored
    assert {issue.code for issue in failed.value.issues} == {"apply_failed", "rollback"}
    assert mtu(leaf) is None


def test_a_rollback_that_fails_too_is_said_loudly(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-apply-fails", restores="false")
    with pytest.raises(SwitchRolledBack, match="did NOT restore") as failed:
        leaf.wait(apply(leaf, MTU))
    assert not failed.value.restored


def test_an_apply_that_hangs_ends_our_patience_not_the_apply(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-apply-hangs", state="verifying", times=1)
    staged = apply(leaf, MTU)
    with pytest.raises(ApplyUnfinished, match="verifying"):
        leaf.wait(staged, deadline_s=0.3)
    assert leaf.revision(staged).state is RevisionState.VERIFYING


def test_an_unknown_key_is_refused_when_it_is_staged(leaf: NvueClient) -> None:
    with pytest.raises(SwitchRefused, match=r"config_invalid.*interface\.swp1\.link\.mtuu"):
        leaf.stage({"interface": {"swp1": {"link": {"mtuu": 9000}}}})
    with pytest.raises(SwitchRefused, match="config_invalid"):
        leaf.stage({"nonsense": {}})


@pytest.mark.parametrize(
    ("tree", "location"),
    [
        ({"interface": {"swp1": {"link": {"mtu": 300}}}}, "interface.swp1.link.mtu"),
        ({"interface": {"swp99": {"type": "swp"}}}, "interface.swp99"),
        ({"bridge": {"domain": {"br_default": {"vlan": {"5000": {}}}}}}, "bridge.domain.br_default.vlan.5000"),
        ({"router": {"bgp": {"enable": "on", "autonomous-system": 65101}}}, "router.bgp.enable"),
        ({"interface": {"swp1": {"acl": {"nowhere": {"inbound": {}}}}}}, "interface.swp1.acl.nowhere"),
        ({"vrf": {"t": {"evpn": {"vni": {"10110": {}}}}},
          "bridge": {"domain": {"br_default": {"vlan": {"110": {"vni": {"10110": {}}}}}}}}, "vrf.t.evpn.vni.10110"),
        ({"qos": {"egress-scheduler": {"x": {"traffic-class": {
            "0": {"mode": "dwrr", "bw-percent": 60}, "1": {"mode": "dwrr", "bw-percent": 60}}}}}},
         "qos.egress-scheduler.x"),
        ({"service": {"ptp": {"1": {"enable": "on", "current-profile": "mine"}}}}, "service.ptp.1.current-profile"),
        ({"system": {"aaa": {"user": {"cumulus": None}}}}, "system.aaa.user"),
    ],
)  # fmt: skip
def test_what_cannot_run_ends_invalid_and_says_where(leaf: NvueClient, tree: NvueTree, location: str) -> None:
    with pytest.raises(SwitchRefused) as refused:
        leaf.wait(apply(leaf, tree))
    assert location in [issue.location for issue in refused.value.issues]
    assert refused.value.issues[0].code == "config_invalid"


def test_a_lost_answer_to_apply_does_not_apply_twice(leaf: NvueClient, served: Served) -> None:
    staged = leaf.stage(MTU)
    served.break_it("drop", method="PATCH", when="after", times=1)
    assert leaf.apply(staged, message="op-1").state.phase is not RevisionPhase.STAGED
    leaf.wait(staged)
    assert leaf.verify(MTU) == ()


def test_connections_that_break_while_it_reloads_are_waited_for(unhurried: Served) -> None:
    tree: NvueTree = {"service": {"ptp": {"1": {"enable": "on", "domain": 24}}}}
    with client_of(unhurried) as leaf:
        leaf.wait(apply(leaf, tree))
        assert leaf.verify(tree) == ()
    assert 0 in {request["status"] for request in unhurried.requests()}


def test_a_reboot_half_way_through_an_apply_is_a_failure_that_says_so(unhurried: Served) -> None:
    unhurried.break_it("switch-reboot", state="reloading", seconds=4)
    with client_of(unhurried) as leaf:
        staged = apply(leaf, MTU)
        with pytest.raises(SwitchRefused, match="restarted while applying"):
            leaf.wait(staged)
        assert mtu(leaf) is None


def test_a_reboot_that_swallows_the_answer_to_apply_is_ridden_out(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-reboot", state="apply", seconds=40)
    staged = leaf.stage(MTU)
    assert leaf.apply(staged, message="op-1").state.phase is RevisionPhase.FAILED
    with pytest.raises(SwitchRefused, match="restarted while applying"):
        leaf.wait(staged)
    assert mtu(leaf) is None


def test_a_switch_that_stays_away_in_the_middle_of_an_apply_ends_our_patience(served: Served) -> None:
    served.break_it("switch-reboot", state="apply", seconds=1_000_000)
    with client_of(served, absence_s=0.1) as leaf:
        staged = leaf.stage(MTU)
        with pytest.raises(SwitchUnreachable, match="leaf-a"):
            leaf.apply(staged, message="op-1")


def test_a_lab_that_is_killed_forgets_neither_what_is_applied_nor_what_waits(tmp_path: Path, pem: Path) -> None:
    with serve(tmp_path / "state", pem) as running, client_of(running) as leaf:
        leaf.wait(apply(leaf, {"interface": {"swp3": {"link": {"mtu": 8000}}}}))
        waiting = apply(leaf, MTU, message="op-waits", confirm_s=100_000)
        leaf.wait(waiting)
    with serve(tmp_path / "state", pem) as running, client_of(running) as leaf:
        assert mtu(leaf, "swp3") == 8000
        found = leaf.find_revision("op-waits")
        assert isinstance(found, Revision)
        assert found.state is RevisionState.CONFIRM
        assert leaf.confirm(found.id).state.phase is RevisionPhase.DONE


@pytest.fixture
def old(tmp_path: Path, pem: Path) -> Iterator[NvueClient]:
    with serve(tmp_path / "state", pem, slash_ids=True) as running, client_of(running, "leaf-b") as client:
        yield client


def test_ids_with_slashes_and_the_answers_of_an_older_release_work_too(old: NvueClient) -> None:
    staged = old.stage(MTU)
    assert staged.startswith("changeset/cumulus/")
    old.apply(staged, message="op-1", confirm_s=600)
    assert old.wait(staged).state is RevisionState.CONFIRM
    old.confirm(staged)
    assert old.verify(MTU) == ()
    again = old.stage({"interface": {"swp1": {"link": {"mtu": None}}}})
    assert old.abort(again) is None
    assert old.identity().os_release == "5.8.0"


def test_save_makes_what_runs_the_startup_configuration(leaf: NvueClient, served: Served) -> None:
    leaf.wait(apply(leaf, {"system": {"config": {"auto-save": {"state": "disabled"}}}}))
    leaf.save()
    leaf.wait(apply(leaf, MTU))
    device = served.devices["leaf-a"]
    assert served.do(lambda: "mtu" in str(device.revisions.startup["interface"]["swp1"])) is False
    leaf.save()
    assert served.do(lambda: device.revisions.startup["interface"]["swp1"]["link"]["mtu"]) == 9000
