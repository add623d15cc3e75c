"""Booting the agent on a machine as the product would: a ticket, a medium, the BMC; then its client. From the management namespace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from clients.agent import AgentClient, BootServer, issue_ticket, write_medium
from domain.agent import BootTicket
from lab.machines import network, packed
from tests.lab.machines.machine_fixtures import MachinesSite

BMCS_SEE_US_AT = "127.0.0.1"
SERVERS_SEE_US_AT = str(network.MANAGEMENT)
SYSTEM = "/redfish/v1/Systems/system"
CD = "/redfish/v1/Managers/bmc/VirtualMedia/CD1"
PATIENCE_S = 120.0


@dataclass
class Site:
    """A site as a worker inside its management namespace sees it."""

    machines: MachinesSite
    boots: BootServer
    folder: Path

    def ticket(self, server: str, serial: str = "") -> BootTicket:
        spec = self.machines.process.spec.server_by_name[server]
        return issue_ticket(server, serial or spec.serial, home=self.boots.url(SERVERS_SEE_US_AT, self.boots.home))

    def medium(self, ticket: BootTicket) -> str:
        """The path at which a medium with this ticket is served."""
        file = self.folder / f"{ticket.boot}.iso"
        write_medium(packed.live_system(), ticket, file)
        return self.boots.offer(file)

    def do(self, server: str, method: str, path: str, body: object = None) -> None:
        code, told = self.machines.redfish(server, method, path, body)  # pyright: ignore[reportArgumentType]
        assert code < 300, told

    def insert(self, server: str, path: str) -> None:
        self.do(server, "POST", f"{CD}/Actions/VirtualMedia.EjectMedia", {})
        image = {"Image": self.boots.url(BMCS_SEE_US_AT, path)}
        self.do(server, "POST", f"{CD}/Actions/VirtualMedia.InsertMedia", image)

    def boot_from(self, server: str, target: str, **more: str) -> None:
        """Once, by a reset."""
        boot = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": "Once", **more}
        self.do(server, "PATCH", SYSTEM, {"Boot": boot})
        kind = "ForceRestart" if self.machines.power_state(server) == "On" else "On"
        self.do(server, "POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": kind})

    def agent(self, ticket: BootTicket) -> AgentClient:
        """Of a server that boots the ticket's medium now."""
        return self.client(self.boots.wait_for(ticket.boot, patience_s=PATIENCE_S).host, ticket)

    def client(self, host: str, ticket: BootTicket) -> AgentClient:
        return cast("AgentClient", _Inside(AgentClient(host, ticket), self.machines.namespace))

    @contextmanager
    def agent_on(self, server: str) -> Iterator[AgentClient]:
        """The agent, booted from virtual media."""
        ticket = self.ticket(server)
        self.insert(server, self.medium(ticket))
        self.boot_from(server, "Cd")
        with self.agent(ticket) as agent:
            yield agent


class _Inside:
    """Calls methods of what it stands for in a site's management namespace: there they open their connections."""

    def __init__(self, of: AgentClient, namespace: str) -> None:
        self._of, self._namespace = of, namespace

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._of, name)
        return lambda *given, **named: network.inside(self._namespace, lambda: method(*given, **named))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._of.close()


@contextmanager
def site_with_boot_server(machines: MachinesSite, folder: Path) -> Iterator[Site]:
    """What listens is in the management namespace; the test itself is where the lab's admin interface is."""
    with network.inside(machines.namespace, BootServer) as boots:
        try:
            yield Site(machines, boots, folder)
        finally:
            for medium in folder.glob("*.iso"):
                medium.unlink()  # a hundred megabytes each
