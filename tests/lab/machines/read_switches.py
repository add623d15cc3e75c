"""Run in a site's management namespace: reads switches with our client, as onboarding does, and prints what they see as JSON lines.

Arguments: NVUE port, user, password, then `name=address` for each switch.
"""

import sys

from pydantic import SecretStr

from clients.nvue import NvueClient, SwitchAddress, Trust, probe
from domain.secret import Login
from domain.switch_sight import sight_of

port, user, password, *switches = sys.argv[1:]
for name, address in (switch.split("=") for switch in switches):
    where = SwitchAddress(address, int(port), name)
    found = probe(where)
    assert found is not None
    trust = Trust(certificate_sha256=found.certificate_sha256)
    with NvueClient(where, Login(username=user, password=SecretStr(password)), trust) as switch:
        sight = sight_of(name, switch.identity(), switch.interfaces(), switch.neighbors(), switch.mac_table())
    print(sight.model_dump_json())
