"""What our client reads from the double, over real TLS."""

from clients.nvue import NvueClient
from domain.nvue import LearnedMac, SwitchNeighbor
from tests.clients.nvue.conftest import Connect
from tests.lab.virtual.switch.serving import Served


def by_port(neighbors: tuple[SwitchNeighbor, ...]) -> dict[str, SwitchNeighbor]:
    return {neighbor.port: neighbor for neighbor in neighbors}


def macs(table: tuple[LearnedMac, ...]) -> dict[str, str]:
    return {entry.port: entry.mac for entry in table}


def test_identity_names_model_serial_release_and_base_mac(leaf: NvueClient) -> None:
    identity = leaf.identity()
    assert identity.hostname == "leaf-a"
    assert identity.serial == "MT2438J01F91"
    assert identity.model == "SN5600"
    assert identity.asic == "Spectrum-4"
    assert identity.os_name == "Cumulus Linux"
    assert identity.os_release == "5.11.1"
    assert identity.mac == "02:aa:00:00:a1:00"
    assert identity.firmware["BIOS"]


def test_inventory_lists_the_chassis_with_its_serial(leaf: NvueClient) -> None:
    parts = {part.name: part for part in leaf.inventory()}
    assert parts["SWITCH"].serial == "MT2438J01F91"
    assert parts["PSU1"].kind == "psu"
    assert parts["FAN1/1"].model == ""  # the switch says N/A


def test_interfaces_show_links_speeds_and_the_order_of_the_front_panel(leaf: NvueClient) -> None:
    interfaces = {interface.name: interface for interface in leaf.interfaces()}
    front = [name for name in interfaces if name.startswith("swp")]
    assert front == [f"swp{number}" for number in range(1, 66)]
    assert interfaces["swp1"].link_up
    assert interfaces["swp1"].speed_gbps == 200
    assert interfaces["swp1"].mac == "02:aa:00:00:a1:01"
    assert interfaces["swp1"].mtu == 9216
    assert not interfaces["swp40"].link_up
    assert interfaces["swp40"].speed_gbps is None


def test_only_ports_whose_other_side_sends_lldp_show_a_neighbour(leaf: NvueClient) -> None:
    heard = by_port(leaf.neighbors())
    assert heard["swp1"].system_name == "s1-dpu0"
    assert heard["swp1"].chassis_mac == "02:aa:00:00:01:01"
    assert heard["swp17"].port_id_kind == "mac"  # a SuperNIC's firmware names no system
    assert heard["swp2"].system_name == "s2-dpu0"  # a DPU speaks although its server is off
    assert "swp18" not in heard  # a ConnectX-7 whose server is off
    assert heard["swp64"].system_name == "leaf-b"
    assert heard["swp64"].port_id == "swp32"
    assert heard["swp64"].management_address == "127.64.9.2"
    assert "swp65" not in heard  # the grandmaster is cabled and silent


def test_the_mac_table_holds_what_powered_ports_send_and_not_the_switch_itself(leaf: NvueClient) -> None:
    learned = macs(leaf.mac_table())
    assert learned["swp1"] == "02:aa:00:00:01:01"
    assert learned["swp65"] == "02:aa:00:00:fc:01"
    assert "swp18" not in learned
    assert "br_default" not in learned


def test_a_server_that_is_switched_on_appears_on_its_port(leaf: NvueClient, served: Served) -> None:
    assert "swp18" not in macs(leaf.mac_table())
    machine = served.world.machines["s2"]
    served.do(lambda: machine.press("On", "test"))
    while "swp18" not in macs(leaf.mac_table()):
        pass
    assert macs(leaf.mac_table())["swp18"] == served.world.server_port("s2", "nic0-p0").mac.lower()  # type: ignore[union-attr]


def test_a_cable_in_the_wrong_port_shows_the_neighbour_there(leaf: NvueClient, served: Served) -> None:
    served.do(lambda: served.world.faults.seed("cable-swapped", "leaf-a:swp1", {"with": "leaf-a:swp63"}))
    heard = by_port(leaf.neighbors())
    assert heard["swp63"].system_name == "s1-dpu0"
    assert heard["swp1"].system_name == "gw"
    served.mend()
    assert by_port(leaf.neighbors())["swp1"].system_name == "s1-dpu0"


def test_a_spine_without_a_bridge_has_no_mac_table(served: Served, connect: Connect) -> None:
    served.do(lambda: served.devices["spine"].set_password_at_console("cumulus", "EWSECRET-console1"))
    spine = connect("spine", password="EWSECRET-console1")
    assert spine.mac_table() == ()
    assert by_port(spine.neighbors())["swp1"].system_name == "leaf-b"


def test_reading_needs_no_write_and_leaves_no_change(leaf: NvueClient, served: Served) -> None:
    leaf.identity(), leaf.interfaces(), leaf.neighbors(), leaf.mac_table(), leaf.applied()
    assert {request["method"] for request in served.requests()} == {"GET"}
    assert served.changes() == []


def test_what_is_applied_has_no_defaults_and_no_password(leaf: NvueClient) -> None:
    applied = leaf.applied()
    assert applied["system"]["hostname"] == "leaf-a"  # type: ignore[index,call-overload]
    assert applied["system"]["aaa"]["user"]["cumulus"]["hashed-password"] == "*"  # type: ignore[index,call-overload]
    assert "mtu" not in str(applied)
