"""The virtual site needs no privilege: without it the standard port becomes the site file's other one."""

import copy
import json
import os
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.lab.virtual.site_fixtures import SITES, address_block, free_port

PRIVILEGED_PORT = 543
NOBODY = 65534
# Dropping root after everything is imported and read, because the interpreter itself may lie where only root can read.
AS_NOBODY = f"""
import os, sys
import encodings.idna
from lab.virtual.catalogue import shipped
from lab.virtual.process import main
from lab.virtual.quirks import profiles
shipped(), profiles()
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become an ordinary user; as one, every other test shows this"
)
@pytest.mark.parametrize("ordinary", [True, False])
def test_the_port_is_the_standard_one_where_the_user_may_bind_it(ordinary: bool) -> None:
    # Not pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        port, certificate, other = _served(Path(folder), ordinary=ordinary)
    assert port == (other if ordinary else PRIVILEGED_PORT)
    assert "BEGIN CERTIFICATE" in certificate


def _served(folder: Path, *, ordinary: bool) -> tuple[int, str, int]:
    """The port that was chosen, the certificate shown there, and the port for ordinary users."""
    other = free_port()
    document = copy.deepcopy(yaml.safe_load((SITES / "one-ru.yaml").read_text()))
    document["ports"] = {"redfish": PRIVILEGED_PORT, "redfish_unprivileged": other}
    site_file, home = folder / "site.yaml", folder / "home"
    site_file.write_text(yaml.safe_dump(document))
    home.mkdir()
    for owned in (folder, home):
        os.chown(owned, NOBODY, NOBODY)
    with address_block() as offset:
        start = ["-c", AS_NOBODY] if ordinary else ["-m", "lab.virtual"]
        command = [sys.executable, *start, str(site_file), "--home", str(home), "--admin-port", "0"]
        command += ["--address-offset", str(offset)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SITES.parent) as process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline().removeprefix("ready "))
            address = f"127.{64 + (offset >> 16)}.{offset >> 8 & 255}.11"
            certificate = ssl.get_server_certificate((address, told["redfish_port"]))
            process.terminate()
    return told["redfish_port"], certificate, other
