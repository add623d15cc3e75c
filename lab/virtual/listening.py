"""Sockets of the devices: one listening socket per address; TLS contexts are only made when somebody connects."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable

log = logging.getLogger("lab.virtual")
HANDSHAKE_S = 15.0
BACKLOG = 64


class Listener:
    """One address and port. Closed, it refuses; `abort` also breaks what is connected."""

    def __init__(
        self,
        address: str,
        port: int,
        protocol: Callable[[], asyncio.BaseProtocol],
        context: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        self.address, self.port = address, port
        self._protocol, self._context = protocol, context
        self._socket: socket.socket | None = None
        self._transports: set[asyncio.BaseTransport] = set()
        self._starting: set[asyncio.Task[None]] = set()

    @property
    def listening(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Listens; already listening, it does nothing. Raises OSError, as when the port is taken."""
        if self._socket is not None:
            return
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind((self.address, self.port))
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening.fileno(), self._accept)

    def close(self) -> None:
        """New connections are refused; those that are open go on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def abort(self) -> None:
        """Breaks every connection, as a reboot or a pulled cord does."""
        for task in list(self._starting):
            task.cancel()
        for transport in list(self._transports):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._transports.clear()

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            if self._socket is None:
                return
            try:
                connection, _peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("cannot accept on %s: %s", self.address, error)
                return
            connection.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._serve(connection))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            if self._context is None:
                transport, _ = await loop.connect_accepted_socket(self._protocol, connection)
            else:
                transport, _ = await loop.connect_accepted_socket(
                    self._protocol, connection, ssl=self._context(), ssl_handshake_timeout=HANDSHAKE_S
                )
        except (OSError, ssl.SSLError, asyncio.CancelledError):
            with contextlib.suppress(OSError):
                connection.close()
            return
        self._transports = {t for t in self._transports if not t.is_closing()}
        self._transports.add(transport)
