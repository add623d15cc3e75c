"""OpenStack's `sushy-emulator` with its fake driver, as a process on loopback with TLS and Basic logins."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt

from domain.bmc import BmcAddress, Endpoint
from domain.secret import Login
from tests.lab.virtual.switch.serving import certificate

UUID = "6a1d3c0e-5b5e-4d0b-9a53-0f1f6cb4a2d1"
MAC = "02:e3:7e:50:00:01"
USER, PASSWORD = "admin", "EWSECRET-sushy-Zero1"
LOGIN = Login.model_validate({"username": USER, "password": PASSWORD})


@contextmanager
def emulator(folder: Path) -> Iterator[Endpoint]:
    """One server named `fake`, switched off. Its power moves 0 to 11 s after a reset was accepted."""
    pem = certificate(folder, "emulator")
    (folder / "users").write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    system = {"uuid": UUID, "name": "fake", "power_state": "Off", "external_notifier": False, "nics": [{"mac": MAC}]}
    settings: dict[str, Any] = {
        "SUSHY_EMULATOR_FAKE_SYSTEMS": [system],
        "SUSHY_EMULATOR_STATE_DIR": str(folder),
        "SUSHY_EMULATOR_AUTH_FILE": str(folder / "users"),
        "SUSHY_EMULATOR_SSL_CERT": str(pem),
        "SUSHY_EMULATOR_SSL_KEY": str(pem),
    }
    (folder / "emulator.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    program = Path(sys.executable).with_name("sushy-emulator")
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--config", folder / "emulator.py", "--fake", "-i", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        while not _listens(port):
            assert process.poll() is None, (folder / "emulator.log").read_text()
            time.sleep(0.1)
        yield Endpoint(name="emulator", address=BmcAddress(host="127.0.0.1", port=port))
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    context = ssl._create_unverified_context()  # pyright: ignore[reportPrivateUsage]
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw):
            return True
    except OSError:
        return False
