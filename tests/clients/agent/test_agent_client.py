"""Our client and the agent's own program: who is trusted, orders that are given twice, and what each thing that goes wrong is called."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from agent import inventory
from clients.agent import AgentClient, AgentTimeouts
from domain.agent import (
    AgentDriveMissing,
    AgentJobFailed,
    AgentJobLost,
    AgentJobUnfinished,
    AgentOfAnotherBoot,
    AgentOfAnotherServer,
    AgentRefused,
    AgentSilent,
    AgentTroubled,
    BootTicket,
)
from domain.agent_work import HardwareTest, ImageWrite, TestName
from tests.clients.agent.conftest import SERIAL, Agent, serving, ticket

ORDER = ImageWrite(key="op-1-write", drive="D1", url="http://x/image", sha256="a" * 64)
QUICK = AgentTimeouts(connect_s=2, answer_s=10, poll_s=0.01)


def client(of: BootTicket) -> AgentClient:
    return AgentClient("127.0.0.1", of, QUICK)


def test_an_order_given_again_is_found_and_carried_out_once(agent: Agent) -> None:
    with (
        client(agent.ticket) as first,
        pytest.raises(AgentJobUnfinished, match=r"at 40 % of op-1-write \(half of it\)"),
    ):
        first.write_image(ORDER, patience_s=0.2)
    agent.may_end.set()
    beats: list[str] = []
    with client(agent.ticket) as second:
        done = second.write_image(ORDER, patience_s=10, beat=beats.append)
        assert second.write_image(ORDER, patience_s=10) == done
    assert (done.serial, done.image_bytes) == ("D1", 7)
    assert len(agent.begun) == 1
    assert set(beats) <= {"half of it: 40 %"}


def test_another_order_under_the_same_key_is_refused(agent: Agent) -> None:
    agent.may_end.set()
    with client(agent.ticket) as asked:
        asked.write_image(ORDER, patience_s=10)
        with pytest.raises(AgentRefused, match="ordered with other words"):
            asked.write_image(ORDER.model_copy(update={"drive": "D2"}), patience_s=10)


def test_what_fails_on_the_server_fails_here_with_its_words(agent: Agent) -> None:
    agent.may_end.set()
    with client(agent.ticket) as asked:
        with pytest.raises(AgentJobFailed, match="could not do op-1-write: the image is broken"):
            asked.write_image(ORDER.model_copy(update={"url": "http://x/broken"}), patience_s=10)
        assert "the image is broken" in asked.read_job("op-1-write").log[-1]
        with pytest.raises(AgentDriveMissing, match="no single drive GONE"):
            asked.write_image(ORDER.model_copy(update={"key": "2", "drive": "GONE"}), patience_s=10)
        with pytest.raises(AgentRefused, match="does no test"):
            asked.run_test(HardwareTest(key="3", name=TestName.CPU), patience_s=10)
        with pytest.raises(AgentJobLost, match="no job never"):
            asked.read_job("never")
    assert [order["url"] for order in agent.begun] == ["http://x/broken"]


def test_nobody_there_is_silence() -> None:
    with client(ticket()) as asked, pytest.raises(AgentSilent, match="console"):
        asked.identity()


def test_who_shows_another_certificate_is_never_sent_the_token(agent: Agent) -> None:
    other = ticket(port=agent.ticket.port)
    with client(other) as asked, pytest.raises(AgentOfAnotherBoot, match="The token was not sent"):
        asked.identity()


def test_a_token_of_another_boot_is_not_taken(agent: Agent) -> None:
    stale = agent.ticket.model_copy(update={"token": SecretStr("of-another-boot")})
    with client(stale) as asked, pytest.raises(AgentOfAnotherBoot, match="does not take the token"):
        asked.identity()


def test_a_server_that_says_it_is_another_is_asked_for_nothing(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "identity", lambda: {"serial": "EW-OTHER"})
    with client(agent.ticket) as asked, pytest.raises(AgentOfAnotherServer, match=f"{SERIAL}.*EW-OTHER"):
        asked.write_image(ORDER, patience_s=5)
    assert agent.begun == []


def test_an_agent_of_another_make_is_named(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "whole", lambda: {"identity": {"serial": SERIAL}})
    with client(agent.ticket) as asked, pytest.raises(AgentTroubled, match="SeenHardware: processors"):
        asked.read_inventory()


def test_a_web_server_that_speaks_no_tls_is_no_agent() -> None:
    given = ticket()
    server = HTTPServer(("127.0.0.1", given.port), BaseHTTPRequestHandler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    with client(given) as asked, pytest.raises((AgentSilent, AgentTroubled)):
        asked.identity()
    server.server_close()


def test_a_client_that_never_says_anything_keeps_nobody_waiting(agent: Agent) -> None:
    with socket.create_connection(("127.0.0.1", agent.ticket.port)), client(agent.ticket) as asked:
        assert asked.identity().serial == SERIAL


def test_a_secret_of_a_ticket_is_shown_by_nothing_but_its_document() -> None:
    given = ticket()
    secret = given.token.get_secret_value()
    assert secret in given.document().decode()
    for shown in (repr(given), str(given), given.model_dump_json()):
        assert secret not in shown
        assert "PRIVATE KEY" not in shown


def test_two_agents_at_once_are_two(agent: Agent) -> None:
    with serving(ticket()) as other, client(agent.ticket) as one, client(other.ticket) as two:
        assert one.identity().boot == agent.ticket.boot != two.identity().boot
