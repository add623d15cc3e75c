"""Site files: what can stand, and what cannot."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.virtual.generate import site, site_document
from lab.virtual.sitefile import SiteFileInvalid, load
from tests.lab.virtual.site_fixtures import SITES

SHIPPED = {"one-ru": ("lab-one-ru", 1, 0), "one-rack": ("lab-one-rack", 6, 3), "four-racks": ("lab-four-racks", 32, 10)}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_sites_stand(name: str) -> None:
    loaded = load(SITES / f"{name}.yaml")
    assert (loaded.site, len(loaded.servers), len(loaded.switches)) == SHIPPED[name]
    macs = [port.mac for server in loaded.servers for port in loaded.server_ports(server)]
    assert len(macs) == len(set(macs))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_port_of_every_server_of_a_shipped_site_has_its_cable(name: str) -> None:
    loaded = load(SITES / f"{name}.yaml")
    plugged = {end for cable in loaded.cables for end in (cable.a, cable.b)}
    idle = {
        f"{server.name}:{port.name}"
        for server in loaded.servers
        for port in loaded.server_ports(server)
        if (server.name, port.name) not in plugged
    }
    assert idle == ({"r1-s01:nic0-p0", "r1-s01:nic0-p1"} if name == "one-ru" else set())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_sites_use_standard_ports_and_one_for_ordinary_users(name: str) -> None:
    ports = load(SITES / f"{name}.yaml").ports
    assert (ports.redfish, ports.redfish_unprivileged, ports.nvue) == (443, 8443, 8765)


def test_shipped_sites_do_not_share_addresses() -> None:
    addresses = [
        address
        for name in SHIPPED
        for loaded in [load(SITES / f"{name}.yaml")]
        for address in [
            *(s.bmc.address for s in loaded.servers),
            *(s.address for s in loaded.switches),
            *(s.address for s in loaded.systems),
        ]
    ]
    assert len(addresses) == len(set(addresses))


def _with(tmp_path: Path, change: Any) -> Path:
    document = copy.deepcopy(yaml.safe_load((SITES / "one-rack.yaml").read_text()))
    change(document)
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["servers"][0].update(model="mgx-9000"), "unknown model mgx-9000"),
        (lambda d: d["servers"][0].update(unit=42), "unit 42 is outside"),
        (lambda d: d["servers"][1].update(serial="EWL1R0001"), "serial EWL1R0001 occurs twice"),
        (lambda d: d["servers"][1]["bmc"].update(address="127.64.1.11"), "address 127.64.1.11 occurs twice"),
        (lambda d: d["servers"][1]["bmc"].update(address="10.0.0.1"), "outside 127.64.0.0/10"),
        (lambda d: d["servers"][0].update(colour="red"), "servers.0.colour"),
        (lambda d: d["cables"].append("r1-s01:dpu0-p0 r1-leaf-a:swp60 north-south 200"), "two cables in port"),
        (lambda d: d["cables"].append("r1-s01:dpu7-p0 r1-leaf-a:swp60 north-south 200"), "no port r1-s01:dpu7-p0"),
        (lambda d: d["cables"].append("from here to there"), "a cable reads"),
        (lambda d: d["switches"][0].update(login="nobody"), "unknown login nobody"),
    ],
)
def test_what_cannot_stand_is_refused_with_its_place(tmp_path: Path, change: Any, word: str) -> None:
    with pytest.raises(SiteFileInvalid, match=word):
        load(_with(tmp_path, change))


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["servers"][0]["model"] = "mgx-9000"
        document["servers"][1]["rack"] = "r9"

    with pytest.raises(SiteFileInvalid) as refused:
        load(_with(tmp_path, change))
    assert "mgx-9000" in str(refused.value)
    assert "r9" in str(refused.value)


def test_an_offset_moves_every_address_and_nothing_else() -> None:
    here, there = load(SITES / "one-rack.yaml"), load(SITES / "one-rack.yaml", address_offset=65536)
    assert str(there.servers[0].bmc.address) == "127.65.1.11"
    assert str(there.switches[0].address) == "127.65.1.1"
    assert str(there.systems[0].address) == "127.65.1.250"
    assert there.cables == here.cables


def test_an_offset_out_of_the_lab_network_is_refused() -> None:
    with pytest.raises(SiteFileInvalid, match="outside"):
        load(SITES / "one-rack.yaml", address_offset=1 << 23)


def test_a_generated_site_is_the_same_every_time_and_as_large_as_asked() -> None:
    assert site_document(3, 40, seed=7) == site_document(3, 40, seed=7)
    assert site_document(3, 40, seed=7) != site_document(3, 40, seed=8)
    generated = site(25, 40)
    assert len(generated.servers) == 1000
    with pytest.raises(ValueError, match="1 to 40"):
        site_document(1, 41)


def test_a_site_file_is_read_by_the_rules_of_yaml_1_2(tmp_path: Path) -> None:
    """YAML 1.1 reads NO as false and On as true."""
    text = (SITES / "one-ru.yaml").read_text()
    document = yaml.safe_load(text)
    document["servers"][0] |= {"power": "POWER", "asset_tag": "TAG"}
    plain = yaml.safe_dump(document).replace("power: POWER", "power: On").replace("asset_tag: TAG", "asset_tag: NO")
    path = tmp_path / "site.yaml"
    path.write_text(plain)
    server = load(path).servers[0]
    assert (server.power, server.asset_tag) == ("On", "NO")


def test_a_site_file_that_is_no_yaml_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("site: lab\nracks: [\n")
    with pytest.raises(SiteFileInvalid, match=r"site\.yaml is no YAML at line 3, column 1"):
        load(path)
