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
