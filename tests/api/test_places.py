"""Where a token reaches and what a hold holds: a misspelt place is refused, never taken for the whole fleet or for nothing."""

from typing import Any

import pytest

from domain.access import Role
from tests.api.conftest import OSLO, Api, site_at


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


async def test_who_may_not_touch_a_secret_may_not_have_it_sent_to_a_device(api: Api) -> None:
    await api.declare()
    others = site_at(OSLO) | {"credentials": {"bmc": "site/bern-1/factory", "switch": "fleet/switch"}}
    at_site: dict[str, Any] = {"role": Role.OPERATOR, "where": "site", "headers": {"If-Match": '"1"'}}
    refused = await api.send("PUT", "/v1/sites/oslo-1", json=others, **at_site)
    assert [problem["path"] for problem in refused.json()["errors"]] == ["credentials.bmc"]
    fleets = site_at(OSLO) | {"credentials": {"bmc": "fleet/bmc"}}
    refused = await api.send("PUT", "/v1/sites/oslo-1", json=fleets, **at_site)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "credentials.bmc")
    assert "fleet/bmc is the fleet's" in refused.json()["errors"][0]["message"]
    by_the_fleet = await api.send("PUT", "/v1/sites/oslo-1", json=fleets, headers={"If-Match": '"1"'})
    assert by_the_fleet.status_code == 200
    # What the fleet's operator chose stays: the site's own may change the rest.
    changed = await api.send(
        "PUT", "/v1/sites/oslo-1", json=fleets | {"title": "Oslo"}, **(at_site | {"headers": {"If-Match": '"2"'}})
    )
    assert changed.status_code == 200, changed.text


@pytest.mark.parametrize("path", ["site/oslo-1/../bern-1/x", "site//oslo-1/x", "fleet/.hidden"])
async def test_a_secrets_path_leads_nowhere_else(api: Api, path: str) -> None:
    body = {"username": "u", "password": "p"}
    answer = await api.send("PUT", f"/v1/secrets/{path.replace('..', '%2e%2e')}", json=body)
    assert answer.status_code in (404, 422)
    assert not api.services.secrets.kept  # pyright: ignore
