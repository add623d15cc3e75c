"""Logging in and out, and what a night operator reads when a BMC says no."""

import time
import traceback

import pytest
from pydantic import SecretStr

from clients.redfish import BmcTimeouts, RedfishBmcs
from clients.redfish.wire import Wire
from domain.account import AccountPolicy
from domain.bmc import (
    BmcAddress,
    BmcBusy,
    BmcLoginRefused,
    BmcRefused,
    BmcResourceMissing,
    BmcSessionLost,
    BmcTroubled,
    BmcUnreachable,
    Endpoint,
    PasswordChangeRequired,
)
from domain.errors import EdgewrightError
from domain.secret import Login
from tests.clients.redfish.conftest import BASIC, FACTORY, TIME_FACTOR, Client

WRONG = Login.model_validate({"username": "root", "password": "EWSECRET-not-this-1"})


def quick(**changes: float) -> RedfishBmcs:
    timeouts = {"connect_s": 1.0, "read_s": 0.5, "tries": 2, "pause_s": 0.01, "patience_s": 0.1} | changes
    return RedfishBmcs(BmcTimeouts(**timeouts), sleep=lambda s: time.sleep(s / TIME_FACTOR))  # type: ignore[arg-type]


def test_a_session_is_made_once_and_always_ended_also_after_an_error(client: Client) -> None:
    with client.opened("plain") as bmc:
        assert client.lab.sessions("plain") == 1
        bmc.power_state()
    assert client.lab.sessions("plain") == 0
    with pytest.raises(RuntimeError), client.opened("plain"):
        raise RuntimeError
    assert client.lab.sessions("plain") == 0


def test_a_session_that_a_restart_ended_is_no_refused_login(client: Client) -> None:
    with client.opened("victim") as bmc:
        bmc._wire.use_token("of-before-the-restart")  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(BmcSessionLost, match="does not know our session any more"):
            bmc.power_state()
        bmc._wire.use_token(None)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(BmcLoginRefused):
            bmc.power_state()


def test_a_bmc_without_a_session_service_is_opened_by_basic(client: Client) -> None:
    with client.opened("basic-only") as bmc:
        assert bmc.power_state()
    with pytest.raises(BmcLoginRefused), client.opened("basic-only", WRONG):
        pass


def test_when_all_sessions_are_taken_basic_opens_it_all_the_same(client: Client) -> None:
    with client.opened("few-sessions"), client.opened("few-sessions"), client.opened("few-sessions") as third:
        assert client.lab.sessions("few-sessions") == 2
        assert third.power_state()


def test_a_refused_login_is_one_try_and_names_no_secret(client: Client) -> None:
    before = client.lab.account("victim")["failures"]
    with (
        pytest.raises(BmcLoginRefused, match=r"victim \(127\..*\) refused the login") as refused,
        client.opened("victim", WRONG),
    ):
        pass
    assert client.lab.account("victim")["failures"] == before + 1
    assert "EWSECRET" not in str(refused.value) + repr(refused.value.__context__) + repr(refused.value.__cause__)
    with client.opened("victim"):
        pass
    assert client.lab.account("victim")["failures"] == 0


def test_until_the_factory_password_is_changed_only_that_is_possible(client: Client) -> None:
    with client.opened("factory-password") as bmc:
        assert bmc.must_change_password
        assert bmc.account_policy() == AccountPolicy()
        with pytest.raises(PasswordChangeRequired):
            bmc.read_hardware()
        bmc.change_password(SecretStr("EWSECRET-new-Passw0rd"))
    new = Login.model_validate({"username": "root", "password": "EWSECRET-new-Passw0rd"})
    with client.opened("factory-password", new) as bmc:
        assert not bmc.must_change_password
        assert bmc.read_nameplate().serial


def test_the_lock_out_policy_and_password_rules_are_read(client: Client) -> None:
    with client.opened("strict-lockout") as bmc:
        policy = bmc.account_policy()
    assert policy.lockout_threshold == 3
    assert policy.window_s == 120
    assert (policy.min_length, policy.max_length) == (8, 64)


def test_a_password_the_bmc_does_not_accept_is_refused_with_its_message_id(client: Client) -> None:
    with client.opened("reset-task") as bmc, pytest.raises(BmcRefused) as refused:
        bmc.change_password(SecretStr("EWSECRET-much-too-long-for-this-one-0"))
    assert refused.value.message_id.endswith("PropertyValueFormatError")
    assert "EWSECRET" not in str(refused.value)
    with client.opened("reset-task"):
        pass


def test_a_bmc_that_repeats_a_password_in_its_message_does_not_get_it_into_ours(client: Client) -> None:
    wire = Wire(client.endpoint("plain"), client.pin("plain"), timeouts=BmcTimeouts())
    wire.keep_secret(SecretStr("EWSECRET-abc"))
    assert wire.scrub('The value "EWSECRET-abc" is too short') == 'The value "***" is too short'


def test_a_refusal_says_what_to_whom_in_the_bmcs_words(client: Client) -> None:
    with client.opened("plain"):
        pass
    wire = Wire(client.endpoint("plain"), client.pin("plain"), timeouts=BmcTimeouts())
    wire.use_basic(BASIC)
    answer = wire.send("POST", "/redfish/v1/Systems/system/Actions/ComputerSystem.Reset", {"ResetType": "Levitate"})
    with pytest.raises(BmcRefused) as refused:
        wire.judge(answer, "ResetType=Levitate")
    wire.close()
    assert refused.value.message.startswith(f'plain ({client.lab.address("plain")}) refused ResetType=Levitate: "')
    assert refused.value.message_id.startswith("Base.")
    assert refused.value.message_id.endswith("ActionParameterValueNotInList")
    assert f"[{refused.value.message_id}]" in refused.value.message


def test_nobody_there_is_unreachable_and_nothing_was_sent(client: Client) -> None:
    nobody = Endpoint(name="r9-s09", address=BmcAddress(host="127.99.99.99", port=client.lab.port))
    with pytest.raises(BmcUnreachable, match=r"r9-s09 \(127.99.99.99:\d+\) cannot be reached") as missing:
        quick().identify(nobody)
    assert missing.value.sent is False


def test_a_stalled_bmc_is_given_up_on_after_the_timeout(client: Client) -> None:
    pin = client.pin("victim")
    client.lab.seed("stall", "victim")
    with pytest.raises(BmcUnreachable, match=r"did not answer within 0\.5 s") as stalled:
        quick().connect(client.endpoint("victim"), pin)
    assert stalled.value.sent is True


def test_a_read_is_tried_again_after_a_broken_connection_and_a_change_is_not(client: Client) -> None:
    client.lab.seed("drop", "victim", times=1, method="GET", path="/redfish/v1/Systems")
    with client.opened("victim") as bmc:
        assert bmc.read_nameplate().serial
    client.lab.seed("drop", "victim", method="POST", path="/redfish/v1/SessionService/*")
    logins = [entry for entry in client.lab.requests("victim") if entry["method"] == "POST"]
    with pytest.raises(BmcUnreachable, match="broke the connection"), client.opened("victim"):
        pass
    again = [entry for entry in client.lab.requests("victim") if entry["method"] == "POST"]
    assert len(again) == len(logins) + 1


def test_a_bmc_that_is_not_ready_is_asked_again_and_then_left_with_its_own_pause(client: Client) -> None:
    client.lab.seed("error", "victim", times=2, status=503)
    assert quick(patience_s=10).identify(client.endpoint("victim")).uuid
    client.lab.seed("error", "victim", status=503)
    with pytest.raises(BmcBusy, match="is not ready for GET /redfish/v1/") as busy:
        quick().identify(client.endpoint("victim"))
    assert busy.value.retry_after_s is not None


def test_an_internal_error_is_trouble_and_worth_a_retry(client: Client) -> None:
    client.lab.seed("error", "victim", status=500)
    with pytest.raises(BmcTroubled) as troubled:
        client.bmcs.identify(client.endpoint("victim"))
    assert troubled.value.retryable


def test_what_is_not_offered_is_told_apart_from_what_is_refused(client: Client) -> None:
    wire = Wire(client.endpoint("plain"), client.pin("plain"), timeouts=BmcTimeouts())
    wire.use_basic(BASIC)
    with pytest.raises(BmcResourceMissing, match="does not offer GET /redfish/v1/Fabrics"):
        wire.get("/redfish/v1/Fabrics")
    wire.close()


def test_no_error_of_a_broken_login_holds_the_password_anywhere(client: Client) -> None:
    """Not in its text, and not in what it was raised from: tracebacks go to logs."""
    for kind, arguments in (("drop", {"method": "POST"}), ("error", {"status": 500, "method": "POST"}), ("refuse", {})):
        pin = client.pin("victim")
        with quick().connect(client.endpoint("victim"), pin) as connection:
            client.lab.seed(kind, "victim", **arguments)
            with pytest.raises(EdgewrightError) as raised:
                connection.log_in(FACTORY)
        client.lab.mend()
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value.__dict__)
        assert "EWSECRET" not in shown
