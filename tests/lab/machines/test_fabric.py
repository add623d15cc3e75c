"""Cables, links and LLDP of a rack, seen from outside: through NVUE, and with packets."""

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from lab.machines import tools
from tests.lab.machines.machine_fixtures import MachinesSite, inside, left_of, machines_site, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
SOON_S = 20.0


@pytest.fixture
def whole(rack: MachinesSite) -> MachinesSite:
    """The rack with every neighbour heard, as the test before it may have left it otherwise."""
    wait_until(lambda: neighbor(rack, "r1-leaf-a", "swp1") == ("r1-s01-dpu0", "p0"), "the first server is heard")
    return rack


def nvue(site: MachinesSite, switch: str, method: str, path: str, body: Any = None) -> Any:
    spec, login = site.process.spec.switch_by_name[switch], site.process.spec.logins["switch"]
    command = ["curl", "-sk", "-u", f"{login.user}:{login.password}", "-X", method]
    command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    url = f"https://{spec.address}:{site.process.nvue_port}/nvue_v1{path}"
    return json.loads(inside(site.namespace, *command, url).stdout)


def neighbor(site: MachinesSite, switch: str, port: str) -> tuple[str, str] | None:
    """(system, port) of who is heard, as NVUE says; None if nobody is."""
    told = nvue(site, switch, "GET", f"/interface/{port}?rev=operational")["lldp"]["neighbor"]
    return next(((name, entry["port"]["name"]) for name, entry in told.items()), None)


def link(site: MachinesSite, switch: str, port: str) -> str:
    return nvue(site, switch, "GET", f"/interface/{port}?rev=operational")["link"]["oper-status"]


def addresses(site: MachinesSite, switch: str, port: str) -> set[str]:
    table = nvue(site, switch, "GET", "/bridge/domain/br_default/mac-table?rev=operational")
    return {
        line["mac"] for line in table.values() if line["interface"] == port and line.get("entry-type") != "permanent"
    }


def place(site: MachinesSite, name: str) -> str:
    return f"ew{site.run_id}-{name}"


def carrier(site: MachinesSite, namespace: str, interface: str) -> bool:
    (shown,) = json.loads(tools.run("ip", "-n", namespace, "-j", "link", "show", interface))
    return "LOWER_UP" in shown["flags"]


def test_every_neighbour_that_the_site_file_cables_is_heard_by_packets(whole: MachinesSite) -> None:
    def heard() -> bool:
        seen = {port: neighbor(whole, "r1-leaf-a", port) for port in ("swp6", "swp17", "swp62", "swp63", "swp64")}
        return seen == {
            "swp6": ("r1-s06-dpu0", "p0"),
            "swp17": ("1", "02:e3:40:01:01:03"),
            "swp62": ("storage-1", "eth1"),
            "swp63": ("gw-1", "eth1"),
            "swp64": ("r1-leaf-b", "swp64"),
        }

    wait_until(heard, "the neighbours of a leaf are heard", SOON_S)
    wait_until(lambda: neighbor(whole, "r1-oob", "swp42") == ("r1-leaf-b", "eth0"), "management ports too", SOON_S)
    assert neighbor(whole, "r1-leaf-a", "swp21") is None  # a ConnectX-7 says nothing
    assert neighbor(whole, "r1-oob", "swp1") is None  # nor does a BMC


def test_who_says_nothing_is_known_by_his_frames(whole: MachinesSite) -> None:
    for switch, port, mac in (("r1-leaf-a", "swp21", "02:e3:40:01:05:03"), ("r1-oob", "swp1", "02:e3:40:01:01:00")):
        wait_until(lambda s=switch, p=port, m=mac: m in addresses(whole, s, p), f"{switch} learns {mac}", SOON_S)


def test_swapped_plugs_are_heard_swapped(whole: MachinesSite) -> None:
    fault = {"kind": "cable-swapped", "target": "r1-leaf-a:swp1", "arguments": {"with": "r1-leaf-a:swp2"}}
    whole.process.call("POST", "/faults", fault)
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp1") == ("r1-s02-dpu0", "p0"), "the other server", SOON_S)
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp2") == ("r1-s01-dpu0", "p0"), "and the first", SOON_S)


def test_a_pulled_cable_leaves_both_ports_in_the_dark_and_nobody_heard(whole: MachinesSite) -> None:
    whole.process.call("POST", "/faults", {"kind": "cable-unplugged", "target": "r1-leaf-a:swp3", "arguments": {}})
    wait_until(lambda: link(whole, "r1-leaf-a", "swp3") == "down", "the leaf's port is dark", SOON_S)
    assert not carrier(whole, place(whole, "r1-s03.dpu0"), "p0")
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp3") is None, "the neighbour is forgotten", SOON_S)
    whole.process.call("DELETE", "/faults")
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp3") == ("r1-s03-dpu0", "p0"), "plugged in again", SOON_S)


def test_a_cable_in_the_wrong_port_is_heard_there(whole: MachinesSite) -> None:
    fault = {"kind": "cable-wrong-port", "target": "r1-leaf-a:swp2", "arguments": {"to": "r1-leaf-a:swp40"}}
    whole.process.call("POST", "/faults", fault)
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp40") == ("r1-s02-dpu0", "p0"), "heard on swp40", SOON_S)
    assert link(whole, "r1-leaf-a", "swp2") == "down"


def test_a_server_that_is_off_gives_no_light_but_its_dpu_does(whole: MachinesSite) -> None:
    whole.power("r1-s04", "off")
    whole.wait_for_power("r1-s04", "Off")
    wait_until(lambda: link(whole, "r1-leaf-a", "swp20") == "down", "the NIC's port is dark", SOON_S)
    assert neighbor(whole, "r1-leaf-a", "swp4") == ("r1-s04-dpu0", "p0")
    whole.power("r1-s04", "pull")
    wait_until(lambda: link(whole, "r1-leaf-a", "swp4") == "down", "without mains the DPU's too", SOON_S)
    whole.power("r1-s04", "plug")
    whole.power("r1-s04", "on")
    wait_until(lambda: neighbor(whole, "r1-leaf-a", "swp20") == ("1", "02:e3:40:01:04:03"), "it is back", SOON_S)


def test_the_system_on_a_server_has_its_nics_with_their_addresses(whole: MachinesSite) -> None:
    whole.wait_for_ssh("r1-s05")
    shown = {entry["ifname"]: entry for entry in json.loads(whole.ssh("r1-s05", "ip -j link").stdout)}
    assert shown["nic0-p0"]["address"] == "02:e3:40:01:05:03"
    assert {"UP", "LOWER_UP"} <= set(shown["nic0-p1"]["flags"])


def test_a_port_that_is_configured_down_is_dark_at_the_other_end(whole: MachinesSite) -> None:
    apply(whole, "r1-leaf-b", {"interface": {"swp5": {"link": {"state": {"down": {}}}}}})
    wait_until(lambda: not carrier(whole, place(whole, "r1-s05.dpu0"), "p1"), "the DPU has no light", SOON_S)
    apply(whole, "r1-leaf-b", {"interface": {"swp5": {"link": {"state": {"up": {}}}}}})
    wait_until(lambda: neighbor(whole, "r1-leaf-b", "swp5") == ("r1-s05-dpu0", "p1"), "it is heard again", SOON_S)


def apply(site: MachinesSite, switch: str, patch: dict[str, Any]) -> None:
    (revision,) = nvue(site, switch, "POST", "/revision")
    nvue(site, switch, "PATCH", f"/?rev={revision}", patch)
    nvue(site, switch, "PATCH", f"/revision/{revision}", {"state": "apply", "auto-prompt": {"ays": "ays_yes"}})
    wait_until(
        lambda: nvue(site, switch, "GET", f"/revision/{revision}")["state"] == "applied_and_saved",
        f"revision {revision} of {switch} is applied",
        SOON_S,
    )


SEND = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 5001)) as s:
    began = time.monotonic()
    for _ in range(60): s.sendall(bytes(1_000_000))
    s.shutdown(socket.SHUT_WR); s.recv(1)
    print(time.monotonic() - began)
"""
TAKE = """
import socket
with socket.create_server(("::", 5001), family=socket.AF_INET6) as server:
    print("ready", flush=True)
    one, _ = server.accept()
    while one.recv(1 << 20): pass
"""


def test_a_bmc_reaches_the_management_network_at_the_rate_of_its_cable(whole: MachinesSite) -> None:
    (oob,) = (
        entry["ifname"]
        for entry in json.loads(tools.run("ip", "-n", whole.namespace, "-j", "link"))
        if entry["ifname"].startswith("oob")
    )
    (shown,) = json.loads(tools.run("ip", "-n", whole.namespace, "-j", "-6", "addr", "show", "dev", oob))
    target = f"{shown['addr_info'][0]['local']}%bmc"
    take = ["ip", "netns", "exec", whole.namespace, sys.executable, "-c", TAKE]
    with subprocess.Popen(take, env=tools.environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        server.stdout.readline()
        time.sleep(0.1)
        sent = inside(place(whole, "r1-s01.bmc"), sys.executable, "-c", SEND, target)
        server.kill()
    assert sent.stderr == ""
    assert 0.4 < float(sent.stdout) < 20  # 60 MB at 1 Gbit/s take 0.48 s; the links alone carry ten times as much
    others = json.loads(tools.run("ip", "-n", place(whole, "r1-s01.bmc"), "-j", "-4", "route"))
    assert others == []


def test_a_killed_lab_leaves_no_port_and_no_speaker(
    machines_level: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with machines_site("one-rack", tmp_path_factory.mktemp("killed")) as site:
        wait_until(lambda: neighbor(site, "r1-leaf-a", "swp64") is not None, "the leaves hear each other", SOON_S)
        drives, killed = site.options.home / "lab/sites/lab-one-rack/drives", site.run_id
        site.kill()
    assert left_of(killed, drives) == {}
