"""Two sites and one NetBox: neither takes what the other has."""

import pytest

from domain.finding import Severity
from domain.netbox_schema import Cf
from domain.ownership import severity_of
from domain.plan import Action
from domain.reconcile import CF_KEY, reconcile
from domain.recording import rack_records, records
from domain.recording_facts import SiteFacts
from domain.records import SHARED, Endpoint, ObservedRecord, Record
from domain.site import SiteDeclaration
from tests.domain.recording_samples import declaration, facts, server_class

CLASSES = {"mgx-h100": server_class()}


def site_two() -> tuple[Record, ...]:
    site = declaration("bergen-1", servers=1)
    return records(site, CLASSES, facts(site))


def seen(record: Record, number: int, owner: str) -> ObservedRecord:
    """The object under the name by which `record` wants it, owned by another key."""
    return ObservedRecord(
        endpoint=record.endpoint,
        key=record.key,
        id=number,
        fields={**record.fields, CF_KEY: owner, "status": "planned"},
    )


def test_a_site_of_the_same_title_stays_the_others_and_nothing_below_it_is_recorded() -> None:
    wanted = site_two()
    (site,) = [r for r in wanted if r.endpoint is Endpoint.SITE]
    found = reconcile(wanted, (seen(site, 7, "oslo-1"),))
    assert {change.object.split("/")[0] for change in found.changes} <= SHARED
    (flag,) = found.flags
    assert (flag.object, flag.kind, severity_of(flag)) == (site.object, "belongs-to-another", Severity.CRITICAL)
    assert "belongs to oslo-1" in flag.message
    assert "another title" in flag.message


def test_a_rack_below_a_site_of_another_is_not_recorded_either() -> None:
    site = declaration("bergen-1", servers=1)
    there = ObservedRecord(endpoint=Endpoint.SITE, key="bergen-1", id=7, fields={"name": "x", CF_KEY: "oslo-1"})
    found = reconcile(rack_records(site, "r1", CLASSES, facts(site)), (there,))
    assert {change.object.split("/")[0] for change in found.changes} <= SHARED


@pytest.mark.parametrize(
    "endpoint", [Endpoint.PREFIX, Endpoint.ASN_RANGE, Endpoint.VRF, Endpoint.RACK, Endpoint.LOCATION]
)
def test_what_another_site_has_is_left_to_it_and_the_rest_is_recorded(endpoint: Endpoint) -> None:
    wanted = site_two()
    record = next(r for r in wanted if r.endpoint is endpoint)
    found = reconcile(wanted, (seen(record, 7, "oslo-1/it"),))
    assert record.object not in {change.object for change in found.changes}
    assert [(flag.object, flag.kind) for flag in found.flags] == [(record.object, "belongs-to-another")]
    assert "dcim.sites/bergen-1" in {change.object for change in found.changes}


def test_a_cable_of_this_site_under_another_name_is_still_this_sites() -> None:
    wanted = site_two()
    cable = next(r for r in wanted if r.endpoint is Endpoint.CABLE)
    found = reconcile((cable,), (seen(cable, 7, "bergen-1/as-it-was-called"),))
    assert [(c.action, c.object) for c in found.changes] == [(Action.UPDATE, cable.object)]
    assert found.flags == ()


def test_the_catalogue_is_everybodys() -> None:
    wanted = site_two()
    region = next(r for r in wanted if r.endpoint is Endpoint.REGION)
    assert reconcile((region,), (seen(region, 7, "somebody"),)).flags == ()
    assert f"cf.{Cf.KEY}" in region.fields


# A device under another name.


@pytest.mark.parametrize("name", ["r1-s01", "leaf-a"])
def test_a_device_of_ours_that_is_declared_under_another_name_is_refused_as_a_whole(name: str) -> None:
    site = declaration(servers=1)
    there = tuple(
        ObservedRecord(endpoint=r.endpoint, key=r.key, id=n, fields=r.fields)
        for n, r in enumerate(records(site, CLASSES, facts(site)))
    )
    text = site.model_dump_json(by_alias=True).replace(f'"{name}"', '"new-name"')
    renamed = SiteDeclaration.model_validate_json(text)
    seen_now = facts(site).model_dump_json().replace(f'"{name}"', '"new-name"')
    found = reconcile(records(renamed, CLASSES, SiteFacts.model_validate_json(seen_now)), there)
    assert found.changes == ()
    (flag,) = found.flags
    assert (flag.object, flag.kind, severity_of(flag)) == (
        "dcim.devices/oslo-1/new-name", "renamed", Severity.CRITICAL,
    )  # fmt: skip
    serial = "SN-oslo-1-0000" if name == "r1-s01" else f"SW-oslo-1-{name}"
    assert serial in flag.message
    assert f"call it {name}" in flag.message
