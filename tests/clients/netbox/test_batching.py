"""What travels in one request."""

from clients.netbox.batching import BATCH, batches_of, parts_by_type
from clients.netbox.mapping import Ids
from clients.netbox.session import Row
from domain.records import Endpoint

SWITCH, SERVER = 7, 8
PARTS = {SWITCH: 101, SERVER: 5}


def rows(count: int, row: Row) -> list[tuple[str, Row]]:
    return [(f"object-{n}", row) for n in range(count)]


def sizes(items: list[tuple[str, Row]]) -> list[int]:
    batches = batches_of(items, PARTS)
    assert [item for batch in batches for item in batch] == items
    return [len(batch) for batch in batches]


def test_plain_objects_travel_by_fifty() -> None:
    assert sizes(rows(2 * BATCH + 1, {"name": "x"})) == [BATCH, BATCH, 1]
    assert sizes([]) == []


def test_a_switch_with_many_ports_is_a_batch_of_its_own() -> None:
    assert sizes(rows(3, {"device_type": SWITCH})) == [1, 1, 1]


def test_more_parts_than_a_request_should_make_are_split_between_devices() -> None:
    assert [len(batch) for batch in batches_of(rows(3, {"device_type": SWITCH}), {SWITCH: 66})] == [1, 1, 1]
    assert [len(batch) for batch in batches_of(rows(3, {"device_type": SWITCH}), {SWITCH: 50})] == [2, 1]


def test_servers_with_few_bays_share_a_request() -> None:
    assert sizes(rows(41, {"device_type": SERVER})) == [20, 20, 1]


def test_filling_devices_in_makes_no_parts() -> None:
    assert sizes(rows(BATCH, {"id": 1, "oob_ip": 2})) == [BATCH]


def test_parts_are_counted_by_the_templates_of_each_type() -> None:
    ids = Ids()
    ids.add(Endpoint.DEVICE_TYPE, "nvidia/sn5600", SWITCH)
    for number in (1, 2, 3):
        ids.add(Endpoint.INTERFACE_TEMPLATE, f"nvidia/sn5600/swp{number}", number)
    ids.add(Endpoint.MODULE_BAY_TEMPLATE, "nvidia/sn5600/fan1", 1)
    assert parts_by_type(ids) == {SWITCH: 4}
