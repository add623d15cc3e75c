"""Run in a site's management namespace: configures one switch with our client, as the product does, and prints the revision's state.

Arguments: address, NVUE port, user, password. The patch (or `{"rollback": "<revision>"}`) comes as JSON on standard input.
"""

import json
import sys

from pydantic import SecretStr

from clients.nvue import NvueClient, SwitchAddress, SwitchRefused, Trust, probe
from domain.secret import Login

address, port, user, password = sys.argv[1:]
patch = json.load(sys.stdin)
where = SwitchAddress(address, int(port), address)
found = probe(where)
assert found is not None
trust = Trust(certificate_sha256=found.certificate_sha256)
with NvueClient(where, Login(username=user, password=SecretStr(password)), trust) as switch:
    revision = patch["rollback"] if "rollback" in patch else switch.stage(patch)
    switch.apply(revision, message="test")
    try:
        ended = switch.wait(revision)
    except SwitchRefused:
        ended = switch.revision(revision)
print(json.dumps({"id": ended.id, "state": ended.state, "issues": [issue.message for issue in ended.issues]}))
