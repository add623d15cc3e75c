"""The agent's own program on loopback, with no drives and with work that a test decides: what is tested is how the two speak."""

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import drives, inventory
from agent.api import Server
from agent.jobs import Job, Order
from agent.ticket import Ticket
from agent.tools import Failed
from clients.agent import issue_ticket
from domain.agent import BootTicket

SERIAL = "EW-TEST-1"


@dataclasses.dataclass
class Agent:
    """`may_end`: jobs of this agent end when it is set; `says`: what they end with."""

    ticket: BootTicket
    server: Server
    may_end: threading.Event
    begun: list[Order]


def ticket(**more: Any) -> BootTicket:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return issue_ticket("r1-s01", SERIAL, port=port).model_copy(update=more)


@contextmanager
def serving(given: BootTicket) -> Iterator[Agent]:
    told = json.loads(given.document())
    may_end, begun = threading.Event(), list[Order]()

    def work(order: Order, job: Job) -> dict[str, Any]:
        begun.append(order)
        job.at(40, "half of it")
        assert may_end.wait(20)
        if order["url"].endswith("broken"):
            raise Failed("the image is broken")
        return {"serial": order["drive"], "image_bytes": 7, "sha256": order["sha256"], "files": len(order["files"])}

    own = Ticket(**{field.name: told[field.name] for field in dataclasses.fields(Ticket)})
    server = Server(own, "127.0.0.1", {"write-image": work})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Agent(given, server, may_end, begun)
    finally:
        may_end.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def hardware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test of this folder sees this machine's drives."""
    monkeypatch.setattr(drives, "DEVICES", tmp_path)
    monkeypatch.setattr(drives, "by_serial", lambda serial: _none(serial) if serial == "GONE" else serial)
    monkeypatch.setattr(inventory, "identity", lambda: {"serial": SERIAL, "uuid": "", "manufacturer": "", "model": ""})


def _none(serial: str) -> None:
    raise drives.Refused("drive-missing", f"There is no single drive {serial} here; there are: none.", 404)


@pytest.fixture
def agent() -> Iterator[Agent]:
    with serving(ticket()) as running:
        yield running
