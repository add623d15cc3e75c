"""Cable verdicts: what a technician hears when plugs are not where the declaration says."""

from domain.cabling import CableState, DevicePorts, Method, PortSight, SwitchSight, check_cables
from domain.site import CableDeclaration, CableEnd, Plane

MACS = {f"s{n}": f"02:00:00:00:00:0{n}" for n in range(1, 5)}
SERVERS = tuple(DevicePorts(device=name, ports={"p0": mac}) for name, mac in MACS.items())


def cable(switch_port: str, server: str) -> CableDeclaration:
    return CableDeclaration(
        a=CableEnd(device=server, port="p0"), b=CableEnd(device="leaf", port=switch_port), plane=Plane.EAST_WEST
    )


def leaf(*ports: PortSight) -> SwitchSight:
    return SwitchSight(switch="leaf", ports=ports)


def by_mac(port: str, server: str) -> PortSight:
    return PortSight(port=port, link_up=True, macs=(MACS[server],))


def by_lldp(port: str, server: str) -> PortSight:
    return PortSight(port=port, link_up=True, neighbor=server, neighbor_port="p0", neighbor_mac=MACS[server])


def states(*sights: PortSight, cables: tuple[CableDeclaration, ...]) -> list[CableState]:
    return [verdict.state for verdict in check_cables(cables, [leaf(*sights)], SERVERS)]


def test_a_cable_is_verified_by_lldp_or_by_the_mac_table():
    cables = (cable("swp1", "s1"), cable("swp2", "s2"))
    verdicts = check_cables(cables, [leaf(by_lldp("swp1", "s1"), by_mac("swp2", "s2"))], SERVERS)
    assert [(v.state, v.method) for v in verdicts] == [
        (CableState.VERIFIED, Method.LLDP),
        (CableState.VERIFIED, Method.MAC),
    ]


def test_a_swapped_pair_is_named_as_one_fact_at_both_cables():
    cables = (cable("swp1", "s1"), cable("swp2", "s2"))
    first, second = check_cables(cables, [leaf(by_mac("swp1", "s2"), by_lldp("swp2", "s1"))], SERVERS)
    assert first.state is second.state is CableState.SWAPPED
    assert first.swapped_with == second.key
    assert first.do == "Swap the two plugs in leaf swp1 and leaf swp2, then retry."


def test_a_wrong_cable_that_is_no_swap_says_where_its_end_belongs():
    (verdict,) = check_cables((cable("swp1", "s1"),), [leaf(by_mac("swp1", "s3"))], SERVERS)
    assert verdict.state is CableState.WRONG_PORT
    assert "leaf swp1 should lead to s1 p0, but s3 p0 is plugged in there" in verdict.message


def test_no_link_is_a_missing_cable_and_silence_on_a_link_is_only_unverified():
    assert states(PortSight(port="swp1", link_up=False), cables=(cable("swp1", "s1"),)) == [CableState.MISSING]
    assert states(PortSight(port="swp1", link_up=True), cables=(cable("swp1", "s1"),)) == [CableState.UNVERIFIED]


def test_a_cable_without_link_whose_end_speaks_in_another_port_says_where_its_plug_is():
    empty, other = PortSight(port="swp1", link_up=False), by_lldp("swp9", "s1")
    (verdict,) = check_cables((cable("swp1", "s1"),), [leaf(empty, other)], SERVERS)
    assert verdict.state is CableState.MISSING
    assert verdict.message == "No link on leaf swp1: the cable of s1 p0 is in leaf swp9 instead."
    assert verdict.do == "Move its plug from leaf swp9 to leaf swp1, then retry."
    (learned,) = check_cables((cable("swp1", "s1"),), [leaf(empty, by_mac("swp9", "s1"))], SERVERS)
    assert "missing, unplugged or broken" in learned.message, "an uplink learns addresses of the whole segment"


def test_a_name_nobody_knows_is_not_held_against_a_server_that_was_not_read():
    heard = PortSight(port="swp1", link_up=True, neighbor="s9-dpu0", neighbor_port="p0")
    unread = (*SERVERS, DevicePorts(device="s9", ports={}))
    (verdict,) = check_cables((cable("swp1", "s9"),), [leaf(heard)], unread)
    assert verdict.state is CableState.UNVERIFIED
    assert "s9 could not be read" in verdict.message
    (wrong,) = check_cables((cable("swp1", "s9"),), [leaf(by_lldp("swp1", "s1"))], unread)
    assert wrong.state is CableState.WRONG_PORT, "whose plug it is, is known"


def test_a_mac_address_nobody_knows_confirms_nothing():
    stranger = PortSight(port="swp1", link_up=True, macs=("02:ff:00:00:00:01",))
    assert states(stranger, cables=(cable("swp1", "s1"),)) == [CableState.UNVERIFIED]


def test_a_switch_that_was_not_read_verifies_nothing():
    verdicts = check_cables((cable("swp1", "s1"),), [SwitchSight(switch="leaf", reachable=False)], SERVERS)
    assert [v.state for v in verdicts] == [CableState.UNVERIFIED]


def test_a_port_the_switch_does_not_have_is_said():
    (verdict,) = check_cables((cable("swp99", "s1"),), [leaf(by_mac("swp1", "s1"))], SERVERS)
    assert verdict.message.startswith("leaf has no port swp99")


def test_a_dpu_that_sends_one_address_from_all_its_ports_is_known_by_its_port_name():
    dpu = DevicePorts(device="s1", ports={"dpu0-p0": "02:00:00:00:01:00", "dpu0-p1": "02:00:00:00:01:01"})
    heard = PortSight(
        port="swp1", link_up=True, neighbor="s1-dpu0", neighbor_port="p1", chassis_mac="02:00:00:00:01:00"
    )
    straight = CableDeclaration.model_validate("leaf:swp1 s1:dpu0-p1 north-south")
    crossed = CableDeclaration.model_validate("leaf:swp1 s1:dpu0-p0 north-south")
    assert [v.state for v in check_cables([straight], [leaf(heard)], [dpu])] == [CableState.VERIFIED]
    (wrong,) = check_cables([crossed], [leaf(heard)], [dpu])
    assert (wrong.state, str(wrong.found)) == (CableState.WRONG_PORT, "s1 dpu0-p1")
