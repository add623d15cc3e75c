"""Where a token reaches and what a hold holds: a misspelt place is refused, never taken for the whole fleet or for nothing."""

from typing import Any

import pytest

from tests.api.conftest import Api


@pytest.mark.parametrize(
    ("place", "paths"),
    [
        ({"sitee": "oslo-1"}, {"place.sitee"}),
        ({"site": "Oslo 1", "colour": "red"}, {"place.site", "place.colour"}),
        ({"rack": "r1"}, {"place.rack"}),
        ({"region": "nordics", "server": "r1-s01"}, {"place.server"}),
    ],
)
@pytest.mark.parametrize(("path", "body"), [("/v1/tokens", {"label": "night"}), ("/v1/holds", {"reason": "visitors"})])
async def test_a_misspelt_place_is_refused_with_its_path(
    api: Api, path: str, body: dict[str, Any], place: dict[str, str], paths: set[str]
) -> None:
    await api.declare()
    answer = await api.send("POST", path, json=body | {"place": place})
    assert answer.status_code == 422
    assert {problem["path"] for problem in answer.json()["errors"]} == paths


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ({"site": "nosuch"}, "place.site"),
        ({"region": "xx"}, "place.region"),
        ({"site": "oslo-1", "region": "alps"}, "place.region"),
        ({"site": "oslo-1", "rack": "r9"}, "place.rack"),
        ({"site": "oslo-1", "server": "r1-s09"}, "place.server"),
        ({"site": "oslo-1", "server": "leaf-a"}, "place.server"),
    ],
)
async def test_a_hold_on_what_is_nowhere_declared_is_refused(api: Api, place: dict[str, str], path: str) -> None:
    await api.declare()
    answer = await api.send("POST", "/v1/holds", json={"place": place, "reason": "visitors"})
    assert answer.status_code == 422
    assert [problem["path"] for problem in answer.json()["errors"]] == [path]
    assert (await api.send("GET", "/v1/holds")).json()["items"] == []


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"region": "nordics"},
        {"site": "oslo-1"},
        {"site": "oslo-1", "rack": "r1"},
        {"site": "oslo-1", "server": "r1-s01"},
    ],
)
async def test_what_is_declared_can_be_held(api: Api, place: dict[str, str]) -> None:
    await api.declare()
    answer = await api.send("POST", "/v1/holds", json={"place": place, "reason": "visitors"})
    assert answer.status_code == 201
    assert {level: name for level, name in answer.json()["place"].items() if name} == (
        place | ({"region": "nordics"} if "site" in place else {})
    )
