"""The other systems of a site: which drivers there are, what is made of what they saw, what of that is recorded."""

from typing import Any

import pytest

from domain.declaration_checks import class_problems
from domain.discovery import BmcFound, Survey, discover
from domain.finding import Severity
from domain.hardware import BmcIdentity
from domain.netbox_schema import Cf, Observed
from domain.nvue import SwitchPresence
from domain.plan import Plan
from domain.reconcile import reconcile
from domain.recording import site_records
from domain.recording_facts import DeviceFacts, SiteFacts
from domain.records import Endpoint, ObservedRecord
from domain.site import SiteDeclaration, SystemDeclaration
from domain.system_drivers import DRIVERS, observable, ports_of, system_problems
from domain.system_judgement import in_words, judge_system, not_observable, system_refused
from domain.system_observation import SystemObservation, SystemObservations
from domain.systems import ClockSight, SystemSight, SystemUnreachable, ZoneSight
from tests.domain.recording_samples import declaration, server_class

NTP = {"name": "ntp-1", "kind": "ntp", "owner": "local-it", "driver": "ntp", "address": "192.0.2.23"}
DNS = {
    "name": "dns-1", "kind": "dns", "owner": "ours", "driver": "bind9", "address": "192.0.2.53", "zones": ["oslo.example"],
}  # fmt: skip
BOX = {
    "name": "storage-9", "kind": "storage", "owner": "local-it", "driver": "redfish", "address": "10.1.3.30",
    "credential": "site/oslo-1/storage", "serial": "ST-9", "model": "Ceres",
}  # fmt: skip
GOOD = ClockSight(stratum=2, leap=0, reference="192.0.2.1", offset_s=0.002)


def system(base: dict[str, Any], **changes: Any) -> SystemDeclaration:
    return SystemDeclaration.model_validate({**base, **changes})


def site(*systems: SystemDeclaration) -> SiteDeclaration:
    return declaration(servers=1).model_copy(update={"systems": systems})


def seen(base: dict[str, Any], **sight: Any) -> SystemObservation:
    """What is made of a system that answered so."""
    declared = system(base)
    facts = sight.pop("facts", DeviceFacts(name=declared.name))
    return judge_system(site(declared), declared, SystemSight(facts=facts, **sight))


def kinds(found: SystemObservation) -> dict[str, Severity]:
    return {sighting.kind: sighting.severity for sighting in found.sightings}


# What may be declared.


def test_every_driver_that_cannot_be_used_is_told_at_once_with_its_path_and_the_drivers_there_are() -> None:
    declared = site(
        system(NTP, driver="chrony"),
        system(DNS, name="dns-2", zones=[], address=None),
        system(BOX, credential=None),
        system(NTP, name="ntp-2", zones=["oslo.example"]),
        system(BOX, name="gm-1", kind="grandmaster", driver="ntp"),
    )
    told = {problem.path: problem.message for problem in system_problems(declared)}
    assert list(told) == [
        "systems[0].driver", "systems[1].address", "systems[1].zones", "systems[2].credential", "systems[3].zones",
        "systems[4].driver",
    ]  # fmt: skip
    assert "no driver chrony for a ntp system (known: ntp)" in told["systems[0].driver"]
    assert "(known: redfish)" in told["systems[4].driver"]


def test_drivers_with_what_they_need_and_systems_without_one_are_fine() -> None:
    declared = site(system(NTP), system(DNS), system(BOX), system(BOX, name="gw-9", kind="gateway", driver=None))
    assert system_problems(declared) == ()
    assert class_problems(declared, {"mgx-h100": server_class()}) == ()
    assert [observable(each) for each in declared.systems] == [True, True, True, False]


def test_a_driver_asks_at_the_declared_ports_then_its_own_and_a_management_controller_where_bmcs_are_looked_for() -> (
    None
):
    declared = site(system(NTP), system(NTP, name="ntp-2", service_ports=[123, 10123]), system(BOX))
    assert [ports_of(declared, each) for each in declared.systems] == [(123,), (123, 10123), (443,)]


def test_a_driver_that_an_older_build_let_pass_is_told_and_its_system_is_not_observed() -> None:
    declared = site(system(NTP, driver="chrony"), system(DNS))
    (told,) = not_observable(declared)
    assert (told.object, told.kind, told.severity) == ("site/oslo-1/system/ntp-1", "driver-unusable", Severity.WARNING)
    assert "systems[0].driver" in told.message


def test_every_kind_of_system_has_a_driver_or_is_told_that_there_is_none_yet() -> None:
    assert in_words(system(NTP)) == "ntp-1 (ntp, local-it) will be observed by its driver ntp: read only"
    assert "declared, not observed: it names no driver" in in_words(system(NTP, driver=None))
    assert "driver chrony is not known (for its kind: ntp)" in in_words(system(NTP, driver="chrony"))
    assert "driver bind9 lacks what it needs" in in_words(system(DNS, zones=[]))
    assert all(needs.kinds for needs in DRIVERS.values())


# What is made of what was seen.


def test_a_system_as_it_is_declared_is_recorded_and_nothing_is_said() -> None:
    facts = DeviceFacts(name="storage-9", serial="ST-9", firmware={"BMC": "1.2"})
    found = seen(BOX, facts=facts, model="ceres", health="OK")
    assert (found.facts, found.sightings, found.unseen) == ((facts,), (), False)
    assert seen(NTP, clock=GOOD).sightings == ()
    assert (
        seen(DNS, zones=(ZoneSight(zone="oslo.example", rcode="NOERROR", authoritative=True, primary="ns"),)).sightings
        == ()
    )


@pytest.mark.parametrize(
    ("sight", "kind"),
    [
        ({"facts": DeviceFacts(name="storage-9", serial="ST-8")}, "serial-mismatch"),
        ({"facts": DeviceFacts(name="storage-9", serial="ST-9"), "model": "Other"}, "model-mismatch"),
    ],
)
def test_another_box_than_the_declared_one_is_critical_and_nothing_of_it_is_recorded(
    sight: dict[str, Any], kind: str
) -> None:
    found = seen(BOX, **sight)
    assert kinds(found) == {kind: Severity.CRITICAL}
    assert found.facts == ()


@pytest.mark.parametrize(("health", "severity"), [("Warning", Severity.WARNING), ("Critical", Severity.CRITICAL)])
def test_a_box_that_says_it_is_not_well_is_told_as_badly_as_it_says(health: str, severity: Severity) -> None:
    found = seen(BOX, health=health)
    assert kinds(found) == {"system-unhealthy": severity}
    assert found.facts, "it is the declared one all the same"


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ({"stratum": 0, "leap": 3, "reference": "INIT"}, {"clock-unsynchronised": Severity.CRITICAL}),
        ({"stratum": 16, "leap": 0}, {"clock-unsynchronised": Severity.CRITICAL}),
        ({"leap": 3}, {"clock-unsynchronised": Severity.CRITICAL}),
        ({"stratum": 0, "leap": 3, "reference": "DENY"}, {"ntp-refused": Severity.CRITICAL}),
        ({"offset_s": -3.0}, {"clock-offset": Severity.WARNING}),
        ({"stratum": 15, "offset_s": 0.9}, {}),
    ],
)
def test_a_clock_is_judged_by_what_it_says_of_itself(clock: dict[str, Any], told: dict[str, Severity]) -> None:
    assert kinds(seen(NTP, clock=GOOD.model_copy(update=clock))) == told


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ({"rcode": "REFUSED"}, "it answers REFUSED"),
        ({"rcode": "NOERROR", "primary": "ns"}, "not authoritative"),
        ({"rcode": "NOERROR", "authoritative": True}, "no SOA record"),
    ],
)
def test_a_zone_that_is_not_served_with_authority_is_critical(zone: dict[str, Any], words: str) -> None:
    found = seen(DNS, zones=(ZoneSight(zone="oslo.example", **zone),))
    assert kinds(found) == {"zone-not-served": Severity.CRITICAL}
    assert words in found.sightings[0].message


def test_what_is_not_ours_is_left_to_the_local_it() -> None:
    theirs = seen(NTP, clock=GOOD.model_copy(update={"leap": 3})).sightings[0]
    ours = seen({**NTP, "owner": "ours"}, clock=GOOD.model_copy(update={"leap": 3})).sightings[0]
    assert "local IT" in theirs.do
    assert "local IT" not in ours.do


def test_a_silent_system_is_critical_and_what_was_known_of_it_is_not_resolved() -> None:
    declared = site(system(NTP), system(DNS))
    silent = system_refused(declared, declared.systems[0], SystemUnreachable("ntp-1 is silent."))
    well = SystemObservation(name="dns-1", facts=(DeviceFacts(name="dns-1"),))
    found = SystemObservations(systems=(silent, well))
    assert (silent.facts, found.left, found.unseen) == ((), ("ntp-1",), ("site/oslo-1/system/ntp-1",))
    assert kinds(silent) == {"system-unreachable": Severity.CRITICAL}


def test_how_long_a_login_must_wait_is_not_in_the_words() -> None:
    declared = site(system(BOX))
    said = {
        system_refused(
            declared, declared.systems[0], SystemUnreachable(f"wait {wait}", retry_after_s=wait)
        ).sightings[0].message
        for wait in (5.0, 700.0)
    }  # fmt: skip
    assert len(said) == 1


# What is recorded, planned and discovered.


def test_what_was_seen_of_a_system_is_in_its_record_and_without_it_it_is_declared_not_observed() -> None:
    declared = site(system(NTP), system(BOX, serial=None))
    facts = DeviceFacts(name="storage-9", serial="ST-9", firmware={"BMC": "1.2"}, summary={"model": "Ceres"})
    found = site_records(declared, {"mgx-h100": server_class()}, SiteFacts(operation="op-1", devices=(facts,)))
    devices = {record.key: record.fields for record in found if record.endpoint is Endpoint.DEVICE}
    storage, ntp = devices["oslo-1/storage-9"], devices["oslo-1/ntp-1"]
    assert (storage["serial"], storage[f"cf.{Cf.OBSERVED}"]) == ("ST-9", Observed.OBSERVED)
    assert storage[f"cf.{Cf.FIRMWARE}"] == {"BMC": "1.2"}
    assert ntp[f"cf.{Cf.OBSERVED}"] == Observed.DECLARED


def test_a_system_that_is_silent_tonight_stays_recorded_as_it_was_seen() -> None:
    declared = site(system(BOX, serial=None))
    classes = {"mgx-h100": server_class()}
    facts = DeviceFacts(name="storage-9", serial="ST-9", firmware={"BMC": "1.2"}, summary={"model": "Ceres"})
    before = site_records(declared, classes, SiteFacts(operation="op-1", devices=(facts,)))
    there = tuple(
        ObservedRecord(endpoint=r.endpoint, key=r.key, id=n, fields=r.fields) for n, r in enumerate(before, start=1)
    )
    silent = site_records(declared, classes, SiteFacts(operation="op-2"))
    assert reconcile(silent, there).changes == ()
    without = site(system(BOX, serial=None, driver=None))
    (change,) = reconcile(site_records(without, classes, SiteFacts(operation="op-3")), there).changes
    assert change.after == {f"cf.{Cf.DRIVER}": None, f"cf.{Cf.OBSERVED}": Observed.DECLARED}


def test_notes_are_read_with_a_plan_and_are_not_what_it_is_known_by() -> None:
    plan = Plan(kind="site-onboarding", target="oslo-1", declaration_digest="d")
    assert plan.hash == plan.model_copy(update={"notes": ("ntp-1 will be observed",)}).hash


def test_a_declared_system_is_no_stranger_and_its_management_controller_is_not_logged_in_to_unasked() -> None:
    declared = site(system(BOX, address="10.1.3.30"), system(BOX, name="gw-9", kind="gateway", address="10.1.3.31"))

    def bmc(host: str) -> BmcFound:
        return BmcFound(address=host, port=443, identity=BmcIdentity(address=host))

    survey = Survey(
        scanned=9,
        bmcs=(bmc("10.1.3.30"), bmc("10.1.3.40")),
        switches=(SwitchPresence(address="10.1.3.31", port=8765, certificate_sha256="0", speaks_nvue=True),),
        others=("10.1.3.31:443", "10.1.3.41:443"),
    )
    discovery = discover(declared, survey)
    assert [found.address for found in discovery.unnamed] == ["10.1.3.40"]
    assert discovery.unexpected == ("10.1.3.40:443", "10.1.3.41:443")
