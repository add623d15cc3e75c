"""The agent on a server's live image: tickets and boot media for it, who serves them, and a client for its interface."""

from clients.agent.boot_server import BootServer, Caller
from clients.agent.client import AgentClient, AgentTimeouts
from clients.agent.medium import write_medium
from clients.agent.ticket import issue_ticket

__all__ = ["AgentClient", "AgentTimeouts", "BootServer", "Caller", "issue_ticket", "write_medium"]
