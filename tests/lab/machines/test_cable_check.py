"""What onboarding makes of a rack's cables when they are seen by packets: our client, our check, the kernel's links."""

import subprocess
import sys
from pathlib import Path

import pytest

from domain.cabling import CableState, CableVerdict, DevicePorts, Method, SwitchSight, cables_of, check_cables
from domain.documents import read_documents
from domain.site import SiteDeclaration
from lab.machines import tools
from tests.lab.machines.machine_fixtures import SITES, MachinesSite, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
ROOT = Path(__file__).parents[3]
SOON_S = 30.0


def verdicts(site: MachinesSite) -> dict[str, CableVerdict]:
    """Of every declared cable of a server, by its key."""
    documents = read_documents((SITES / "one-rack.declaration.yaml").read_text())
    (declared,) = (SiteDeclaration.model_validate(d) for d in documents if isinstance(d, dict) and d["kind"] == "Site")
    spec, login = site.process.spec, site.process.spec.logins["switch"]
    switches = [f"{switch.name}={switch.address}" for switch in spec.switches]
    module = ["-m", "tests.lab.machines.read_switches", str(site.process.nvue_port), login.user, login.password]
    command = ["ip", "netns", "exec", site.namespace, sys.executable, *module, *switches]
    done = subprocess.run(
        command, env=tools.environment(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    sights = [SwitchSight.model_validate_json(line) for line in done.stdout.splitlines()]
    ports = [
        DevicePorts(device=server.name, ports={port.name: port.mac.lower() for port in spec.server_ports(server)})
        for server in spec.servers
    ]
    cables = cables_of(declared, spec.server_by_name)
    return {verdict.key: verdict for verdict in check_cables(cables, sights, ports)}


def wrong(site: MachinesSite) -> dict[str, CableState]:
    return {key: found.state for key, found in verdicts(site).items() if found.state is not CableState.VERIFIED}


def test_every_cable_of_the_rack_is_verified_and_a_swapped_pair_is_named(rack: MachinesSite) -> None:
    wait_until(lambda: wrong(rack) == {}, "every cable is verified", SOON_S)
    found = verdicts(rack)
    assert len(found) == 30
    assert found["r1-leaf-a:swp1--r1-s01:dpu0-p0"].method is Method.LLDP
    assert found["r1-leaf-b:swp17--r1-s01:nic1-p0"].method is Method.LLDP
    assert found["r1-leaf-a:swp21--r1-s05:nic0-p0"].method is Method.MAC
    assert found["r1-oob:swp1--r1-s01:bmc"].method is Method.MAC

    fault = {"kind": "cable-swapped", "target": "r1-leaf-a:swp1", "arguments": {"with": "r1-leaf-a:swp2"}}
    rack.process.call("POST", "/faults", fault)
    pair = ("r1-leaf-a:swp1--r1-s01:dpu0-p0", "r1-leaf-a:swp2--r1-s02:dpu0-p0")
    wait_until(lambda: wrong(rack) == dict.fromkeys(pair, CableState.SWAPPED), "the pair is named", SOON_S)
    rack.process.call("DELETE", "/faults")
    wait_until(lambda: wrong(rack) == {}, "plugged as declared again", SOON_S)
