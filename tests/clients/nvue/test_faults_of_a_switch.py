"""What our client says when a switch refuses, stalls, lies or breaks: the right kind of error, nothing secret in it."""

import contextlib
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from clients.nvue import (
    ApplyInProgress,
    FactoryPasswordUnchanged,
    NvueClient,
    SwitchAddress,
    SwitchCertificateChanged,
    SwitchForbidden,
    SwitchLoginRefused,
    SwitchRefused,
    SwitchRolledBack,
    SwitchTimeouts,
    SwitchTroubled,
    SwitchUnreachable,
    Trust,
    probe,
)
from domain.errors import Conflict, Rejected, Transient
from domain.nvue import NvueTree
from domain.secret import Login
from tests.clients.nvue.conftest import QUICK, Connect
from tests.lab.virtual.switch.serving import PASSWORD, USER, Served, certificate, fingerprint

MARKER = "EWSECRET-new-Passw0rd"
READER: NvueTree = {"system": {"aaa": {"user": {"watcher": {"role": "nvue-monitor", "password": "EWSECRET-watch1"}}}}}


def test_a_connection_that_is_reset_is_unreachable_and_worth_a_retry(leaf: NvueClient, served: Served) -> None:
    served.break_it("refuse")
    with pytest.raises(SwitchUnreachable) as error:
        leaf.identity()
    assert error.value.retryable
    assert isinstance(error.value, Transient)


def test_a_read_survives_one_reset_connection(leaf: NvueClient, served: Served) -> None:
    served.break_it("refuse", times=1)
    assert leaf.identity().hostname == "leaf-a"


def test_a_switch_that_never_answers_is_unreachable_after_the_timeout(connect: Connect, served: Served) -> None:
    served.break_it("stall")
    impatient = connect(timeouts=SwitchTimeouts(read_s=0.2, tries=1))
    with pytest.raises(SwitchUnreachable):
        impatient.identity()


def test_a_slow_switch_is_waited_for(leaf: NvueClient, served: Served) -> None:
    served.break_it("slow", seconds=4)
    assert leaf.identity().hostname == "leaf-a"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_troubled_switch_is_worth_a_retry(leaf: NvueClient, served: Served, status: int) -> None:
    served.break_it("error", status=status)
    with pytest.raises(SwitchTroubled, match=str(status)):
        leaf.interfaces()
    served.mend()
    served.break_it("error", status=status, times=1)
    assert leaf.interfaces()


def test_a_wrong_password_is_rejected_and_tried_once(connect: Connect, served: Served) -> None:
    wrong = connect(password="EWSECRET-wrong-one")
    with pytest.raises(SwitchLoginRefused) as error:
        wrong.identity()
    assert not error.value.retryable
    assert [request["status"] for request in served.requests()] == [401]
    assert not wrong.can_log_in()


def test_403_on_everything_is_the_factory_password(connect: Connect) -> None:
    unpacked = connect("spine", user="cumulus", password="cumulus")
    with pytest.raises(FactoryPasswordUnchanged, match="never changed"):
        unpacked.identity()
    with pytest.raises(FactoryPasswordUnchanged):
        unpacked.can_log_in()


def test_a_factory_reset_locks_the_switch_again(leaf: NvueClient, connect: Connect, served: Served) -> None:
    served.break_it("switch-factory-reset")
    assert not leaf.can_log_in()
    with pytest.raises(FactoryPasswordUnchanged):
        connect(user="cumulus", password="cumulus").identity()


def test_403_on_one_request_is_the_role(leaf: NvueClient, connect: Connect, served: Served) -> None:
    staged = leaf.stage(READER)
    leaf.apply(staged, message="op-1")
    leaf.wait(staged)
    watcher = connect(user="watcher", password="EWSECRET-watch1")
    assert watcher.identity().hostname == "leaf-a"
    with pytest.raises(SwitchForbidden, match="watcher"):
        watcher.stage({})
    served.break_it("error", status=403, path="/nvue_v1/platform/*")
    with pytest.raises(SwitchForbidden):
        leaf.inventory()


def test_a_lie_about_the_serial_number_is_seen_as_another_serial(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-lie", what="serial")
    assert leaf.identity().serial == "MT2438J01F91-LIE"


def test_a_reboot_is_unreachable_and_then_over(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-reboot", seconds=20)
    with pytest.raises(SwitchUnreachable):
        leaf.identity()
    while True:
        try:
            assert leaf.identity().uptime_s is not None
            break
        except SwitchUnreachable:
            time.sleep(0.02)
    assert leaf.can_log_in()


def test_the_neighbour_of_a_switch_that_restarts_hears_it_no_more(served: Served, connect: Connect) -> None:
    other = connect("leaf-b")
    assert "leaf-a" in {neighbor.system_name for neighbor in other.neighbors()}
    served.break_it("switch-reboot", seconds=100_000)
    assert "leaf-a" not in {neighbor.system_name for neighbor in other.neighbors()}


def test_a_port_that_is_configured_down_is_dark_at_the_other_end(served: Served, connect: Connect) -> None:
    leaf, other = connect(), connect("leaf-b")
    staged = leaf.stage({"interface": {"swp64": {"link": {"state": {"down": {}}}}}})
    leaf.apply(staged, message="op-1")
    leaf.wait(staged)
    assert "leaf-a" not in {neighbor.system_name for neighbor in other.neighbors()}
    ports = {interface.name: interface for interface in leaf.interfaces()}
    assert not ports["swp64"].admin_up
    assert not ports["swp64"].link_up


# Who it is


def test_another_certificate_than_the_pinned_one_gets_no_password(connect: Connect, served: Served) -> None:
    other = connect(trust=Trust(certificate_sha256="ab" * 32))
    with pytest.raises(SwitchCertificateChanged) as error:
        other.identity()
    assert isinstance(error.value, Conflict)
    assert served.requests() == []


def test_a_ca_bundle_is_trusted_and_another_one_is_not(connect: Connect, served: Served, tmp_path: Path) -> None:
    assert connect(trust=Trust(ca_file=served.pem)).identity().hostname == "leaf-a"
    assert connect(trust=Trust(ca_file=served.pem, server_name="leaf-a")).identity().hostname == "leaf-a"
    with pytest.raises(SwitchCertificateChanged):
        connect(trust=Trust(ca_file=served.pem, server_name="leaf-z")).identity()
    with pytest.raises(SwitchCertificateChanged):
        connect(trust=Trust(ca_file=certificate(tmp_path, "stranger"))).identity()


def test_trust_is_one_of_the_two(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        Trust()
    with pytest.raises(Rejected):
        Trust(ca_file=tmp_path / "ca.pem", certificate_sha256="00")


def test_a_probe_finds_the_switch_and_its_certificate_without_a_login(served: Served) -> None:
    found = probe(SwitchAddress("127.0.0.1", served.ports["leaf-a"]))
    assert found is not None
    assert found.speaks_nvue
    assert found.certificate_sha256 == fingerprint(served.pem)
    assert {request["status"] for request in served.requests()} == {401}


def test_a_probe_of_nothing_finds_nothing(served: Served) -> None:
    free = SwitchAddress("127.0.0.2", served.ports["leaf-a"])
    assert probe(free, timeout_s=0.5) is None


# The login


def test_the_password_is_changed_and_only_the_new_one_works(leaf: NvueClient, connect: Connect) -> None:
    leaf.change_password(SecretStr(MARKER), message="op-1")
    assert leaf.identity().hostname == "leaf-a"
    assert connect(password=MARKER).can_log_in()
    assert not connect().can_log_in()


def test_a_password_change_while_somebody_else_applies_leaves_the_old_one(leaf: NvueClient, connect: Connect) -> None:
    other = connect()
    theirs = other.stage({"interface": {"swp3": {"link": {"mtu": 8000}}}})
    other.apply(theirs, message="op-theirs", confirm_s=100_000)
    other.wait(theirs)
    with pytest.raises(ApplyInProgress):
        leaf.change_password(SecretStr(MARKER), message="op-1")
    assert leaf.can_log_in()


def test_a_password_change_that_is_rolled_back_leaves_the_old_one(leaf: NvueClient, served: Served) -> None:
    served.break_it("switch-apply-fails", times=1)
    with pytest.raises(SwitchRolledBack):
        leaf.change_password(SecretStr(MARKER), message="op-1")
    assert leaf.can_log_in()


def test_a_refusal_that_quotes_a_password_is_scrubbed(connect: Connect) -> None:
    old = connect("leaf-b")
    plain: NvueTree = {"system": {"aaa": {"user": {MARKER.lower(): {"password": MARKER.lower()}}}}}
    with pytest.raises(SwitchRefused, match="must not be the user name") as error:
        old.stage(plain)
    assert MARKER.lower() not in str(error.value)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_password_change_that_breaks_off_leaves_one_of_the_two_working(
    leaf: NvueClient, connect: Connect, served: Served, method: str, when: str, times: int
) -> None:
    served.break_it("drop", method=method, when=when, times=times)
    with contextlib.suppress(Transient):
        leaf.change_password(SecretStr(MARKER), message="op-1")
    served.mend()
    new, old = connect(password=MARKER), connect()
    assert new.can_log_in() != old.can_log_in()
    if old.can_log_in():
        old.change_password(SecretStr(MARKER), message="op-1")
    assert connect(password=MARKER).can_log_in()


def test_no_secret_shows_in_errors_reprs_or_what_the_lab_keeps(
    leaf: NvueClient, connect: Connect, served: Served, tmp_path: Path
) -> None:
    leaf.change_password(SecretStr(MARKER), message="op-1")
    wrong = connect(password="EWSECRET-wrong-one")
    with pytest.raises(SwitchLoginRefused) as error:
        wrong.identity()
    shown = [repr(leaf), repr(leaf.__dict__), str(error.value), repr(error.value), str(leaf.applied())]
    shown += [str(served.requests()), str(served.changes())]
    assert all("EWSECRET" not in text for text in shown)
    for path in (tmp_path / "state").iterdir():
        assert b"EWSECRET" not in path.read_bytes()


def test_a_login_in_a_proxy_environment_goes_straight_to_the_switch(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    with NvueClient(
        SwitchAddress("127.0.0.1", served.ports["leaf-a"]),
        Login(username=USER, password=SecretStr(PASSWORD)),
        Trust(certificate_sha256=fingerprint(served.pem)),
        timeouts=QUICK,
    ) as client:
        assert client.can_log_in()


def test_a_port_whose_lldp_is_off_is_cabled_and_silent(served: Served, connect: Connect) -> None:
    leaf, other = connect(), connect("leaf-b")
    staged = leaf.stage({"interface": {"swp64": {"lldp": {"state": "disabled"}}}})
    leaf.apply(staged, message="op-1")
    leaf.wait(staged)
    assert "leaf-a" not in {neighbor.system_name for neighbor in other.neighbors()}
    assert {port.name: port for port in other.interfaces()}["swp32"].link_up
    assert "swp64" not in {neighbor.port for neighbor in leaf.neighbors()}
    staged = leaf.stage({"service": {"lldp": {"state": "disabled"}}})
    leaf.apply(staged, message="op-2")
    leaf.wait(staged)
    assert leaf.neighbors() == ()
