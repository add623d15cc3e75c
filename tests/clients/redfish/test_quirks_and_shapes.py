"""The quirk table as data, and reading JSON that is not shaped as it should be."""

import re

import pytest

from clients.redfish.adapters import mac_of, mode_of, slot_name
from clients.redfish.hardware import main_system
from clients.redfish.messages import messages_of
from clients.redfish.quirks import TABLE, Habits, Identity, quirks_of
from clients.redfish.resource import Expansion, Reader, Resource
from domain.hardware import NicMode

EXPANDS = {"ProtocolFeaturesSupported": {"ExpandQuery": {"NoLinks": True, "Levels": True, "MaxLevels": 2}}}


def test_every_quirk_has_a_name_a_date_and_a_source() -> None:
    assert len({entry.name for entry in TABLE}) == len(TABLE)
    for entry in TABLE:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry.since), entry.name
        assert len(entry.source) > 20, entry.name
        named = (
            entry.vendor.strip("^$"),
            entry.product,
            entry.manager_model,
            entry.system_manufacturer,
            entry.system_model,
        )
        assert any(named), f"{entry.name} would apply to every BMC"


def test_quirks_of_several_entries_add_up() -> None:
    dell = quirks_of(Identity(vendor="Dell", product="Integrated Dell Remote Access Controller 8"))
    assert dell.basic_only
    assert dell.inventory_busy_s == 20
    assert not quirks_of(Identity(vendor="Somebody")).basic_only


@pytest.mark.parametrize(
    ("firmware", "settles"), [("24.10-3", True), ("", True), ("EWL-7 v9.2", True), ("24.11-0", False), ("v25.1", False)]
)
def test_a_habit_ends_with_the_firmware_that_mends_it(firmware: str, settles: bool) -> None:
    identity = Identity(manager_model="EWL-7", manager_firmware=firmware)
    assert bool(quirks_of(identity).power_settle_s) is settles


def test_what_only_a_login_shows_is_asked_once_and_only_where_it_could_matter() -> None:
    asked: list[Identity] = []

    def ask() -> Identity:
        asked.append(Identity(vendor="HPE", manager_model="iLO 5"))
        return asked[-1]

    hpe = Habits(Resource({"Vendor": "HPE"}))
    assert not hpe.before_login.close_connections
    assert hpe.after_login(ask).close_connections
    assert hpe.after_login(ask).close_connections
    Habits(Resource({"Vendor": "NVIDIA"})).after_login(ask)
    assert len(asked) == 1


def test_expanding_is_asked_for_only_where_it_is_announced_and_not_deeper() -> None:
    assert Expansion(Resource(EXPANDS)).value(3) == ".($levels=2)"
    assert Expansion(Resource(EXPANDS)).value(0) == ""
    assert Expansion(Resource({})).value(3) == ""
    assert Expansion(Resource(EXPANDS), allowed=False).value(3) == ""
    assert Expansion(Resource({"ProtocolFeaturesSupported": {"ExpandQuery": {"NoLinks": True}}})).value(3) == "."


def test_members_expanded_by_halves_are_fetched_one_by_one() -> None:
    """As AMI's host BMCs do it: nv-redfish PR 118."""
    fetched: list[str] = []

    def fetch(path: str, expand: str) -> Resource:
        fetched.append(path + expand)
        return Resource({"@odata.id": path, "Id": path[-1]})

    collection = Resource({"@odata.id": "/c", "Members": [{"@odata.id": "/c/1", "Name": "no id"}]})
    reader = Reader(fetch, Expansion(Resource(EXPANDS)), lambda _path: None)
    assert [member.text("Id") for member in reader.members(collection)] == ["1"]
    assert fetched == ["/c/1"]


def test_all_pages_of_a_collection_are_read_and_absent_members_left_out() -> None:
    pages = {
        "/c": {
            "Members": [{"Id": "1"}, {"Id": "2", "Status": {"State": "Absent"}}],
            "Members@odata.nextLink": "/c?$skip=2",
        },
        "/c?$skip=2": {"Members": [{"Id": "3"}]},
    }
    reader = Reader(lambda path, _expand: Resource(pages[path]), Expansion(Resource({})), lambda _path: None)  # type: ignore[arg-type]
    assert [m.text("Id") for m in reader.members(Resource({"@odata.id": "/c"}))] == ["1", "3"]


def test_wrong_types_read_as_absent() -> None:
    odd = Resource({"Name": 7, "Count": "7", "Flag": "true", "Members": {"a": 1}, "Inner": None, "List": [1, {"a": 2}]})
    assert (odd.text("Name"), odd.number("Count"), odd.flag("Flag")) == ("", None, None)
    assert (odd.each("Members"), bool(odd.inner("Inner")), len(odd.each("List"))) == ((), False, 1)
    assert odd.text("Name/Deeper") == ""
    assert not Resource([1, 2])


def test_the_most_severe_message_speaks_and_a_general_one_only_if_alone() -> None:
    body = {
        "error": {
            "code": "Base.1.0.GeneralError",
            "message": "general",
            "@Message.ExtendedInfo": [
                {"MessageId": "Base.1.0.GeneralError", "Message": "general", "Severity": "Critical"},
                {"MessageId": "Base.1.0.Small", "Message": "small", "Severity": "Warning"},
                {"MessageId": "Base.1.0.Big", "Message": "big", "MessageSeverity": "Critical"},
            ],
        }
    }
    assert [message.key for message in messages_of(Resource(body))] == ["Big", "Small", "GeneralError"]
    alone = messages_of(Resource({"error": {"code": "Base.1.0.GeneralError", "message": "general"}}))
    assert [message.text for message in alone] == ["general"]


@pytest.mark.parametrize(
    ("written", "mac"),
    [
        ("A0:88:C2:00:00:01", "a0:88:c2:00:00:01"),
        ("a088c2000001", "a0:88:c2:00:00:01"),
        ("A0-88-C2-00-00-01", "a0:88:c2:00:00:01"),
        ("00:00:00:00:00:00", None),
        ("", None),
        ("N/A", None),
        ("20000025B5000001", None),
    ],
)
def test_mac_addresses_are_read_as_people_write_them(written: str, mac: str | None) -> None:
    assert mac_of(written) == mac


def test_slots_and_modes_come_from_what_the_adapter_says() -> None:
    assert slot_name("NIC.Slot.3") == "nic-slot-3"
    assert slot_name("dpu0") == "dpu0"
    assert mode_of(Resource({"Model": "BlueField-3 B3140H SuperNIC"})) is NicMode.SUPERNIC
    assert mode_of(Resource({"Model": "BlueField-3 B3220", "Oem": {"Nvidia": {"Mode": "DpuMode"}}})) is NicMode.DPU
    assert mode_of(Resource({"Model": "BlueField-3", "Oem": {"Nvidia": {"Mode": "NicMode"}}})) is NicMode.NIC
    assert mode_of(Resource({"Model": "ConnectX-7"})) is NicMode.NIC


def test_of_several_systems_the_host_is_the_one_that_boots() -> None:
    """HGX boards list their GPUs' baseboard as a system of its own."""
    board = Resource({"Id": "HGX_Baseboard_0", "SystemType": "Physical", "SerialNumber": "1"})
    host = Resource({"Id": "System_0", "SystemType": "Physical", "Boot": {"BootOrder": []}, "SerialNumber": "2"})
    assert main_system((board, host)) is host
