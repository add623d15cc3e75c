"""What a BMC shows, and how it refuses what cannot be read."""

import pytest

from tests.lab.virtual.site_fixtures import TestSite

SYSTEM = "/redfish/v1/Systems/system"


def test_the_service_root_needs_no_login(rack: TestSite) -> None:
    answer = rack.redfish("r1-s01", anonymous=True).get("/redfish/v1/")
    assert answer.status_code == 200
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.json()["ProtocolFeaturesSupported"]["ExpandQuery"]["Levels"] is True


@pytest.mark.parametrize("path", [SYSTEM, "/redfish/v1/Chassis", "/redfish/v1/nowhere", "/redfish/v1/AccountService"])
def test_everything_else_does(rack: TestSite, path: str) -> None:
    answer = rack.redfish("r1-s01", anonymous=True).get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_each_server_shows_its_own_hardware(rack: TestSite) -> None:
    for name, gpus in (("r1-s01", 4), ("r1-s05", 1)):
        bmc = rack.redfish(name)
        assert bmc.get(SYSTEM).json()["SerialNumber"] == rack.server(name).serial
        expanded = bmc.get(f"{SYSTEM}/Processors?$expand=.($levels=1)").json()["Members"]
        assert len([p for p in expanded if p["ProcessorType"] == "GPU"]) == gpus
        serials = {p["SerialNumber"] for p in expanded}
        assert len(serials) == len(expanded)


def test_a_port_carries_the_mac_address_the_world_says(rack: TestSite) -> None:
    ports = rack.redfish("r1-s01").get("/redfish/v1/Chassis/chassis/NetworkAdapters/dpu0/Ports?$expand=.").json()
    macs = [port["Ethernet"]["AssociatedMACAddresses"][0] for port in ports["Members"]]
    expected = {p.name: p.mac for p in rack.spec.server_ports(rack.server("r1-s01"))}
    assert macs == [expected["dpu0-p0"], expected["dpu0-p1"]]
    bmc_port = rack.redfish("r1-s01").get("/redfish/v1/Managers/bmc/EthernetInterfaces/eth0").json()
    assert bmc_port["MACAddress"] == expected["bmc"]


def test_levels_of_an_expand_are_counted(rack: TestSite) -> None:
    bmc = rack.redfish("r1-s01")
    adapters = "/redfish/v1/Chassis/chassis/NetworkAdapters"
    one = bmc.get(f"{adapters}?$expand=.($levels=1)").json()["Members"][0]
    assert one["Id"] == "dpu0"
    assert list(one["Ports"]) == ["@odata.id"]
    three = bmc.get(f"{adapters}?$expand=.($levels=3)").json()["Members"][0]
    assert three["Ports"]["Members"][1]["Name"] == "dpu0-p1"


@pytest.mark.parametrize(
    ("query", "status", "key"),
    [
        ("$expand=%24", 400, "QueryParameterValueFormatError"),
        ("$expand=.($levels=9)", 400, "QueryParameterOutOfRange"),
        ("$filter=Id eq 'x'", 501, "QueryParameterUnsupported"),
        ("$skip=-1", 400, "QueryParameterOutOfRange"),
        ("only=1", 400, "QueryParameterValueFormatError"),
        ("only&$expand=.", 400, "QueryCombinationInvalid"),
    ],
)
def test_a_bad_query_is_refused_with_its_message(rack: TestSite, query: str, status: int, key: str) -> None:
    answer = rack.redfish("r1-s01").get(f"/redfish/v1/Systems?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["code"].endswith(key)


def test_an_unknown_parameter_without_a_dollar_is_ignored(rack: TestSite) -> None:
    assert rack.redfish("r1-s01").get("/redfish/v1/Systems?colour=red").status_code == 200


def test_only_shows_the_single_member(rack: TestSite) -> None:
    assert rack.redfish("r1-s01").get("/redfish/v1/Systems?only").json()["Id"] == "system"


def test_top_and_skip_page_through_a_collection(rack: TestSite) -> None:
    bmc, path = rack.redfish("r1-s01"), f"{SYSTEM}/Memory?$top=10"
    seen: list[str] = []
    while path:
        page = bmc.get(path).json()
        assert page["Members@odata.count"] == 16
        seen += [member["@odata.id"] for member in page["Members"]]
        path = page.get("Members@odata.nextLink", "")
    assert len(seen) == len(set(seen)) == 16


def test_an_unchanged_resource_is_not_sent_again(rack: TestSite) -> None:
    bmc = rack.redfish("r1-s01")
    etag = bmc.get(f"{SYSTEM}/Bios").headers["ETag"]
    assert bmc.get(f"{SYSTEM}/Bios", headers={"If-None-Match": etag}).status_code == 304
    assert bmc.get(f"{SYSTEM}/Bios", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_answers_like_get_without_a_body(rack: TestSite) -> None:
    answer = rack.redfish("r1-s01").head(SYSTEM)
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Allow"]
    assert not answer.content


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/redfish/v1/nowhere", 404),
        ("GET", f"{SYSTEM}/Processors/GPU9", 404),
        ("DELETE", SYSTEM, 405),
        ("PUT", SYSTEM, 405),
        ("GET", f"{SYSTEM}/Actions/ComputerSystem.Reset", 405),
    ],
)
def test_what_is_not_there_or_not_allowed_says_so(rack: TestSite, method: str, path: str, status: int) -> None:
    answer = rack.redfish("r1-s01").request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["@Message.ExtendedInfo"]
    assert status != 405 or "Allow" in answer.headers


def test_an_unsupported_odata_version_is_refused(rack: TestSite) -> None:
    assert rack.redfish("r1-s01").get(SYSTEM, headers={"OData-Version": "4.1"}).status_code == 412


def test_every_message_a_bmc_uses_is_in_a_registry_it_serves(rack: TestSite) -> None:
    bmc = rack.redfish("r1-s01")
    file = bmc.get("/redfish/v1/Registries/Base.1.18.1").json()
    registry = bmc.get(file["Location"][0]["Uri"]).json()
    info = bmc.get("/redfish/v1/nowhere").json()["error"]["@Message.ExtendedInfo"][0]
    template = registry["Messages"][info["MessageId"].rpartition(".")[2]]
    assert template["NumberOfArgs"] == len(info["MessageArgs"])
    assert template["Message"].replace("%1", info["MessageArgs"][0]) == info["Message"]


def test_a_port_hears_its_switch_only_where_its_firmware_listens(rack: TestSite) -> None:
    adapters = "/redfish/v1/Chassis/chassis/NetworkAdapters"
    heard = rack.redfish("r1-s01").get(f"{adapters}/dpu0/Ports/0").json()["Ethernet"]["LLDPReceive"]
    assert heard["SystemName"] == "r1-leaf-a"
    assert heard["PortId"] == "73:77:70:31"
    deaf = rack.redfish("r1-s05").get(f"{adapters}/nic0/Ports/0").json()["Ethernet"]
    assert "LLDPReceive" not in deaf
