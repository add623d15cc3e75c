"""The TCP ports of the embedded services: where they come from, and who holds one that is taken."""

import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from pydantic import Field, ValidationError

from domain.errors import Conflict, Rejected
from domain.model import Model
from lab.embedded import processes

LOOPBACK = "127.0.0.1"


class PortTaken(Conflict):
    """A port that a service needs is held by somebody else."""

    kind = "port-taken"


class PortsInvalid(Rejected):
    """The ports file or an EDGEWRIGHT_PORT_ variable does not name a usable port."""

    kind = "ports-invalid"


class Ports(Model):
    """One port each. Postgres has none: it listens on a Unix socket only."""

    api: int = Field(default=8700, ge=1, le=65535)
    netbox: int = Field(default=8701, ge=1, le=65535)
    valkey: int = Field(default=8702, ge=1, le=65535)
    worker_metrics: int = Field(default=8703, ge=1, le=65535)
    temporal: int = Field(default=7233, ge=1, le=65535)
    temporal_ui: int = Field(default=8233, ge=1, le=65535)
    temporal_http: int = Field(default=7243, ge=1, le=65535)
    temporal_metrics: int = Field(default=7244, ge=1, le=65535)

    @staticmethod
    def chosen(ports_file: Path, environment: Mapping[str, str] = os.environ) -> "Ports":
        """The defaults, overridden by `name=port` lines of the file, overridden by EDGEWRIGHT_PORT_<NAME>.

        Raises:
            PortsInvalid: names the file or variable, and what is wrong with it.
        """
        names = Ports.model_fields
        given: dict[str, str] = {}
        if ports_file.exists():
            for line in ports_file.read_text().splitlines():
                name, _, value = line.partition("#")[0].partition("=")
                if not name.strip():
                    continue
                if name.strip() not in names:
                    raise PortsInvalid(
                        f"{ports_file} names a port nobody has: {name.strip()!r}.", do=f"Known: {', '.join(names)}."
                    )
                given[name.strip()] = value.strip()
        for name in names:
            if value := environment.get(variable_of(name)):
                given[name] = value
        try:
            ports = Ports.model_validate(given, strict=False)
        except ValidationError as error:
            wrong = ", ".join(f"{e['loc'][0]}={e['input']!r}" for e in error.errors())
            raise PortsInvalid(
                f"Not a port: {wrong}.", do=f"Give a number from 1 to 65535, in {ports_file} or EDGEWRIGHT_PORT_…"
            ) from error
        numbers = list(ports.model_dump().values())
        if doubled := {n for n in numbers if numbers.count(n) > 1}:
            raise PortsInvalid(
                f"Two services share port {min(doubled)}.", do=f"Change one in {ports_file}, or by EDGEWRIGHT_PORT_…"
            )
        return ports

    def written(self) -> str:
        """The content of a ports file that chooses these."""
        return "".join(f"{name}={port}\n" for name, port in self.model_dump().items())


def variable_of(name: str) -> str:
    return f"EDGEWRIGHT_PORT_{name.upper()}"


def free_ports() -> Ports:
    """Ports that are free now, for a test's own stack. They lie outside the range the kernel picks outgoing ports from, so
    that no connection takes one before its service does."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    with ExitStack() as held:
        start = 10_000 + int.from_bytes(os.urandom(2)) % max(low - 11_000, 1)
        candidates = (10_000 + (start + step) % (low - 10_000) for step in range(low - 10_000))
        while len(found) < len(Ports.model_fields):
            candidate = next(candidates)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue
            found.append(candidate)
    return Ports(**dict(zip(Ports.model_fields, found, strict=True)))


def check_free(service: str, title: str, ports: Iterable[tuple[str, int]]) -> None:
    """Raises PortTaken if somebody else listens on one of the ports: names service, port, holder, and how to choose another."""
    for name, port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                holder = processes.listener_on(port)
                by = (
                    f"{holder.command or 'a process'} (pid {holder.pid})" if holder else "a process that cannot be read"
                )
                raise PortTaken(
                    f"{title} ({service}) needs port {port} ({name}), which is held by {by}: {error.strerror}.",
                    do=f"Stop that process, or choose another port: {variable_of(name)}={port + 1000} edgewright up",
                ) from error
