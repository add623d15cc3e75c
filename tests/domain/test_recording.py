"""What NetBox must hold about a site, and what must change in it: pure."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.lifecycle import Lifecycle, MoveNotAllowed, check_move, may_follow
from domain.netbox_schema import CUSTOM_FIELDS, Cf, Observed
from domain.plan import Action, Change
from domain.reconcile import CF_ADOPTED, CF_KEY, NETBOX_ID, RecordChanges, drift, not_declared, reconcile
from domain.recording import cable_records, rack_records, records, site_records
from domain.recording_devices import STATE_FIELDS, interface_type
from domain.recording_facts import SiteFacts
from domain.recording_site import with_mask
from domain.records import LATE, ORDER, Endpoint, Field, Link, ObservedRecord, Record, from_json, links_of, to_json
from domain.site import Plane, SiteDeclaration
from tests.domain.recording_samples import OPERATION, declaration, facts, hardware, server_class

CLASSES = {"mgx-h100": server_class()}


def wanted(**changes: object) -> tuple[Record, ...]:
    site = declaration()
    return records(site, CLASSES, facts(site, **changes))  # type: ignore[arg-type]


def as_observed(found: tuple[Record, ...], **odd: dict[str, Field]) -> tuple[ObservedRecord, ...]:
    """The inventory as it is when all of it was recorded; `odd` changes fields of a record by its key."""
    return tuple(
        ObservedRecord(endpoint=r.endpoint, key=r.key, id=n + 1, fields={**r.fields, **odd.get(r.key, {})})
        for n, r in enumerate(found)
    )


def by_object(found: RecordChanges) -> dict[str, Change]:
    return {change.object: change for change in found.changes}


def test_an_empty_inventory_gets_every_record_once_in_an_order_in_which_links_are_there() -> None:
    found = wanted()
    plan = reconcile(found, ())
    assert [c.action for c in plan.changes] == [Action.CREATE] * len(found)
    assert max(Counter(change.object for change in plan.changes).values()) == 1
    made: set[str] = set()
    late = LATE[Endpoint.DEVICE]
    for change in plan.changes:
        assert isinstance(change.after, dict)
        for name, value in change.after.items():
            if name not in late:
                # Device roles are made by bootstrap, everything else by the plan itself.
                needs = {
                    link.object for link in links_of(from_json(value)) if link.endpoint is not Endpoint.DEVICE_ROLE
                }
                assert needs <= made, f"{change.object} needs {needs - made} first"
        made.add(change.object)


def test_recording_again_changes_nothing() -> None:
    found = wanted()
    assert reconcile(found, as_observed(found)).changes == ()


def test_readings_that_change_by_themselves_are_not_recorded() -> None:
    site = declaration()
    seen = facts(site)
    later = seen.model_copy(
        update={
            "servers": tuple(
                s.model_copy(update={"hardware": s.hardware.model_copy(update={"power_w": 3.0, "inlet_celsius": 44.0})})
                for s in seen.servers
                if s.hardware is not None
            )
        }
    )
    assert records(site, CLASSES, later) == records(site, CLASSES, seen)


def test_a_grown_declaration_adds_only_what_is_new() -> None:
    small, grown = declaration(servers=2), declaration(servers=3)
    there = as_observed(records(small, CLASSES, facts(small)))
    plan = reconcile(records(grown, CLASSES, facts(grown)), there)
    created = [c.object for c in plan.changes if c.action is Action.CREATE]
    assert created
    assert all("r1-s03" in name or name.endswith("10.1.0.12") for name in created)
    # The switch ports that the new cables end at were free: they get their plane, and nothing else is touched.
    rest = [c for c in plan.changes if c.action is not Action.CREATE]
    assert [(c.object, c.before, c.after) for c in rest] == [
        (f"dcim.interfaces/oslo-1/leaf-{side}/swp3", {f"cf.{Cf.PLANE}": None}, {f"cf.{Cf.PLANE}": "north-south"})
        for side in "ab"
    ]


def test_the_parts_of_a_site_are_the_whole() -> None:
    site = declaration(servers=4, racks=2)
    seen = facts(site)
    parts = (
        *site_records(site, CLASSES, seen),
        *rack_records(site, "r1", CLASSES, seen),
        *rack_records(site, "r2", CLASSES, seen),
        *cable_records(site, seen),
    )
    assert {r.object for r in parts} == {r.object for r in records(site, CLASSES, seen)}


def test_a_rack_links_only_to_itself_the_site_and_what_bootstrap_made() -> None:
    site = declaration(servers=4, racks=2)
    seen = facts(site)
    known = {r.object for r in (*site_records(site, CLASSES, seen), *rack_records(site, "r2", CLASSES, seen))}
    links = {
        link.object
        for record in rack_records(site, "r2", CLASSES, seen)
        for field in record.fields.values()
        for link in links_of(field)
        if link.endpoint is not Endpoint.DEVICE_ROLE
    }
    assert links <= known


def test_a_server_that_was_not_found_is_not_recorded_and_neither_are_its_cables() -> None:
    site = declaration()
    seen = facts(site)
    without = seen.model_copy(update={"servers": seen.servers[1:]})
    gone = seen.servers[0].name
    assert not [r.object for r in records(site, CLASSES, without) if gone in r.key]


def test_a_system_without_a_driver_is_recorded_as_declared_and_not_observed() -> None:
    storage = next(r for r in wanted() if r.object == "dcim.devices/oslo-1/storage-1")
    assert storage.fields[f"cf.{Cf.OBSERVED}"] == Observed.DECLARED
    assert storage.fields[f"cf.{Cf.OWNER}"] == "local-it"


def test_the_state_of_an_existing_server_is_never_part_of_a_plan() -> None:
    found = wanted()
    moved: dict[str, Field] = {
        "status": "active",
        f"cf.{Cf.LIFECYCLE}": Lifecycle.ALLOCATED,
        f"cf.{Cf.HOLDER}": "tenant/acme",
        f"cf.{Cf.OPERATION}": "op-other",
        f"cf.{Cf.QUARANTINE_REASONS}": None,
    }
    assert set(moved) - {f"cf.{Cf.HOLDER}"} == STATE_FIELDS - {f"cf.{Cf.HOLDER}"}
    assert reconcile(found, as_observed(found, **{"oslo-1/r1-s01": moved})).changes == ()


def test_a_drive_that_was_replaced_is_one_update_of_its_module() -> None:
    found = wanted()
    plan = reconcile(found, as_observed(found, **{"oslo-1/r1-s01/NVMe0": {"serial": "OLD"}}))
    only = by_object(plan)["dcim.modules/oslo-1/r1-s01/NVMe0"]
    assert len(plan.changes) == 1
    assert only.before == {"serial": "OLD"}
    assert only.after == {"serial": "D-oslo-1-0-0"}


def test_a_persons_change_to_a_field_of_ours_is_drift() -> None:
    found = wanted()
    there = as_observed(found, **{"oslo-1/r1-s01": {f"cf.{Cf.CLASS}": "something"}})
    flags = drift(reconcile(found, there))
    assert [flag.object for flag in flags] == ["dcim.devices/oslo-1/r1-s01"]
    assert "something" in flags[0].message


def test_what_nobody_declares_any_more_is_shown_and_not_removed() -> None:
    grown, small = declaration(servers=3), declaration(servers=2)
    there = as_observed(records(grown, CLASSES, facts(grown)))
    small_wanted = records(small, CLASSES, facts(small))
    assert reconcile(small_wanted, there).changes == ()
    gone = {flag.object for flag in not_declared(small_wanted, there)}
    assert "dcim.devices/oslo-1/r1-s03" in gone
    assert all("r1-s03" in name for name in gone)


# What NetBox held before us.


def theirs(record: Record, number: int, **changes: Field) -> ObservedRecord:
    plain = {name: value for name, value in record.fields.items() if not name.startswith("cf.")}
    return ObservedRecord(endpoint=record.endpoint, key=record.key, id=number, fields={**plain, **changes}, owned=False)


def device(name: str = "r1-s01") -> Record:
    return next(r for r in wanted() if r.object == f"dcim.devices/oslo-1/{name}")


def test_a_device_is_matched_by_serial_before_its_name_and_adopted_under_its_own() -> None:
    record = device()
    seen = theirs(record, 77, name="osl-gpu-7").model_copy(update={"key": "oslo-1/osl-gpu-7"})
    plan = reconcile((record,), (seen,))
    (change,) = plan.changes
    assert change.action is Action.ADOPT
    assert isinstance(change.before, dict)
    assert isinstance(change.after, dict)
    assert change.before[NETBOX_ID] == 77
    assert change.after[CF_ADOPTED] is True
    assert change.after[CF_KEY] == "oslo-1/r1-s01"
    assert "name" not in change.after
    assert [flag.kind for flag in plan.flags] == ["differs-in-netbox"]


def test_adoption_fills_what_is_empty_and_leaves_what_people_wrote() -> None:
    record = device()
    seen = theirs(record, 77, position=None, rack=Link(endpoint=Endpoint.RACK, key="oslo-1/other"))
    plan = reconcile((record,), (seen,))
    after = plan.changes[0].after
    assert isinstance(after, dict)
    assert after["position"] == 1
    assert "rack" not in after
    assert [flag.message for flag in plan.flags if "rack" in flag.message]


def test_an_adopted_device_stays_as_people_wrote_it_also_afterwards() -> None:
    record = device()
    adopted = theirs(record, 77, position=30)
    fields: dict[str, Field] = {**record.fields, "position": 30, CF_ADOPTED: True}
    plan = reconcile((record,), (adopted.model_copy(update={"fields": fields, "owned": True}),))
    assert plan.changes == ()
    assert [flag.kind for flag in plan.flags] == ["differs-in-netbox"]


def test_parts_and_cables_follow_a_device_that_has_another_name_in_netbox() -> None:
    found = tuple(r for r in wanted() if "r1-s01" in r.key or "leaf" in r.key)
    renamed = {
        r.object: ObservedRecord(
            endpoint=r.endpoint,
            key=r.key.replace("r1-s01", "old") if r.endpoint is not Endpoint.CABLE else r.key,
            id=n + 1,
            fields={
                **{name: from_json(_renamed(to_json(value))) for name, value in r.fields.items()},
                **({"name": "old", CF_ADOPTED: True} if r.object == "dcim.devices/oslo-1/r1-s01" else {}),
            },
        )
        for n, r in enumerate(found)
    }
    plan = reconcile(found, tuple(renamed.values()))
    assert plan.changes == ()


def _renamed(value: object) -> object:
    if isinstance(value, dict):
        return {k: _renamed(v) for k, v in value.items()} if "link" in value else value
    if isinstance(value, list):
        return [_renamed(v) if isinstance(v, dict) else v for v in value]
    return value.replace("oslo-1/r1-s01", "oslo-1/old") if isinstance(value, str) and "dcim." in value else value


@pytest.mark.parametrize("how", ["serial", "name"])
def test_what_fits_two_devices_is_a_finding_and_adopts_neither(how: str) -> None:
    record = device()
    one = theirs(record, 1)
    two = theirs(record, 2)
    if how == "serial":
        two = two.model_copy(update={"key": "oslo-1/another"})
    else:
        one, two = (seen.model_copy(update={"fields": {**seen.fields, "serial": ""}}) for seen in (one, two))
    plan = reconcile(wanted(), (one, two))
    assert [flag.kind for flag in plan.flags] == ["ambiguous-in-netbox"]
    assert not [c.object for c in plan.changes if "r1-s01" in c.object and c.object.startswith("dcim.")]
    assert "dcim.devices/oslo-1/r1-s02" in by_object(plan)


def test_a_serial_at_another_site_is_a_finding_and_moves_nothing() -> None:
    record = device()
    seen = theirs(record, 5).model_copy(update={"key": "bergen-1/x"})
    plan = reconcile((record,), (seen,))
    assert plan.changes == ()
    assert [flag.kind for flag in plan.flags] == ["serial-elsewhere"]


def test_a_swapped_machine_under_the_same_name_is_a_finding() -> None:
    record = device()
    plan = reconcile((record,), (theirs(record, 5, serial="OTHER"),))
    assert plan.changes == ()
    assert [flag.kind for flag in plan.flags] == ["other-serial-in-netbox"]


def test_an_address_that_belongs_to_something_else_is_not_taken_from_it() -> None:
    found = wanted()
    ip = next(r for r in found if r.endpoint is Endpoint.IP_ADDRESS and "r1-s01" in to_text(r))
    other = theirs(ip, 9, assigned_object=Link(endpoint=Endpoint.INTERFACE, key="oslo-1/printer/eth0"))
    plan = reconcile(found, (other,))
    assert [flag.kind for flag in plan.flags] == ["address-taken"]
    created = by_object(plan)["dcim.devices/oslo-1/r1-s01"].after
    assert isinstance(created, dict)
    assert "oob_ip" not in created
    assert ip.object not in by_object(plan)


# Which address a device is managed at.


def device_of(found: Iterable[Record], name: str) -> Record:
    return next(r for r in found if r.endpoint is Endpoint.DEVICE and r.key == f"oslo-1/{name}")


def pointers(found: Iterable[Record], name: str) -> dict[str, str]:
    """Address field to the address that it points at."""
    fields = device_of(found, name).fields
    return {
        field: link.key.rpartition("/")[2]
        for field in sorted(LATE[Endpoint.DEVICE] & set(fields))
        for link in links_of(fields[field])
    }


def with_system(address: str) -> SiteDeclaration:
    site = declaration()
    systems = tuple(
        system.model_copy(update={"address": address}) if system.name == "gateway-1" else system
        for system in site.systems
    )
    return site.model_copy(update={"systems": systems})


def test_a_switch_is_managed_over_its_management_port_and_a_server_has_only_its_bmc_yet() -> None:
    found = wanted()
    assert pointers(found, "leaf-a") == {"oob_ip": "10.1.3.10", "primary_ip4": "10.1.3.10"}
    assert pointers(found, "r1-s01") == {"oob_ip": "10.1.0.10"}
    assert pointers(found, "storage-1") == {}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.3.20", {"oob_ip": "10.1.3.20", "primary_ip4": "10.1.3.20"}),
        ("192.0.2.20", {"primary_ip4": "192.0.2.20"}),
        ("2001:db8::20", {"primary_ip6": "2001:db8::20"}),
    ],
)
def test_a_systems_declared_address_is_its_primary_one_and_out_of_band_only_where_it_lies_there(
    address: str, expected: dict[str, str]
) -> None:
    site = with_system(address)
    assert pointers(records(site, CLASSES, facts(site)), "gateway-1") == expected


def test_what_an_older_version_recorded_gets_its_primary_addresses_as_a_change_that_the_plan_shows() -> None:
    found = wanted()
    there = tuple(
        seen.model_copy(update={"fields": {n: v for n, v in seen.fields.items() if not n.startswith("primary_ip")}})
        for seen in as_observed(found)
    )
    changes = by_object(reconcile(found, there))
    assert set(changes) == {f"dcim.devices/oslo-1/{name}" for name in ("leaf-a", "leaf-b", "gateway-1")}
    ip = {"link": "ipam.ip-addresses/oslo-1-out-of-band/10.1.3.10"}
    change = changes["dcim.devices/oslo-1/leaf-a"]
    assert (change.action, change.before, change.after) == (
        Action.UPDATE, {"primary_ip4": None}, {"primary_ip4": ip},
    )  # fmt: skip


def test_a_primary_address_that_somebody_chose_for_an_adopted_device_stays_and_another_one_is_flagged() -> None:
    found = wanted()
    record = device_of(found, "leaf-a")
    for theirs_at, flags in (("global/10.1.3.10", []), ("global/192.0.2.9", ["differs-in-netbox"])):
        link = Link(endpoint=Endpoint.IP_ADDRESS, key=theirs_at)
        rest = tuple(seen for seen in as_observed(found) if seen.object != record.object)
        plan = reconcile(found, (*rest, theirs(record, 5, primary_ip4=link)))
        after = by_object(plan)[record.object].after
        assert isinstance(after, dict)
        assert "primary_ip4" not in after
        assert [flag.kind for flag in plan.flags] == flags


def to_text(record: Record) -> str:
    return " ".join(str(to_json(value)) for value in record.fields.values())


# Cables.


def test_a_cable_of_ours_that_moved_to_another_port_is_taken_away_first() -> None:
    site = declaration()
    found = records(site, CLASSES, facts(site))
    cable = next(r for r in found if r.endpoint is Endpoint.CABLE)
    end = links_of(cable.fields["b_terminations"])[0]
    old = ObservedRecord(
        endpoint=Endpoint.CABLE,
        key="oslo-1/leaf-a/swp8--" + end.key,
        id=999,
        fields={
            "a_terminations": (Link(endpoint=Endpoint.INTERFACE, key="oslo-1/leaf-a/swp8"),),
            "b_terminations": (end,),
        },
    )
    there = (*(seen for seen in as_observed(found) if seen.object != cable.object), old)
    plan = reconcile(found, there)
    assert [(c.action, c.object) for c in plan.changes] == [
        (Action.DELETE, old.object),
        (Action.CREATE, cable.object),
    ]


def test_somebody_elses_cable_at_a_port_stays_and_is_a_finding() -> None:
    found = wanted()
    cable = next(r for r in found if r.endpoint is Endpoint.CABLE)
    end = links_of(cable.fields["a_terminations"])[0]
    other = ObservedRecord(
        endpoint=Endpoint.CABLE,
        key="x--y",
        id=999,
        owned=False,
        fields={"a_terminations": (end,), "b_terminations": ()},
    )
    plan = reconcile(found, (*(s for s in as_observed(found) if s.object != cable.object), other))
    assert plan.changes == ()
    assert [flag.kind for flag in plan.flags] == ["port-taken"]


def test_a_cable_recorded_the_other_way_round_is_the_same_cable() -> None:
    found = wanted()
    cable = next(r for r in found if r.endpoint is Endpoint.CABLE)
    turned = {"a_terminations": cable.fields["b_terminations"], "b_terminations": cable.fields["a_terminations"]}
    assert reconcile(found, as_observed(found, **{cable.key: turned})).changes == ()


def test_a_cable_that_was_seen_to_be_otherwise_is_planned_and_not_connected() -> None:
    site = declaration()
    wrong = facts(site).model_copy(update={"wrong_cables": frozenset({site.cables[3].key})})
    status = {r.key: r.fields["status"] for r in cable_records(site, wrong)}
    assert sorted(status.values()).count("planned") == 1
    assert len(status) == len(site.cables)


# Small things.


def test_additive_lists_keep_other_peoples_entries() -> None:
    found = wanted()
    theirs_asn = Link(endpoint=Endpoint.ASN, key="64512")
    there = as_observed(found, **{"oslo-1": {"asns": (theirs_asn,), "tags": ["vip"]}})
    (change,) = reconcile(found, there).changes
    assert isinstance(change.after, dict)
    assert change.after["tags"] == ["vip", "edgewright"]
    assert from_json(change.after["asns"]) == (theirs_asn, Link(endpoint=Endpoint.ASN, key="4200000001"))


def test_every_custom_field_that_is_written_is_one_we_own() -> None:
    owned = {f"cf.{field.name}" for field in CUSTOM_FIELDS}
    written = {name for r in wanted() for name in r.fields if name.startswith("cf.")}
    assert written <= owned


def test_endpoints_are_ordered_so_that_no_record_links_forward_but_the_late_ones() -> None:
    for record in wanted():
        for name, field in record.fields.items():
            if name not in LATE[Endpoint.DEVICE]:
                assert all(ORDER[link.endpoint] <= ORDER[record.endpoint] for link in links_of(field))


@pytest.mark.parametrize(
    ("plane", "speed", "kind"),
    [
        (Plane.NORTH_SOUTH, 200, "200gbase-x-qsfp56"),
        (Plane.INFINIBAND, 400, "infiniband-ndr"),
        (None, None, "other"),
        (None, 3.5, "other"),
    ],
)
def test_a_port_has_the_interface_type_of_its_speed(plane: Plane | None, speed: float | None, kind: str) -> None:
    assert interface_type(plane, speed) == kind


def test_an_out_of_band_address_has_the_length_of_its_declared_prefix() -> None:
    site = declaration()
    assert with_mask(site, "10.1.0.10") == "10.1.0.10/22"
    assert with_mask(site, "192.0.2.1") == "192.0.2.1/32"


json_fields = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3).filter(lambda k: k != "link"), inner)
    ),
    max_leaves=5,
)
links = st.builds(Link, endpoint=st.sampled_from(Endpoint), key=st.text(min_size=1, max_size=9))


@given(json_fields | links | st.lists(links, min_size=1, max_size=3).map(tuple))
def test_a_field_survives_the_way_into_a_plan_and_back(field: Field) -> None:
    assert from_json(to_json(field)) == field


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 3), st.sets(st.integers(0, 200)))
def test_applying_a_plan_leaves_nothing_to_plan(servers: int, gpus: int, lost: set[int]) -> None:
    site = declaration(servers=servers)
    found = records(site, {"mgx-h100": server_class(gpus)}, facts(site, gpus=gpus))
    there = tuple(seen for n, seen in enumerate(as_observed(found)) if n not in lost)
    plan = reconcile(found, there)
    after = {seen.object: seen for seen in there}
    for number, change in enumerate(plan.changes, 1000):
        endpoint, key = change.object.split("/", 1)
        fields = {k: from_json(v) for k, v in change.after.items()} if isinstance(change.after, dict) else {}
        old = after.get(change.object)
        after[change.object] = ObservedRecord(
            endpoint=Endpoint(endpoint),
            key=key,
            id=old.id if old else number,
            fields={**(old.fields if old else {}), **fields},
        )
    again = reconcile(found, tuple(after.values()))
    assert again.changes == ()


# The life of a server.


def test_a_server_that_could_not_be_read_is_recorded_with_its_reasons() -> None:
    site = declaration(servers=1)
    seen = SiteFacts(
        operation=OPERATION,
        servers=(
            facts(site)
            .servers[0]
            .model_copy(
                update={"hardware": None, "lifecycle": Lifecycle.QUARANTINED, "reasons": ("the BMC is locked",)}
            ),
        ),
    )
    record = next(r for r in rack_records(site, "r1", CLASSES, seen) if r.endpoint is Endpoint.DEVICE)
    assert record.fields["status"] == "failed"
    assert record.fields[f"cf.{Cf.QUARANTINE_REASONS}"] == [{"by": "onboarding", "reason": "the BMC is locked"}]
    assert record.fields[f"cf.{Cf.OBSERVED}"] == Observed.DECLARED


def test_the_lifecycle_is_walked_in_its_order_and_left_only_to_quarantine_maintenance_or_retirement() -> None:
    way = ["discovered", "verified", "accepting", "sanitizing", "available", "allocated", "provisioning", "provisioned"]
    way += ["draining", "sanitizing", "available"]
    for state, to in pairwise(way):
        assert may_follow(Lifecycle(state), Lifecycle(to))
    assert not may_follow(Lifecycle.VERIFIED, Lifecycle.ALLOCATED)
    assert not may_follow(Lifecycle.DRAINING, Lifecycle.AVAILABLE)
    assert all(may_follow(s, Lifecycle.QUARANTINED) for s in Lifecycle if s is not Lifecycle.RETIRED)
    with pytest.raises(MoveNotAllowed, match="may become"):
        check_move("oslo-1/r1-s01", Lifecycle.PROVISIONED, Lifecycle.AVAILABLE)


def test_the_sample_hardware_has_parts_that_are_recorded_one_by_one() -> None:
    modules = [r for r in wanted() if r.endpoint is Endpoint.MODULE and "r1-s01" in r.key]
    assert len(modules) == len(hardware("oslo-1", 1, 0).gpus) + 2 + 1
    assert all(r.fields["serial"] for r in modules)


# What only a reading knows.


def test_a_device_that_does_not_answer_keeps_what_was_read_of_it_before() -> None:
    site = declaration(servers=1)
    seen = facts(site)
    there = as_observed(records(site, CLASSES, seen))
    silent = SiteFacts(
        operation="op-later",
        servers=tuple(
            s.model_copy(update={"hardware": None, "lifecycle": Lifecycle.QUARANTINED}) for s in seen.servers
        ),
    )
    again = reconcile(records(site, CLASSES, silent), there)
    assert again.changes == ()
    assert again.flags == ()


def test_a_device_whose_ports_do_not_say_their_addresses_keeps_those_it_said_before() -> None:
    site = declaration(servers=1)
    seen = facts(site)
    there = as_observed(records(site, CLASSES, seen))
    mute = seen.model_copy(
        update={
            "devices": tuple(d.model_copy(update={"serial": "", "ports": ()}) for d in seen.devices),
            "servers": tuple(
                s.model_copy(
                    update={
                        "hardware": s.hardware.model_copy(
                            update={
                                "bmc": s.hardware.bmc.model_copy(update={"mac": None}),
                                "adapters": tuple(
                                    a.model_copy(
                                        update={
                                            "ports": tuple(
                                                p.model_copy(update={"mac": None, "speed_gbps": None}) for p in a.ports
                                            )
                                        }
                                    )
                                    for a in s.hardware.adapters
                                ),
                            }
                        )
                    }
                )
                for s in seen.servers
                if s.hardware is not None
            ),
        }
    )
    assert reconcile(records(site, CLASSES, mute), there).changes == ()


def test_a_new_device_that_does_not_answer_is_made_as_declared_and_corrected_when_it_is_read() -> None:
    site = declaration(servers=1)
    seen = facts(site)
    silent = SiteFacts(
        operation=OPERATION, servers=tuple(s.model_copy(update={"hardware": None}) for s in seen.servers)
    )
    first = by_object(reconcile(records(site, CLASSES, silent), ()))
    made = first["dcim.devices/oslo-1/r1-s01"].after
    assert isinstance(made, dict)
    assert made[f"cf.{Cf.OBSERVED}"] == Observed.DECLARED
    there = as_observed(records(site, CLASSES, silent))
    read = by_object(reconcile(records(site, CLASSES, seen), there))
    after = read["dcim.devices/oslo-1/r1-s01"].after
    assert isinstance(after, dict)
    assert (after["serial"], after[f"cf.{Cf.OBSERVED}"]) == ("SN-oslo-1-0000", Observed.OBSERVED)
    port = read["dcim.interfaces/oslo-1/r1-s01/dpu0-p0"].after
    assert isinstance(port, dict)
    assert port["mac_address"] == "02:01:00:00:00:00"
