"""Boot media and who serves them."""

import json
from pathlib import Path

import httpx
import pytest
from pycdlib import PyCdlib

from clients.agent import BootServer, issue_ticket, write_medium
from domain.agent import AgentNotHome


def test_a_medium_has_the_live_system_and_the_ticket_and_is_for_its_owner_only(tmp_path: Path) -> None:
    system = tmp_path / "system"
    system.write_bytes(bytes(range(256)) * 700)
    ticket, medium = issue_ticket("r1-s01", "EW-1", home="http://10.0.0.1/home"), tmp_path / "medium.iso"
    write_medium(system, ticket, medium)
    assert medium.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.glob("*.new")] == []
    image = PyCdlib()
    image.open(str(medium))
    where = image.get_record(rr_path="/live/filesystem.squashfs")
    offset, size = where.extent_location() * 2048, where.get_data_length()
    assert medium.read_bytes()[offset : offset + size] == system.read_bytes()
    image.get_file_from_iso(str(tmp_path / "boot.json"), rr_path="/edgewright/boot.json")
    image.close()
    told = json.loads((tmp_path / "boot.json").read_text())
    assert (told["serial"], told["home"], told["token"]) == ("EW-1", ticket.home, ticket.token.get_secret_value())


@pytest.fixture
def offered(tmp_path: Path) -> Path:
    file = tmp_path / "agent.iso"
    file.write_bytes(b"0123456789")
    return file


def test_a_file_is_served_whole_in_part_and_to_nobody_who_guesses(offered: Path) -> None:
    with BootServer("127.0.0.1") as boots:
        path = boots.offer(offered)
        url = boots.url("127.0.0.1", path)
        assert url.endswith("/agent.iso")
        assert httpx.get(url).content == b"0123456789"
        assert httpx.head(url).headers["Content-Length"] == "10"
        for asked, part in (("bytes=2-4", b"234"), ("bytes=8-", b"89"), ("bytes=8-99", b"89")):
            answer = httpx.get(url, headers={"Range": asked})
            assert (answer.status_code, answer.content) == (206, part)
        assert httpx.get(url, headers={"Range": "bytes=10-"}).status_code == 416
        assert httpx.get(boots.url("127.0.0.1", "/agent.iso")).status_code == 404
        assert httpx.get(boots.url("127.0.0.1", f"/../{offered}")).status_code == 404
        boots.withdraw(path)
        assert httpx.get(url).status_code == 404


def test_an_agent_that_phones_home_is_found_by_its_boot() -> None:
    with BootServer("127.0.0.1") as boots:
        with pytest.raises(AgentNotHome, match="boot b1 has not phoned home"):
            boots.wait_for("b1", patience_s=0.05)
        home = boots.url("127.0.0.1", boots.home)
        assert httpx.post(home, json={"boot": "b1", "serial": "EW-1", "port": 8443}).status_code == 204
        assert httpx.post(home, json={"boot": "b2"}).status_code == 400
        assert httpx.post(home + "x", json={}).status_code == 404
        caller = boots.wait_for("b1", patience_s=1)
        assert (caller.host, caller.port, caller.told.serial) == ("127.0.0.1", 8443, "EW-1")
