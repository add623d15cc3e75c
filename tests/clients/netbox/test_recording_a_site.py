"""A plan is carried out on a real NetBox, and NetBox's own change log is the judge."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from clients.netbox import NetBoxInventory, NetBoxSession
from clients.netbox.journal import LoggedChange, logged
from clients.netbox.mapping import SHAPES
from domain.inventory import DeviceQuery, Scope
from domain.plan import Action, Change, System
from domain.reconcile import CF_ADOPTED, CF_KEY, NETBOX_ID, reconcile
from domain.recording import rack_records, records
from domain.recording_facts import SiteFacts
from domain.records import ADDITIVE, LATE, SHARED, Endpoint, split_object
from domain.site import SiteDeclaration, SystemDeclaration
from tests.clients.netbox.conftest import CLASSES, SampleSite
from tests.domain.recording_samples import serial

pytestmark = pytest.mark.services

TYPES = {shape.object_type: endpoint for endpoint, shape in SHAPES.items()}


def last_entry(session: NetBoxSession) -> int:
    """The newest line of the change log."""
    rows = session.rows("core/object-changes", {"ordering": "-id"}, fields=("id",), most=1)
    return rows[0]["id"] if rows else 0


def log_since(session: NetBoxSession, entry: int) -> list[LoggedChange]:
    return list(logged(session, params={"id__gt": entry}))


def test_a_plan_is_applied_exactly_by_netboxs_own_change_log(
    inventory: NetBoxInventory, session: NetBoxSession, full_site: SampleSite
) -> None:
    site = full_site
    plan = site.plan(inventory)
    before = last_entry(session)
    applied = inventory.apply(site.scope, plan.changes, "op-17")
    assert applied.refused == ()
    assert sorted(applied.done) == sorted(change.object for change in plan.changes)

    log = log_since(session, before)
    # MAC addresses come with their interface, the ends of a cable with the cable.
    made = [e for e in log if e.action == "create" and e.object_type in TYPES]
    assert {e.object_type for e in log} - set(TYPES) == {"dcim.macaddress", "dcim.cabletermination"}
    by_type: dict[str, int] = {}
    for entry in made:
        by_type[entry.object_type] = by_type.get(entry.object_type, 0) + 1
    planned: dict[str, int] = {}
    for change in plan.changes:
        kind = SHAPES[split_object(change.object)[0]].object_type
        planned[kind] = planned.get(kind, 0) + 1
    assert by_type == planned
    # Nothing that was there before was touched, nothing was deleted.
    created = {(entry.object_type, entry.object_id) for entry in log if entry.action == "create"}
    assert {(e.object_type, e.object_id) for e in log} <= created
    assert {entry.by for entry in log} == {session.own_name()}
    devices = [entry for entry in made if entry.object_type == "dcim.device"]
    assert {entry.message for entry in devices} == {"op-17"}


def test_what_was_written_is_what_the_plan_said(inventory: NetBoxInventory, site: SampleSite) -> None:
    site.record(inventory)
    there = {seen.object: seen for seen in inventory.observe(site.scope)}
    for record in site.wanted:
        assert record.object in there
    server = there[f"dcim.devices/{site.name}/r1-s01"]
    assert server.fields["serial"] == serial(site.name, 0)
    assert server.fields["position"] == 1
    assert server.fields["cf.ew_lifecycle"] == "verified"
    assert server.fields["oob_ip"] is not None
    assert {tuple(s.fields["tags"] or ()) for s in there.values() if s.endpoint in ADDITIVE} == {("edgewright",)}  # type: ignore[arg-type]
    port = there[f"dcim.interfaces/{site.name}/r1-s01/dpu0-p0"]
    assert port.fields["mac_address"] == f"02:{site.number:02x}:00:00:00:00"
    assert port.fields["cf.ew_plane"] == "north-south"


def test_applying_again_and_planning_again_change_nothing(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    plan = site.plan(inventory)
    inventory.apply(site.scope, plan.changes)
    before = last_entry(session)
    again = inventory.apply(site.scope, plan.changes)
    assert (again.done, again.refused, again.already) == ((), (), len(plan.changes))
    assert site.plan(inventory).changes == ()
    assert log_since(session, before) == []


def test_an_apply_that_stopped_half_way_is_finished_by_the_next(inventory: NetBoxInventory, site: SampleSite) -> None:
    plan = site.plan(inventory)
    # Up to the devices, as after a crash: parts, addresses and the fields that point at them are missing.
    half = [c for c in plan.changes if split_object(c.object)[0] in (*SHARED, *_BEFORE_PARTS)]
    bare = [c.model_copy(update={"after": _without_address(c)}) for c in half]
    inventory.apply(site.scope, tuple(bare))
    rest = inventory.apply(site.scope, plan.changes)
    assert rest.refused == ()
    assert site.plan(inventory).changes == ()


_BEFORE_PARTS = (
    Endpoint.SITE, Endpoint.ASN_RANGE, Endpoint.VRF, Endpoint.PREFIX, Endpoint.LOCATION, Endpoint.RACK, Endpoint.DEVICE,
)  # fmt: skip


def _without_address(change: Change) -> dict[str, object] | object:
    late = LATE[Endpoint.DEVICE]
    return {k: v for k, v in change.after.items() if k not in late} if isinstance(change.after, dict) else change.after


def addresses_of(session: NetBoxSession, site: SampleSite, name: str) -> dict[str, str]:
    """The addresses that NetBox itself shows at a device."""
    (row,) = session.rows("dcim/devices", {"name": name, "site": site.name})
    pointers = ("oob_ip", "primary_ip4", "primary_ip6")
    return {field: row[field]["address"] for field in pointers if row[field] is not None}


def test_switches_and_systems_have_a_primary_address_and_one_recorded_by_an_older_version_gets_it(
    inventory: NetBoxInventory, session: NetBoxSession, full_site: SampleSite
) -> None:
    site = full_site
    systems = [{**s.model_dump(), "address": "2001:db8::20"} for s in site.declaration.systems if s.address]
    new = SampleSite(
        site.number,
        site.declaration.model_copy(
            update={
                "systems": (*site.declaration.systems, SystemDeclaration.model_validate({**systems[0], "name": "v6"}))
            }
        ),
        site.facts,
    )
    plan = new.plan(inventory)
    primaries = ("primary_ip4", "primary_ip6")
    older = tuple(
        change.model_copy(update={"after": {k: v for k, v in change.after.items() if k not in primaries}})
        for change in plan.changes
        if isinstance(change.after, dict)
    )
    assert inventory.apply(new.scope, older).refused == ()
    left = new.plan(inventory)
    named = {c.object.rpartition("/")[2]: sorted(c.after) for c in left.changes if isinstance(c.after, dict)}
    v4, v6 = ["primary_ip4"], ["primary_ip6"]
    assert named == {"leaf-a": v4, "leaf-b": v4, "gateway-1": v4, "v6": v6}
    assert inventory.apply(new.scope, left.changes).refused == ()
    assert new.plan(inventory).changes == ()

    switch, gateway = f"10.{site.number}.3.10/22", f"10.{site.number}.3.20/22"
    assert addresses_of(session, site, "leaf-a") == {"oob_ip": switch, "primary_ip4": switch}
    assert addresses_of(session, site, "gateway-1") == {"oob_ip": gateway, "primary_ip4": gateway}
    assert addresses_of(session, site, "v6") == {"primary_ip6": "2001:db8::20/128"}
    assert addresses_of(session, site, "storage-1") == {}
    assert set(addresses_of(session, site, "r1-s01")) == {"oob_ip"}
    # Lists show where a device is reached, also where that is no out-of-band address.
    shown = {device.name: device.address for device in inventory.devices(DeviceQuery(site=site.name))}
    assert (shown["v6"], shown["gateway-1"]) == ("2001:db8::20", gateway.partition("/")[0])


def test_one_bad_object_never_stops_the_others_and_what_hangs_on_it_is_named(
    inventory: NetBoxInventory, new_site: Callable[[int], SampleSite]
) -> None:
    site = new_site(3)
    plan = site.plan(inventory)
    name = f"dcim.devices/{site.name}/r1-s02"
    bad = tuple(
        change.model_copy(update={"after": {**change.after, "status": "no-such-status"}})
        if change.object == name and isinstance(change.after, dict)
        else change
        for change in plan.changes
    )
    applied = inventory.apply(site.scope, bad)
    refused = {refusal.object: refusal.why for refusal in applied.refused}
    assert "status" in refused[name]
    assert all("r1-s02" in f"{refused_name} {why}" for refused_name, why in refused.items())
    assert f"dcim.devices/{site.name}/r1-s01" in applied.done
    assert f"dcim.devices/{site.name}/r1-s03" in applied.done
    # Mended, it and all that hung on it come in.
    left = site.plan(inventory)
    assert {change.object for change in left.changes} == set(refused)
    assert inventory.apply(site.scope, left.changes).refused == ()
    assert site.plan(inventory).changes == ()


def test_a_batch_that_netbox_refuses_without_naming_an_entry_is_halved(
    inventory: NetBoxInventory, new_site: Callable[[int], SampleSite]
) -> None:
    site = new_site(3)
    plan = site.plan(inventory)
    bad = f"dcim.interfaces/{site.name}/r1-s02/dpu0-p0"
    broken = tuple(
        change.model_copy(update={"after": {**change.after, "mac_address": "not a mac"}})
        if change.object == bad and isinstance(change.after, dict)
        else change
        for change in plan.changes
    )
    applied = inventory.apply(site.scope, broken)
    names = {refusal.object for refusal in applied.refused}
    assert bad in names
    assert all(name == bad or name.startswith("dcim.cables/") for name in names)


def test_a_record_that_moved_since_the_plan_is_a_conflict_and_left_alone(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    site.record(inventory)
    name = f"dcim.devices/{site.name}/r1-s01"
    device = next(seen for seen in inventory.observe(site.scope) if seen.object == name)
    session.update("dcim/devices", [{"id": device.id, "custom_fields": {"ew_class": "by-hand"}}])
    stale = Change(
        system=System.NETBOX,
        object=name,
        action=Action.UPDATE,
        before={"cf.ew_class": "mgx-h100"},
        after={"cf.ew_class": "mgx-b200"},
    )
    (refusal,) = inventory.apply(site.scope, (stale,)).refused
    assert refusal.conflict
    assert "by-hand" in refusal.why
    drifted = site.plan(inventory).changes
    assert [(change.object, change.after) for change in drifted] == [(name, {"cf.ew_class": "mgx-h100"})]


def test_a_grown_declaration_adds_only_what_is_new(
    inventory: NetBoxInventory, session: NetBoxSession, new_site: Callable[[int], SampleSite]
) -> None:
    site = new_site(2)
    small = site.facts.model_copy(update={"servers": site.facts.servers[:1]})
    first = records(site.declaration, CLASSES, small)
    inventory.apply(site.scope, reconcile(first, inventory.observe(site.scope)).changes)
    before = last_entry(session)
    site.record(inventory)
    log = log_since(session, before)
    created = {(entry.object_type, entry.object_id) for entry in log if entry.action == "create"}
    assert created
    assert {e.action for e in log} <= {"create", "update"}
    touched = [e for e in log if (e.object_type, e.object_id) not in created]
    # The switch port that the new cable ends at: it gets its plane, and NetBox notes the cable at it.
    assert {(e.object_type, e.object) for e in touched} == {("dcim.interface", "swp2")}


# What NetBox held before.


def put_by_hand(session: NetBoxSession, site: SampleSite, name: str, *, serial: str, rack: int | None = None) -> int:
    """A device as a customer would have it: of another type, without any field of ours."""
    found = session.rows("dcim/sites", {"slug": site.name}, fields=("id",))
    where = found[0] if found else session.create_one("dcim/sites", {"name": f"By hand {site.name}", "slug": site.name})
    roles = session.rows("dcim/device-roles", {"slug": "gpu-server"}, fields=("id",))
    kinds = session.rows("dcim/device-types", {"slug": "by-hand"}, fields=("id",))
    if not kinds:
        maker = session.create_one("dcim/manufacturers", {"name": "By hand", "slug": "by-hand"})
        kinds = [
            session.create_one(
                "dcim/device-types", {"manufacturer": maker["id"], "model": "By hand", "slug": "by-hand"}
            )
        ]
    return session.create_one(
        "dcim/devices",
        {
            "name": name,
            "serial": serial,
            "site": where["id"],
            "role": roles[0]["id"],
            "device_type": kinds[0]["id"],
            "status": "active",
        },
    )["id"]


def test_a_device_known_by_its_serial_is_adopted_under_the_name_it_has(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    number = put_by_hand(session, site, "osl-gpu-07", serial=serial(site.name, 0))
    plan = site.plan(inventory)
    adoption = next(c for c in plan.changes if c.object == f"dcim.devices/{site.name}/r1-s01")
    assert adoption.action is Action.ADOPT
    assert isinstance(adoption.before, dict)
    assert adoption.before[NETBOX_ID] == number
    assert inventory.apply(site.scope, plan.changes).refused == ()

    device, _ = session.row("dcim/devices", number)
    assert device["name"] == "osl-gpu-07"
    assert device["status"]["value"] == "active"
    assert device["custom_fields"]["ew_key"] == f"{site.name}/r1-s01"
    assert device["custom_fields"]["ew_adopted"] is True
    assert device["rack"]["name"] == "r1"
    assert device["oob_ip"]["address"].startswith(f"10.{site.number}.0.10/")
    # Recording again finds it by the key that it has now.
    assert site.plan(inventory).changes == ()
    few = Scope.of(site.name, [r for r in site.wanted if r.key.startswith(f"{site.name}/r1-s01")])
    assert any(seen.id == number and seen.key == f"{site.name}/r1-s01" for seen in inventory.observe(few))


def test_an_adopted_site_keeps_its_name(inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite) -> None:
    made = session.create_one("dcim/sites", {"name": "Oslo, the old one", "slug": site.name, "status": "planned"})
    plan = site.plan(inventory)
    change = next(c for c in plan.changes if c.object == f"dcim.sites/{site.name}")
    assert change.action is Action.ADOPT
    assert inventory.apply(site.scope, plan.changes).refused == ()
    row, _ = session.row("dcim/sites", made["id"])
    assert (row["name"], row["status"]["value"]) == ("Oslo, the old one", "planned")
    assert row["custom_fields"]["ew_tier"]["value"] == "edge"
    assert {tag["slug"] for tag in row["tags"]} == {"edgewright"}
    after = site.plan(inventory)
    assert after.changes == ()
    assert {flag.kind for flag in after.flags} == {"differs-in-netbox"}


def test_a_serial_that_fits_two_devices_adopts_neither(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    numbers = [put_by_hand(session, site, f"double-{n}", serial=serial(site.name, 0)) for n in (1, 2)]
    plan = site.plan(inventory)
    assert "ambiguous-in-netbox" in {flag.kind for flag in plan.flags}
    assert not [c for c in plan.changes if "r1-s01" in c.object]
    inventory.apply(site.scope, plan.changes)
    for number in numbers:
        device, _ = session.row("dcim/devices", number)
        assert device["custom_fields"]["ew_key"] is None


def test_a_site_known_by_its_title_under_another_slug_is_the_same_site(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    made = session.create_one("dcim/sites", {"name": site.declaration.title, "slug": f"other-{site.number}"})
    plan = site.plan(inventory)
    change = next(c for c in plan.changes if c.object == f"dcim.sites/{site.name}")
    assert isinstance(change.before, dict)
    assert change.before[NETBOX_ID] == made["id"]
    assert inventory.apply(site.scope, plan.changes).refused == ()
    row, _ = session.row("dcim/sites", made["id"])
    assert row["custom_fields"]["ew_key"] == site.name
    assert site.plan(inventory).changes == ()


def test_a_person_who_writes_our_fields_by_the_api_is_named(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    since = datetime.now(UTC)
    site.record(inventory)
    assert inventory.foreign_changes(site.name, since) == ()
    person = _another_user(session)
    device = next(s for s in inventory.observe(site.scope) if s.object == f"dcim.devices/{site.name}/r1-s01")
    person.update("dcim/devices", [{"id": device.id, "custom_fields": {"ew_holder": "me"}, "comments": "mine"}])
    (change,) = inventory.foreign_changes(site.name, since)
    assert (change.field, change.before, change.after, change.by) == ("ew_holder", None, "me", "person")
    assert change.object_id == device.id


def _another_user(session: NetBoxSession) -> NetBoxSession:
    user = session.create_one("users/users", {"username": "person", "password": "Marker-Person-1"})
    session.create_one(
        "users/permissions",
        {
            "name": "devices",
            "object_types": ["dcim.device"],
            "actions": ["view", "change"],
            "users": [user["id"]],
        },
    )
    token = session.create_one("users/tokens", {"user": user["id"]})
    return NetBoxSession(session.url, f"nbt_{token['key']}.{token['token']}")


def test_custom_fields_of_others_are_not_read_and_not_written(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    name = f"theirs_{site.number}"
    session.create_one("extras/custom-fields", {"name": name, "type": "text", "object_types": ["dcim.device"]})
    site.record(inventory)
    device = next(s for s in inventory.observe(site.scope) if s.object == f"dcim.devices/{site.name}/r1-s01")
    session.update("dcim/devices", [{"id": device.id, "custom_fields": {name: "precious"}}])
    assert f"cf.{name}" not in device.fields
    change = Change(
        system=System.NETBOX,
        object=device.object,
        action=Action.UPDATE,
        before={"cf.ew_firmware": device.fields["cf.ew_firmware"]},  # type: ignore[dict-item]
        after={"cf.ew_firmware": {"BMC": "25.01"}},
    )
    assert inventory.apply(site.scope, (change,)).done == (device.object,)
    row, _ = session.row("dcim/devices", device.id)
    assert row["custom_fields"][name] == "precious"
    assert row["custom_fields"]["ew_firmware"] == {"BMC": "25.01"}


def test_our_keys_are_how_owned_objects_are_known(inventory: NetBoxInventory, site: SampleSite) -> None:
    site.record(inventory)
    keyed = [s for s in inventory.observe(site.scope) if s.endpoint is Endpoint.CABLE]
    assert keyed
    assert all(seen.owned and seen.fields[CF_KEY] and not seen.fields[CF_ADOPTED] for seen in keyed)


# What another site of ours has.


def of_title(site: SampleSite, title: str) -> SampleSite:
    return SampleSite(site.number, site.declaration.model_copy(update={"title": title}), site.facts)


def test_a_site_of_the_same_title_is_another_sites_and_stays_as_it_is(
    inventory: NetBoxInventory, session: NetBoxSession, new_site: Callable[[int], SampleSite]
) -> None:
    one, two = new_site(1), new_site(1)
    one.record(inventory)
    two = of_title(two, one.declaration.title)
    before = last_entry(session)
    plan = two.plan(inventory)
    assert [(flag.object, flag.kind) for flag in plan.flags] == [(f"dcim.sites/{two.name}", "belongs-to-another")]
    assert {split_object(change.object)[0] for change in plan.changes} <= SHARED
    assert inventory.apply(two.scope, plan.changes).refused == ()
    # The rack alone, as it is recorded beside others, by what the site is called.
    rack = rack_records(two.declaration, "r1", CLASSES, two.facts)
    scope = Scope.of(two.name, rack).model_copy(update={"titles": (two.declaration.title,)})
    look = inventory.look(scope)
    assert {split_object(change.object)[0] for change in reconcile(rack, look.records).changes} <= SHARED
    shared = {SHAPES[endpoint].object_type for endpoint in SHARED}
    assert {entry.object_type for entry in log_since(session, before)} <= shared
    assert one.plan(inventory).changes == ()
    assert one.plan(inventory).flags == ()


def test_a_pool_that_two_sites_declare_stays_with_the_one_that_has_it(
    inventory: NetBoxInventory, session: NetBoxSession, new_site: Callable[[int], SampleSite]
) -> None:
    one, two = new_site(1), new_site(1)
    one.record(inventory)
    two = SampleSite(two.number, two.declaration.model_copy(update={"underlay": one.declaration.underlay}), two.facts)
    plan = two.plan(inventory)
    prefix = one.declaration.underlay.loopbacks
    assert [(flag.object, flag.kind) for flag in plan.flags] == [
        (f"ipam.prefixes/global/{prefix}", "belongs-to-another")
    ]
    assert inventory.apply(two.scope, plan.changes).refused == ()
    assert two.plan(inventory).changes == ()
    (row,) = session.rows("ipam/prefixes", {"prefix": prefix})
    assert row["custom_fields"]["ew_key"] == f"{one.name}/{prefix}"
    assert one.plan(inventory).changes == ()


def test_an_adopted_site_is_found_by_our_key_whatever_it_is_called_afterwards(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    made = session.create_one("dcim/sites", {"name": site.declaration.title, "slug": f"other-{site.number}"})
    site.record(inventory)
    session.update("dcim/sites", [{"id": made["id"], "name": f"Renamed by hand {site.number}"}])
    assert site.plan(inventory).changes == ()
    rack = rack_records(site.declaration, "r1", CLASSES, site.facts)
    look = inventory.look(Scope.of(site.name, rack))
    assert reconcile(rack, look.records).changes == ()


def test_a_server_declared_under_another_name_is_refused_and_stays_as_it_is(
    inventory: NetBoxInventory, session: NetBoxSession, site: SampleSite
) -> None:
    site.record(inventory)
    before = last_entry(session)
    text = site.declaration.model_dump_json(by_alias=True).replace('"r1-s01"', '"r1-s09"')
    seen = site.facts.model_dump_json().replace('"r1-s01"', '"r1-s09"')
    renamed = SampleSite(site.number, SiteDeclaration.model_validate_json(text), SiteFacts.model_validate_json(seen))
    plan = renamed.plan(inventory)
    assert plan.changes == ()
    assert [(flag.object, flag.kind) for flag in plan.flags] == [(f"dcim.devices/{site.name}/r1-s09", "renamed")]
    # The rack alone, as onboarding records it.
    rack = rack_records(renamed.declaration, "r1", CLASSES, renamed.facts)
    look = inventory.look(Scope.of(site.name, rack))
    assert {split_object(change.object)[0] for change in reconcile(rack, look.records).changes} <= SHARED
    assert log_since(session, before) == []
