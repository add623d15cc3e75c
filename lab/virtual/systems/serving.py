"""A system's sockets: datagrams, and for DNS a stream beside them. Faults of the wire act here, the log is written here."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from lab.virtual.listening import Listener
from lab.virtual.sitefile import OtherSystem, ServicePorts
from lab.virtual.systems.dns import DnsDouble
from lab.virtual.systems.ntp import Answer, NtpDouble
from lab.virtual.wire_faults import matching
from lab.virtual.world import World

log = logging.getLogger("lab.virtual")

MOST = 4096
"""Octets of a datagram that are read: more than any question has."""


class Double(Protocol):
    def answer(self, data: bytes) -> Answer: ...


class SystemListener:
    """What one system serves, at its own address. Closed, it refuses; `abort` also breaks what is connected."""

    def __init__(
        self, world: World, system: OtherSystem, double: Double, scheme: str, port: int, *, streams: bool
    ) -> None:
        self.address, self.port, self.scheme = str(system.address), port, scheme
        self._world, self._name, self._double = world, system.name, double
        self._socket: socket.socket | None = None
        self._stream = Listener(self.address, port, lambda: _Stream(self.reply), None) if streams else None

    @property
    def listening(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Listens; already listening, it does nothing. Raises OSError, as when the port is taken."""
        if self._socket is not None:
            return
        loop = asyncio.get_running_loop()
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listening.setblocking(False)
            listening.bind((self.address, self.port))
            if self._stream is not None:
                self._stream.open()
        except OSError:
            listening.close()
            raise
        self._socket = listening
        loop.add_reader(listening.fileno(), self._receive)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._stream is not None:
            self._stream.close()

    def abort(self) -> None:
        if self._stream is not None:
            self._stream.abort()

    def _receive(self) -> None:
        while self._socket is not None:
            try:
                data, peer = self._socket.recvfrom(MOST)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("cannot read for %s: %s", self._name, error)
                return
            self.reply(data, lambda answer, peer=peer: self._send(answer, peer), lambda: None)

    def _send(self, data: bytes, peer: tuple[str, int]) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(data, peer)

    def reply(self, data: bytes, send: Callable[[bytes], None], cut: Callable[[], None]) -> None:
        """Answers one request through `send`, unless a fault has it late, lost (`cut` ends a connection) or never."""
        answer = self._double.answer(data)
        faults, where = self._world.faults, (answer.method, answer.path)
        stalled = matching(faults, self._name, "stall", *where)
        lost = matching(faults, self._name, "drop", *where)
        self._world.log.request(self._name, answer.method, answer.path, 0 if stalled or lost else answer.status)
        if stalled is not None:
            faults.spend(stalled)
        elif lost is not None:
            faults.spend(lost)
            cut()
        elif answer.data is not None:
            late = matching(faults, self._name, "slow", *where)
            if late is None:
                send(answer.data)
                return
            faults.spend(late)
            self._world.clock.call_later(float(late.arguments["seconds"]), lambda: send(answer.data or b""))


class _Stream(asyncio.Protocol):
    """DNS over TCP (RFC 1035 section 4.2.2): two octets of length before each message."""

    def __init__(self, reply: Callable[[bytes, Callable[[bytes], None], Callable[[], None]], None]) -> None:
        self._reply = reply
        self._transport: asyncio.Transport | None = None
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= 2:
            size = int.from_bytes(self._held[:2])
            if len(self._held) < 2 + size:
                return
            message, self._held = self._held[2 : 2 + size], self._held[2 + size :]
            self._reply(message, self._send, self._cut)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(data).to_bytes(2) + data)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def listener_of(
    world: World, system: OtherSystem, ports: ServicePorts, free: Callable[[str, int, int], int]
) -> SystemListener | None:
    """The system's listener, or None if the site file says of nothing that it serves it. `free` chooses the port."""
    address = str(system.address)
    if system.ntp is not None:
        port = free(address, ports.ntp, ports.ntp_unprivileged)
        double = NtpDouble(system.name, system.ntp, world.clock, world.faults)
        return SystemListener(world, system, double, "ntp", port, streams=False)
    if system.dns is not None:
        port = free(address, ports.dns, ports.dns_unprivileged)
        return SystemListener(
            world, system, DnsDouble(system.name, system.dns, world.faults), "dns", port, streams=True
        )
    return None
