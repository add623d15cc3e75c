"""The switches of the shipped rack, served by the lab's own process at their own addresses, read by our client."""

import time

import pytest
from pydantic import SecretStr

from clients.nvue import (
    NvueClient,
    SwitchAddress,
    SwitchCertificateChanged,
    SwitchTimeouts,
    SwitchUnreachable,
    Trust,
    probe,
)
from domain.nvue import NvueTree
from domain.secret import Login
from lab.virtual.sitefile import PortRef
from tests.lab.virtual.site_fixtures import TestSite

SWITCHES = ("r1-leaf-a", "r1-leaf-b", "r1-oob")


def client(rack: TestSite, name: str) -> NvueClient:
    login = rack.login(name)
    address = SwitchAddress(str(rack.switch(name).address), rack.nvue_port, name)
    found = probe(address)
    assert found is not None
    assert found.speaks_nvue
    return NvueClient(
        address,
        Login(username=login.user, password=SecretStr(login.password)),
        Trust(certificate_sha256=found.certificate_sha256),
        timeouts=SwitchTimeouts(pause_s=0.05, poll_s=0.05),
    )


def peers(rack: TestSite, name: str) -> dict[str, PortRef]:
    ends = [(cable.a, cable.b) for cable in rack.spec.cables]
    return {a.port: b for a, b in [*ends, *((b, a) for a, b in ends)] if a.device == name}


def speaks(rack: TestSite, end: PortRef) -> bool:
    """Who sends LLDP by the catalogue and the site file; every server of the rack is on."""
    if server := rack.spec.server_by_name.get(end.device):
        port = next(port for port in rack.spec.server_ports(server) if port.name == end.port)
        return port.adapter is not None and port.adapter.lldp.running
    if system := rack.spec.system_by_name.get(end.device):
        return next(port.lldp for port in system.ports if port.name == end.port)
    return True


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_answers_at_its_own_address_as_itself(rack: TestSite, name: str) -> None:
    with client(rack, name) as switch:
        identity = switch.identity()
    assert (identity.hostname, identity.serial) == (name, rack.switch(name).serial)
    assert identity.mac == rack.switch(name).mac_base.lower()


@pytest.mark.parametrize("name", SWITCHES)
def test_every_cable_is_seen_by_lldp_where_the_other_side_speaks_and_by_mac_address_elsewhere(
    rack: TestSite, name: str
) -> None:
    cables = peers(rack, name)
    with client(rack, name) as switch:
        heard = {neighbor.port for neighbor in switch.neighbors()}
        learned = {entry.port for entry in switch.mac_table()}
        up = {port.name for port in switch.interfaces() if port.link_up and port.kind in ("swp", "eth")}
    assert up == set(cables)
    assert heard == {port for port, end in cables.items() if speaks(rack, end)}
    assert learned == set(cables) - {"eth0"}


def test_the_admin_interface_seeds_the_faults_of_switches_and_shows_their_log(rack: TestSite) -> None:
    with client(rack, "r1-oob") as switch:
        rack.seed("error", "r1-oob", times=1, status=503, path="/nvue_v1/system")
        assert switch.identity().hostname == "r1-oob"
    assert 503 in {request["status"] for request in rack.requests("r1-oob")}


def test_a_refused_connection_is_unreachable_and_mended_it_is_there_again(rack: TestSite) -> None:
    with client(rack, "r1-oob") as switch:
        fault = rack.seed("refuse", "r1-oob")
        with pytest.raises(SwitchUnreachable):
            switch.identity()
        rack.mend(fault)
        assert switch.identity().hostname == "r1-oob"


def test_an_impostors_certificate_gets_no_password(rack: TestSite) -> None:
    with client(rack, "r1-oob") as switch:
        before = len(rack.requests("r1-oob"))
        fault = rack.seed("other-certificate", "r1-oob")
        with pytest.raises(SwitchCertificateChanged):
            switch.identity()
        rack.mend(fault)
        assert len(rack.requests("r1-oob")) == before
        assert switch.identity().hostname == "r1-oob"


def test_a_killed_lab_process_keeps_what_was_applied_and_the_pinned_certificate(rack: TestSite) -> None:
    tree: NvueTree = {"interface": {"swp30": {"link": {"mtu": 8000}}}}
    with client(rack, "r1-leaf-b") as switch:
        staged = switch.stage(tree)
        switch.apply(staged, message="op-1")
        rack.kill()
        with pytest.raises(SwitchUnreachable):
            switch.identity()
        rack.start_again()
        assert switch.wait(staged).message == "op-1"
        assert switch.verify(tree) == ()


def test_a_switch_that_reboots_comes_back_with_its_neighbours(rack: TestSite) -> None:
    with client(rack, "r1-leaf-a") as leaf, client(rack, "r1-leaf-b") as other:
        rack.seed("switch-reboot", "r1-leaf-a", seconds=20)
        assert "swp64" not in {neighbor.port for neighbor in other.neighbors()}
        while True:
            try:
                assert {neighbor.port for neighbor in leaf.neighbors()} >= {"swp1", "swp64"}
                break
            except SwitchUnreachable:
                time.sleep(0.05)
        assert "swp64" in {neighbor.port for neighbor in other.neighbors()}
