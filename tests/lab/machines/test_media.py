"""Virtual media that are not right: what the server does then, and what is seen of it."""

import contextlib
import http.server
import threading
from pathlib import Path

import pytest

from domain.agent import AgentOfAnotherServer
from lab.machines import network
from lab.virtual import running
from tests.lab.machines.agent_fixtures import CD, site_with_boot_server
from tests.lab.machines.machine_fixtures import MachinesSite, left_of, machines_site

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
NAME = "r1-s01"


def failed_sources(site: MachinesSite) -> list[str]:
    told = site.process.call("GET", f"/devices/{NAME}/log")["changes"]
    return [entry["failed"] for entry in told if entry["what"] == "boot-source"]


def test_a_medium_that_cannot_be_read_is_passed_over_and_nobody_answers(one: MachinesSite, tmp_path: Path) -> None:
    with site_with_boot_server(one, tmp_path) as site:
        empty = tmp_path / "empty.iso"
        empty.write_bytes(bytes(1 << 20))
        withdrawn = site.medium(site.ticket(NAME))
        site.insert(NAME, withdrawn)
        site.boots.withdraw(withdrawn)
        for path, why in (
            (withdrawn, "it cannot be read: Not Found"),
            (site.boots.offer(empty), "it is no ISO 9660 image"),
        ):
            if path != withdrawn:
                site.insert(NAME, path)
            boots, failed = len(one.boots(NAME)), len(failed_sources(one))
            site.boot_from(NAME, "Cd")
            assert one.wait_for_boot(NAME, boots + 1) == "nothing bootable"
            assert failed_sources(one)[failed:] == [why]
            assert one.power_state(NAME) == "On"
            assert not one.answers(NAME)


def test_a_medium_that_is_taken_out_while_it_is_read_boots_nothing(one: MachinesSite, tmp_path: Path) -> None:
    with site_with_boot_server(one, tmp_path) as site, network.inside(one.namespace, SlowServer) as slow:
        site.do(NAME, "POST", f"{CD}/Actions/VirtualMedia.EjectMedia", {})
        site.do(
            NAME, "POST", f"{CD}/Actions/VirtualMedia.InsertMedia", {"Image": f"http://127.0.0.1:{slow.port}/x.iso"}
        )
        boots, failed = len(one.boots(NAME)), len(failed_sources(one))
        site.boot_from(NAME, "Cd")
        assert slow.asked.wait(60)
        one.process.call("POST", "/faults", {"kind": "media-ejected", "target": NAME, "arguments": {}})
        try:
            slow.go_on.set()
            assert one.wait_for_boot(NAME, boots + 1) == "nothing bootable"
            assert failed_sources(one)[failed:] == ["the medium was taken out while it was read"]
        finally:
            one.process.call("DELETE", "/faults")


class SlowServer:
    """Serves half of a medium, and the rest when it may."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        slow = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(8 << 20))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(bytes(4 << 20))
                    slow.asked.set()
                    slow.go_on.wait(60)
                    with contextlib.suppress(OSError):
                        self.wfile.write(bytes(4 << 20))

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None: ...

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_port

    def __enter__(self) -> "SlowServer":
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def test_a_medium_that_was_made_for_another_server_is_found_out(one: MachinesSite, tmp_path: Path) -> None:
    with site_with_boot_server(one, tmp_path) as site:
        ticket = site.ticket(NAME, serial="EW-OTHER")
        site.insert(NAME, site.medium(ticket))
        site.boot_from(NAME, "Cd")
        with site.agent(ticket) as agent, pytest.raises(AgentOfAnotherServer, match=r"EW-OTHER.*EWL1U0001"):
            agent.read_inventory()


def test_a_killed_lab_leaves_nothing_of_a_medium(machines_level: None, tmp_path: Path) -> None:
    with machines_site("one-ru", tmp_path) as machines, site_with_boot_server(machines, tmp_path) as site:
        ticket, killed = site.ticket(NAME), machines.run_id
        drives = machines.options.home / "lab/sites/lab-one-ru/drives"
        site.insert(NAME, site.medium(ticket))
        site.boot_from(NAME, "Cd")
        with site.agent(ticket) as agent:
            assert agent.identity().boot == ticket.boot
        medium = drives.with_name("media") / f"{NAME}.iso"
        assert medium.exists()
        machines.kill()
        running.clean_up()
        assert left_of(killed, drives) == {}
        assert not medium.exists()
