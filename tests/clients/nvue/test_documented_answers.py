"""Our reading of answers that others wrote down (payloads/documented.yaml names each source)."""

import pytest

from clients.nvue import reading
from domain.nvue import RevisionPhase, RevisionState, deviations
from tests.clients.nvue.documented import documented


def test_identity_of_a_real_sn5600() -> None:
    identity = reading.identity("192.0.2.100", documented("system"), documented("platform"), None)
    assert identity.serial == "MT2438J01F91"
    assert identity.model == "SN5600"
    assert identity.mac == "b0:cf:0e:ae:8d:ff"
    assert identity.hostname == "itachi-switch"
    assert identity.os_release == "5.12.1"
    assert identity.uptime_s == 11982


def test_what_the_switch_calls_not_available_is_empty() -> None:
    parts = {part.name: part for part in reading.inventory(documented("inventory"))}
    assert parts["FAN1/1"].serial == ""
    assert parts["PSU1"].serial == "MT2439J00U95"
    assert parts["SWITCH"].model == "920-9N42F-00RI-7C0"


def test_counters_of_a_port() -> None:
    (port,) = reading.interfaces(
        {"swp1": {"type": "swp", "link": {"oper-status": "up", "stats": documented("link-stats")}}}
    )
    assert port.counters.in_bytes == 293771538
    assert port.counters.out_packets == 3536629


def test_only_learned_addresses_with_a_port_count() -> None:
    learned = reading.mac_table("br_default", documented("mac-table"))
    assert [(entry.mac, entry.port, entry.vlan) for entry in learned] == [("2c:9d:90:82:ef:63", "swp13s0", 1)]


def test_an_address_learned_on_a_bond_keeps_the_bond_as_its_port() -> None:
    (entry,) = reading.mac_table("br_default", documented("mac-table-bonds"))
    assert (entry.port, entry.vlan, entry.age_s) == ("bond5", 121, 1414)


def test_a_neighbour_is_named_by_its_key_where_nothing_else_names_it() -> None:
    near, far = reading.neighbors(documented("lldp"))
    assert (near.port, near.system_name, near.port_id, near.age_s) == (
        "swp12",
        "bbr1-cp1-tan1-dc01",
        "Management1/1",
        60,
    )
    assert (far.port, far.system_name, far.port_id) == ("swp51", "spine2-cp1-smn1-dc01", "swp1")


def test_a_neighbour_that_only_sends_a_mac_address_is_found_by_it_in_either_spelling() -> None:
    first, second = reading.neighbors(documented("lldp-mac"))
    assert (first.system_name, first.port_mac or first.chassis_mac) == ("", "aa:bb:cc:11:22:33")
    assert (second.port, second.port_mac or second.chassis_mac) == ("swp3s0", "44:55:66:aa:bb:cc")


def test_an_invalid_revision_says_where() -> None:
    revision = reading.revision("6", documented("revision-invalid"))
    assert revision.state is RevisionState.INVALID
    assert revision.state.phase is RevisionPhase.FAILED
    assert revision.issues[0].location == "router.bgp.enable"
    assert "router-id" in revision.issues[0].message


def test_an_answer_below_its_id_is_the_same_answer() -> None:
    revision = reading.revision("6", documented("revision-timeout"))
    assert revision.state is RevisionState.AYS_FAIL
    assert revision.progress == "Aborted apply after warnings"
    assert revision.issues[0].code == "client_timeout"


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        (None, []), ("", []), ("it broke", ["it broke"]), (["one", {"message": "two"}], ["one", "two"]),
        ({"0": {"data": {"reason": "three"}}}, ["three"]), (7, []),
    ],
)  # fmt: skip
def test_issues_may_come_in_any_shape(given: object, messages: list[str]) -> None:
    assert [issue.message for issue in reading.issues(given)] == messages  # type: ignore[arg-type]


def test_an_older_platform_answer_keeps_the_hardware_below_its_own_key() -> None:
    identity = reading.identity(
        "a", {}, {"hardware": {"serial-number": "X1", "model": "VX", "base-mac": "44:38:39:22:01:7A"}}, None
    )
    assert (identity.serial, identity.model, identity.mac) == ("X1", "VX", "44:38:39:22:01:7a")


@pytest.mark.parametrize("state", list(RevisionState))
def test_every_state_has_a_phase(state: RevisionState) -> None:
    assert state.phase in RevisionPhase


def test_a_state_we_never_heard_of_is_kept_in_its_word_and_waited_for() -> None:
    revision = reading.revision("1", {"state": "meditating"})
    assert revision.state is RevisionState.UNKNOWN
    assert revision.word == "meditating"
    assert revision.state.phase is RevisionPhase.MOVING


def test_deviations_name_every_leaf_that_is_not_as_wanted() -> None:
    found = {"a": {"b": "9216", "c": {"d": {}}}, "gone": {"x": 1}}
    assert deviations({"a": {"b": 9216, "c": {"d": {}}}}, found) == ()
    assert deviations({"gone": None, "never": None, "none": {"x": None}}, {"a": 1}) == ()
    wrong = deviations({"a": {"b": 1500}, "gone": None, "new": {"y": {}}}, found)
    assert [deviation.path for deviation in wrong] == ["/a/b", "/gone", "/new"]
