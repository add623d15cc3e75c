"""The words of a release, against the published schemas."""

from typing import Any

import pytest

from lab.virtual.switch.releases import Release
from lab.virtual.switch.schema import schema_for


@pytest.mark.parametrize("release", ["5.4.0", "5.8.0", "5.9.1", "5.10.0", "5.11.1", "5.15.0", "5.16.1", "5.18.0"])
def test_the_defaults_of_a_release_are_in_its_schema(release: str) -> None:
    assert schema_for(release).problems(Release.of(release).defaults()) == []


@pytest.mark.parametrize(
    ("release", "config", "saves"),
    [
        ("5.8.0", {}, False),
        ("5.9.0", {}, True),
        ("5.8.0", {"auto-save": {"enable": "on"}}, True),
        ("5.11.0", {"auto-save": {"state": "disabled"}}, False),
    ],
)
def test_whether_it_saves_by_itself(release: str, config: dict[str, Any], saves: bool) -> None:
    assert Release.of(release).auto_saves({"system": {"config": config}}) is saves


def test_lldp_moved_and_is_obeyed_where_the_release_has_it() -> None:
    old, new = {"service": {"lldp": {"state": "disabled"}}}, {"system": {"lldp": {"state": "disabled"}}}
    assert Release(5, 11).lldp_off(old)
    assert not Release(5, 11).lldp_off(new)
    assert Release(5, 16).lldp_off(new)
    assert Release(5, 11).lldp_off_ports({"interface": {"swp1": {"lldp": {"state": "disabled"}}, "swp2": {}}}) == {
        "swp1"
    }
