"""The lab process's network side: every device of a site at its own address, one HTTP server behind all BMCs and switches."""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from domain.errors import Rejected
from lab.virtual.bmc import faults as bmc_faults
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.pipeline import handle, method_problem
from lab.virtual.certificates import CertificateBook
from lab.virtual.faults import Fault
from lab.virtual.listening import Listener
from lab.virtual.switch import faults as switch_faults
from lab.virtual.switch.app import SwitchEndpoint
from lab.virtual.switch.device import SwitchDevice
from lab.virtual.systems import faults as system_faults
from lab.virtual.systems.serving import SystemListener, listener_of
from lab.virtual.wire_faults import WIRE_FAULTS
from lab.virtual.world import World

log = logging.getLogger("lab.virtual")
_CERTIFICATE_FAULTS = {"expired-certificate": "expired", "other-certificate": "other"}


class AddressTaken(Rejected):
    """Something else listens where a device should; the message says where."""

    kind = "address-taken"


type Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Endpoint:
    """One device on the network. `up`: whether it listens, apart from a fault that makes it refuse."""

    device: str
    listener: Listener | SystemListener
    up: Callable[[], bool]

    @property
    def url(self) -> str:
        scheme = self.listener.scheme if isinstance(self.listener, SystemListener) else "https"
        return f"{scheme}://{self.listener.address}:{self.listener.port}"


class _Protocol(RequestHandler):
    """aiohttp's parser answers an unknown method with 400 in HTML; a Redfish service says 501 in JSON."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status == 400 and "method" in str(exc or message or "").lower():
            self.close()
            return method_problem(501, "OperationNotAllowed")
        if status == 400:
            self.close()
            return method_problem(400, "UnrecognizedRequestBody")
        if status >= 500:
            log.error("failed on %s %s", request.method, request.path, exc_info=exc)
            self.close()
            return method_problem(500, "InternalError")
        return super().handle_error(request, status, exc, message)


class SiteServer:
    """Serves a world. `start` listens on every address or on none."""

    def __init__(self, world: World, *, redfish_port: int | None = None, nvue_port: int | None = None) -> None:
        """Without `redfish_port` the standard one where this user may bind it, else the site file's other one."""
        self.world = world
        ports = world.site.ports
        self.redfish_port = redfish_port or _redfish_port(world)
        self.nvue_port = nvue_port or ports.nvue
        self._client: aiohttp.ClientSession | None = None
        self.certificates = CertificateBook(world.kept)
        self.bmcs = {
            name: Bmc(world, machine, self.redfish_port, lambda: self._client)
            for name, machine in world.machines.items()
        }
        world.faults.offer(*WIRE_FAULTS)
        bmc_faults.offer(world.faults, self.bmcs)
        switch_faults.offer(world.faults)
        system_faults.offer(world.faults, world.site.system_by_name)
        self.switches = {name: SwitchDevice(world, name) for name in world.switches}
        self._http = _server(self._dispatch)
        self.endpoints: dict[str, Endpoint] = {}
        self._http_at: dict[tuple[str, int], Handle] = {}
        for name, bmc in self.bmcs.items():
            self._add(name, bmc.address, self.redfish_port, lambda request, bmc=bmc: handle(bmc, request), _is_up(bmc))
            bmc.restart_observers.append(self._restarted)
            bmc.machine.mains_observers.append(lambda machine: self.refresh(machine.name))
        for name, device in self.switches.items():
            address = str(device.spec.address)
            self._add(name, address, self.nvue_port, SwitchEndpoint(device).handle, lambda: True)
        for name, system in world.site.system_by_name.items():
            if listener := listener_of(world, system, ports, _free_for_datagrams):
                self.endpoints[name] = Endpoint(name, listener, lambda: True)
        world.faults.observe(self._fault_changed)
        world.faults.restore()

    def _add(
        self,
        device: str,
        address: str,
        port: int,
        handle: Handle,
        up: Callable[[], bool],
    ) -> None:
        listener = Listener(address, port, self._http, lambda: self._context(device, address))
        self.endpoints[device] = Endpoint(device, listener, up)
        self._http_at[address, port] = handle

    async def start(self) -> None:
        """Listens everywhere. Raises `AddressTaken`, having closed what it had opened."""
        _allow_many_files()
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        for endpoint in self.endpoints.values():
            try:
                self._refresh(endpoint)
            except OSError as error:
                where = f"{endpoint.listener.address}:{endpoint.listener.port}"
                await self.stop()
                raise AddressTaken(
                    f"Cannot serve {endpoint.device} at {where}: {error.strerror}.",
                    do="Stop what listens there (edgewright lab status), or choose other ports or --address-offset.",
                ) from error

    async def stop(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.listener.close()
            endpoint.listener.abort()
        await self._http.shutdown(0.2)
        if self._client is not None:
            await self._client.close()
            self._client = None

    def refresh(self, device: str) -> None:
        """Opens or closes a device's socket after what it is now; breaks its connections if it is down."""
        try:
            self._refresh(self.endpoints[device])
        except RuntimeError:
            return  # no loop runs: the world is being opened
        except OSError as error:
            log.error("cannot listen for %s: %s", device, error)

    def _refresh(self, endpoint: Endpoint) -> None:
        refused = self.world.faults.first(endpoint.device, "refuse") is not None
        if endpoint.up() and not refused:
            endpoint.listener.open()
        else:
            endpoint.listener.close()
            endpoint.listener.abort()

    def _restarted(self, bmc: Bmc) -> None:
        self.refresh(bmc.name)
        self.world.clock.call_later(bmc.down_until - self.world.clock.time() + 0.01, lambda: self.refresh(bmc.name))

    def _fault_changed(self, fault: Fault, seeded: bool) -> None:
        if fault.kind == "refuse":
            self.refresh(fault.target)

    def _context(self, device: str, address: str) -> ssl.SSLContext:
        spec = self.world.site.server_by_name.get(device)
        kind = spec.bmc.certificate if spec else "self-signed"
        for fault, shown in _CERTIFICATE_FAULTS.items():
            if self.world.faults.first(device, fault):
                kind = shown
        return self.certificates.context(device, address, kind)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        where = request.transport.get_extra_info("sockname") if request.transport else None
        handle = self._http_at.get((where[0], where[1])) if where else None
        if handle is None:
            return web.Response(status=503)
        return await handle(request)


def _server(dispatch: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> "_Server":
    return _Server(dispatch, access_log=None, keepalive_timeout=75.0)


class _Server(web.Server):
    """A server whose connections use our protocol class."""

    def __call__(self) -> RequestHandler:
        options: dict[str, Any] = self._kwargs
        return _Protocol(self, loop=asyncio.get_running_loop(), **options)


def _is_up(bmc: Bmc) -> Callable[[], bool]:
    return lambda: bmc.up


def _redfish_port(world: World) -> int:
    """The standard one where this user may bind it, for all BMCs; that it is taken is not the question here."""
    ports, servers = world.site.ports, world.site.servers
    if not servers:
        return ports.redfish
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(servers[0].bmc.address), ports.redfish))
        except OSError as error:
            return ports.redfish if error.errno == errno.EADDRINUSE else ports.redfish_unprivileged
    return ports.redfish


def _free_for_datagrams(address: str, standard: int, otherwise: int) -> int:
    """The standard port where this user may bind it and the host's own resolver or time service does not hold it everywhere."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind((address, standard))
        except OSError:
            return otherwise
    return standard


def _allow_many_files() -> None:
    """A thousand devices with a connection each take more files than the usual soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
