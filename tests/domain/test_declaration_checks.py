"""A wrong declaration is answered with every problem and the path to each."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.checking import problems_of
from domain.declaration_checks import class_problems
from domain.server_class import ServerClass
from domain.site import SiteDeclaration

SITE: dict[str, Any] = {
    "kind": "Site",
    "name": "oslo-1",
    "region": {"name": "nordics"},
    "location": {"jurisdiction": "NO", "latitude": 59.9, "longitude": 10.7},
    "tier": "edge",
    "wan": {"bandwidth_mbps": 1000, "latency_ms": 8},
    "power_cap_w": 20000,
    "out_of_band": {"ranges": ["127.64.1.0/27"], "trust": {"first_use": True}},
    "credentials": {"bmc": "site/oslo-1/factory"},
    "racks": [{"name": "r1", "height_u": 10}],
    "servers": [
        {"name": "r1-s01", "class": "mgx", "rack": "r1", "unit": 1, "serial": "A1"},
        {"name": "r1-s02", "class": "mgx", "rack": "r1", "unit": 3, "serial": "A2"},
    ],
    "switches": [
        {
            "name": "leaf-a",
            "role": "leaf",
            "plane": "north-south",
            "rack": "r1",
            "unit": 9,
            "model": "SN5610",
            "address": "127.64.1.1",
        }
    ],
    "cables": [
        {
            "a": {"device": "leaf-a", "port": "swp1"},
            "b": {"device": "r1-s01", "port": "dpu0-p0"},
            "plane": "north-south",
        }
    ],
}
MGX: dict[str, Any] = {
    "name": "mgx",
    "manufacturer": "NVIDIA",
    "model": "MGX",
    "height_u": 2,
    "processors": {"count": 1},
    "gpus": {"count": 2},
    "memory": {"at_least_gib": 64},
    "adapters": [{"slots": ["dpu0"], "ports": 2}],
}


def site(**changes: Any) -> SiteDeclaration:
    return SiteDeclaration.model_validate(SITE | changes)


def refused(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        SiteDeclaration.model_validate(document)
    return {problem.path: problem.message for problem in problems_of(caught.value)}


def classes(**changes: Any) -> dict[str, ServerClass]:
    return {"mgx": ServerClass.model_validate(MGX | changes)}


def test_a_site_that_fits_its_classes_has_no_problem() -> None:
    assert class_problems(site(), classes()) == ()


def test_every_field_problem_is_listed_with_its_path() -> None:
    servers = [SITE["servers"][0] | {"unit": 99}, SITE["servers"][1] | {"rak": "r1"}]
    found = refused(SITE | {"servers": servers, "tier": "edgy", "wan": {"bandwidth_mbps": 5}})
    assert set(found) == {"servers[0].unit", "servers[1].rak", "tier", "wan.latency_ms"}
    assert found["wan.latency_ms"] == "is required"
    assert "spelling" in found["servers[1].rak"]
    assert "given: 'edgy'" in found["tier"]


def test_every_contradiction_is_listed_with_its_path() -> None:
    servers = [SITE["servers"][0], SITE["servers"][1] | {"name": "leaf-a", "serial": "A1", "unit": 9}]
    found = refused(SITE | {"servers": servers})
    assert set(found) == {"switches[0].name", "servers[1].serial"}
    moved = refused(SITE | {"servers": [SITE["servers"][0], SITE["servers"][1] | {"rack": "r9"}]})
    assert "not declared" in moved["servers[1].rack"]


def test_two_cables_at_one_port_name_each_other() -> None:
    found = refused(SITE | {"cables": [SITE["cables"][0], SITE["cables"][0]]})
    assert set(found) == {"cables[1].a.port", "cables[1].b.port"}


def test_a_server_of_an_undeclared_class_is_a_problem() -> None:
    assert [p.path for p in class_problems(site(), {})] == ["servers[0].class", "servers[1].class"]


def test_the_height_of_a_class_is_checked_against_neighbours_and_the_rack() -> None:
    low = {p.path for p in class_problems(site(), classes(height_u=3))}
    assert low == {"servers[0].unit"}
    tall = [p.message for p in class_problems(site(), classes(height_u=9))]
    assert any("reach unit 11" in message for message in tall)
    assert any("leaf-a" in message for message in tall)


def test_a_cable_to_a_port_the_class_does_not_have_is_a_problem() -> None:
    cables = [
        {"a": {"device": "leaf-a", "port": "swp1"}, "b": {"device": "r1-s01", "port": "nic7-p0"}, "plane": "storage"}
    ]
    (problem,) = class_problems(site(cables=cables), classes())
    assert problem.path == "cables[0].b.port"
    assert "dpu0-p0" in problem.message


def _systems(*systems: dict[str, Any]) -> dict[str, Any]:
    return {"systems": [{"kind": "gateway", "owner": "ours"} | system for system in systems]}


def _out_of_band(**changes: Any) -> dict[str, Any]:
    return {"out_of_band": SITE["out_of_band"] | changes}


SERVER, SWITCH = SITE["servers"][0], SITE["switches"][0]


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        # A secret belongs to the site that its path names, wherever a declaration names it.
        ({"credentials": {"bmc": "site/bern-1/factory-bmc"}}, {"credentials.bmc"}),
        ({"credentials": {"bmc": "fleet/bmc", "switch": "site/bern-1/s"}}, {"credentials.switch"}),
        (_out_of_band(trust={"ca": "site/bern-1/ca"}), {"out_of_band.trust.ca"}),
        (_systems({"name": "gw", "credential": "site/bern-1/gw"}), {"systems[0].credential"}),
        ({"credentials": {"bmc": "site/../devices/oslo-1"}}, {"credentials.bmc"}),
        ({"credentials": {"bmc": "/site/oslo-1/x", "switch": "site//x"}}, {"credentials.bmc", "credentials.switch"}),
        # What NetBox cannot hold.
        ({"title": "x" * 101}, {"title"}),
        ({"title": "Lights\0out"}, {"title"}),
        ({"servers": [SERVER | {"serial": "1" * 51}], "cables": []}, {"servers[0].serial"}),
        ({"switches": [SWITCH | {"model": "", "manufacturer": " "}]}, {"switches[0].model", "switches[0].manufacturer"}),
        # Numbers.
        ({"underlay": {"asns": "70000-9"}}, {"underlay.asns"}),
        ({"underlay": {"asns": "0-99999999999999999999"}}, {"underlay.asns"}),
        ({"underlay": {"asns": "\u0663-\u0664"}}, {"underlay.asns"}),
        ({"power_cap_w": float("inf")}, {"power_cap_w"}),
        ({"servers": [SERVER | {"unit": True}], "cables": []}, {"servers[0].unit"}),
        ({"servers": [SERVER | {"unit": "5"}], "cables": []}, {"servers[0].unit"}),
        # One address has one use.
        ({"underlay": {"loopbacks": "10.0.0.0/24", "fabric": "10.0.0.0/24"}}, {"underlay.fabric"}),
        ({"underlay": {"storage": "10.0.0.0/16"}, "public_ranges": ["10.0.9.0/24"]}, {"public_ranges[0]"}),
        ({"switches": [SWITCH, SWITCH | {"name": "leaf-b", "unit": 10}]}, {"switches[1].address"}),
        (_systems({"name": "gw", "address": "127.64.1.1"}), {"systems[0].address"}),
        ({"servers": [SERVER | {"bmc_address": "127.64.1.1"}]}, {"switches[0].address"}),
        ({"servers": [SERVER | {"bmc_address": "10.9.9.9"}]}, {"servers[0].bmc_address"}),
        # One thing is one device.
        (
            {"switches": [SWITCH | {"serial": "S"}, SWITCH | {"serial": "S", "name": "b", "unit": 10, "address": "127.64.1.2"}]},
            {"switches[1].serial"},
        ),
        (_out_of_band(trust={"pins": {"r1-s09": "ab" * 32}}), {"out_of_band.trust.pins.r1-s09"}),
        (_out_of_band(trust={"pins": {"r1-s01": "abc"}}), {"out_of_band.trust.pins.r1-s01"}),
        (_systems({"name": "gw", "unit": 5}), {"systems[0]"}),
        ({"cables": ["r1-s01:dpu0-p0 r1-s01:dpu0-p1 north-south"]}, {"cables[0].b.device"}),
        ({"cables": ["r1-s01:dpu0-p0 leaf-a:swp1 north-south fast"]}, {"cables[0].speed_gbps"}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_path(changes: dict[str, Any], paths: set[str]) -> None:
    assert set(refused(SITE | changes)) == paths


def test_what_may_be_shared_or_left_out_is_no_contradiction() -> None:
    assert site(**_systems({"name": "gw", "address": "127.64.1.9"}, {"name": "fw", "address": "127.64.1.9"}))
    assert site(credentials={"bmc": "fleet/bmc"}, underlay={"asns": "65000-65000"})
    assert site(**_out_of_band(trust={"pins": {"r1-s01": ":".join(["ab"] * 32), "leaf-a": "sha256:" + "CD" * 32}}))


def test_contradictions_are_told_together_with_wrong_fields() -> None:
    servers = [
        SERVER | {"unit": 99},
        SITE["servers"][1] | {"serial": "A2", "rack": "r9"},
        SITE["servers"][1] | {"name": "leaf-a", "unit": 5},
    ]
    racks = [*SITE["racks"], {"name": "r2", "height_u": "tall"}]
    found = refused(SITE | {"servers": servers, "racks": racks, "tier": "edgy"})
    assert set(found) == {
        "servers[0].unit", "racks[1].height_u", "tier",
        "servers[1].rack", "servers[2].serial", "switches[0].name",
    }  # fmt: skip


def test_what_stands_in_a_rack_that_cannot_be_read_is_not_said_to_stand_nowhere() -> None:
    found = refused(SITE | {"racks": [{"name": "r1", "height_u": "tall"}]})
    assert not any(path.endswith(".rack") for path in found)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"drives": [{"count": 99999999999999999999, "at_least_gb": 1}]}, "drives[0].count"),
        ({"memory": {"at_least_gib": float("nan")}}, "memory.at_least_gib"),
        ({"adapters": [{"slots": [""], "ports": 1}]}, "adapters[0].slots[0]"),
        ({"model": ""}, "model"),
        ({"manufacturer": "x" * 101}, "manufacturer"),
    ],
)
def test_a_class_that_cannot_be_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ServerClass.model_validate(MGX | changes)
    assert [problem.path for problem in problems_of(caught.value)] == [path]
