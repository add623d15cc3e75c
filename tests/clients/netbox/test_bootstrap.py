"""What we own in NetBox is made once, beside whatever a customer has there."""

from collections.abc import Iterator

import pytest

from clients.netbox import NetBoxInventory, NetBoxSession
from domain.inventory import InventoryRefused
from domain.netbox_schema import CUSTOM_FIELDS
from tests.conftest import RunningNetBox

pytestmark = pytest.mark.services


@pytest.fixture
def empty(clean_netbox: RunningNetBox) -> Iterator[NetBoxSession]:
    session = NetBoxSession(clean_netbox.url, clean_netbox.token)
    yield session
    # Other tests bootstrap the same NetBox: a field of another type must not meet them.
    session.delete("extras/custom-fields", [row["id"] for row in session.rows("extras/custom-fields", fields=("id",))])


def test_bootstrap_makes_what_check_says_is_missing_and_then_nothing(empty: NetBoxSession) -> None:
    inventory = NetBoxInventory(empty)
    missing = inventory.check_bootstrap().missing
    assert {f"{m.kind} {m.name}" for m in missing} >= {f"custom field {field.name}" for field in CUSTOM_FIELDS}
    assert inventory.bootstrap().changed == missing
    assert inventory.check_bootstrap().ready
    assert inventory.bootstrap().changed == ()
    fields = empty.rows("extras/custom-fields")
    assert {row["ui_editable"]["value"] for row in fields} == {"no"}


def test_a_customers_things_stay_and_ours_are_widened(empty: NetBoxSession) -> None:
    inventory = NetBoxInventory(empty)
    empty.create_one("extras/custom-fields", {"name": "cost_centre", "type": "text", "object_types": ["dcim.device"]})
    theirs = empty.create_one("dcim/device-roles", {"name": "Gateways", "slug": "gateway", "color": "112233"})
    # An older release of ours: fewer object types, fewer states, and a field that people may edit.
    empty.create_one(
        "extras/custom-field-choice-sets",
        {"name": "ew-lifecycle", "extra_choices": [["verified", "verified"], ["x", "x"]]},
    )
    empty.create_one(
        "extras/custom-fields",
        {"name": "ew_key", "type": "text", "object_types": ["dcim.device", "dcim.module"], "ui_editable": "yes"},
    )
    inventory.bootstrap()
    assert inventory.check_bootstrap().ready
    (key,) = empty.rows("extras/custom-fields", {"name": "ew_key"})
    assert {"dcim.site", "dcim.module"} <= set(key["object_types"])
    assert key["ui_editable"]["value"] == "no"
    (states,) = empty.rows("extras/custom-field-choice-sets", {"name": "ew-lifecycle"})
    assert {"x", "available"} <= {pair[0] for pair in states["extra_choices"]}
    role, _ = empty.row("dcim/device-roles", theirs["id"])
    assert (role["name"], role["color"]) == ("Gateways", "112233")


def test_a_field_of_our_name_with_another_type_is_refused_with_what_to_do(empty: NetBoxSession) -> None:
    inventory = NetBoxInventory(empty)
    empty.create_one("extras/custom-fields", {"name": "ew_hardware", "type": "text", "object_types": ["dcim.device"]})
    with pytest.raises(InventoryRefused, match="ew_hardware of type text") as error:
        inventory.bootstrap()
    assert "Rename or remove" in error.value.do
    assert [m.kind for m in inventory.check_bootstrap().missing] == ["clash"]
