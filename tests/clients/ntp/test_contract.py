"""What the NTP observer relies on, of a real chronyd and of the lab's double alike; then what only the double can be made to do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from clients.ntp import NtpObserver
from domain.beat import no_beat
from domain.systems import ClockSight, SystemTarget, SystemTroubled, SystemUnreachable
from tests.clients.observed_systems import HOST, me, real_program, running, target
from tests.lab.virtual.site_fixtures import TestSite, free_port, running_site

OBSERVER = NtpObserver(timeout_s=0.5, tries=2)
STRATUM = 7


@dataclass
class Server:
    host: str
    port: int

    @property
    def target(self) -> SystemTarget:
        return target(name="ntp-1", kind="ntp", driver="ntp", address=self.host, service_ports=[self.port])

    def look(self) -> ClockSight:
        clock = OBSERVER.observe(self.target, no_beat).clock
        assert clock is not None
        return clock


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    folder = tmp_path_factory.mktemp("ntp-lab")
    systems = [
        {"name": "ntp-1", "kind": "ntp", "address": "127.64.0.23", "ntp": {"stratum": STRATUM, "reference": "192.0.2.7"}},
        {"name": "gps-1", "kind": "ntp", "address": "127.64.0.24", "ntp": {"stratum": 1, "reference": "GPS"}},
    ]  # fmt: skip
    file = folder / "ntp.yaml"
    file.write_text(yaml.safe_dump({"site": "ntp", "logins": {}, "ports": {"ntp": free_port()}, "systems": systems}))
    with running_site(file, folder) as site:
        yield site


@pytest.fixture(autouse=True)
def mended(lab: TestSite) -> Iterator[None]:
    yield
    lab.mend()


@pytest.fixture
def double(lab: TestSite) -> Server:
    return Server(str(lab.spec.system_by_name["ntp-1"].address), lab.spec.ports.ntp)


@contextmanager
def chronyd(folder: Path, settings: str) -> Iterator[Server]:
    program, server = real_program("chronyd"), Server(HOST, free_port())
    (folder / "chrony.conf").write_text(
        f"port {server.port}\nbindaddress {HOST}\nallow 127.0.0.0/8\n{settings}\n"
        f"cmdport 0\nbindcmdaddress /\npidfile {folder}/pid\n"
    )
    # -x: it never touches the clock of the host; -U: it does not ask to be root.
    command = [program, "-d", "-x", "-U", "-u", me(), "-f", str(folder / "chrony.conf")]
    with running(command, folder, server.look):
        yield server


@pytest.fixture(scope="module")
def chrony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with chronyd(tmp_path_factory.mktemp("chrony"), f"local stratum {STRATUM}") as server:
        yield server


@pytest.fixture(params=["double", "chrony"])
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["double", "chrony"])
def lost(request: pytest.FixtureRequest, lab: TestSite, tmp_path: Path) -> Iterator[Server]:
    """A server that has nothing to take its time from."""
    if request.param == "double":
        lab.seed("clock-unsynchronised", "ntp-1")
        yield request.getfixturevalue("double")
        return
    with chronyd(tmp_path, "") as server:
        yield server


def test_a_synchronised_server_tells_its_stratum_whom_it_follows_and_the_time(server: Server) -> None:
    clock = server.look()
    assert clock.synchronised
    assert (clock.stratum, clock.leap) == (STRATUM, 0)
    assert clock.reference.count(".") == 3
    assert abs(clock.offset_s) < 0.5


def test_what_is_recorded_of_a_server_holds_no_reading(server: Server) -> None:
    facts = OBSERVER.observe(server.target, no_beat).facts
    assert (facts.name, facts.summary) == ("ntp-1", {"service": "NTP version 4"})
    assert facts == OBSERVER.observe(server.target, no_beat).facts


def test_a_server_that_lost_its_source_says_so(lost: Server) -> None:
    clock = lost.look()
    assert not clock.synchronised
    assert clock.leap == 3


def test_a_clock_at_stratum_1_is_named_by_letters(lab: TestSite) -> None:
    clock = Server(str(lab.spec.system_by_name["gps-1"].address), lab.spec.ports.ntp).look()
    assert (clock.stratum, clock.reference, clock.synchronised) == (1, "GPS", True)


def test_a_wrong_clock_is_off_by_what_it_is_off(lab: TestSite, double: Server) -> None:
    lab.seed("clock-offset", "ntp-1", seconds=-90)
    assert double.look().offset_s == pytest.approx(-90, abs=0.5)


def test_a_kiss_of_death_is_an_answer_with_its_code(lab: TestSite, double: Server) -> None:
    lab.seed("ntp-kiss", "ntp-1", code="DENY")
    clock = double.look()
    assert (clock.stratum, clock.reference, clock.synchronised) == (0, "DENY", False)


def test_a_lost_packet_is_sent_again(lab: TestSite, double: Server) -> None:
    lab.seed("drop", "ntp-1", times=1)
    assert double.look().synchronised


@pytest.mark.parametrize(("fault", "said"), [("refuse", "refused"), ("stall", "silence")])
def test_a_server_that_does_not_answer_is_unreachable(lab: TestSite, double: Server, fault: str, said: str) -> None:
    lab.seed(fault, "ntp-1")
    with pytest.raises(SystemUnreachable, match=said):
        double.look()


def test_the_port_that_answers_is_found_among_several(double: Server) -> None:
    several = double.target.model_copy(update={"ports": (free_port(), double.port)})
    assert OBSERVER.observe(several, no_beat).clock is not None


def test_its_own_log_shows_client_packets_and_no_change(lab: TestSite, double: Server) -> None:
    before = lab.device("ntp-1")["requests"]
    double.look()
    asked = [request for request in lab.requests("ntp-1") if request["n"] > before]
    assert [(request["method"], request["path"]) for request in asked] == [("CLIENT", "version 4")]
    assert lab.changes("ntp-1") == []


@contextmanager
def answering(make: list[bytes | None]) -> Iterator[Server]:
    """A socket that answers a question with these packets; None is an honest one's first 48 octets, sent back as mode 4."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((HOST, 0))
        listening.settimeout(10)

        def serve() -> None:
            question, peer = listening.recvfrom(1024)
            honest = bytes([4 << 3 | 4, 2]) + question[2:24] + question[40:48] + question[40:48] + question[40:48]
            for packet in make:
                listening.sendto(honest if packet is None else packet.replace(b"ORIGINAT", question[40:48]), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Server(HOST, listening.getsockname()[1])
        thread.join()


def test_an_answer_to_something_else_is_passed_over() -> None:
    other = bytes([4 << 3 | 4, 1]) + b"\0" * 46
    with answering([other, b"x", None]) as server:
        assert server.look().stratum == 2


def test_an_answer_that_no_server_gives_is_trouble() -> None:
    peer_mode = bytes([4 << 3 | 1, 2]) + b"\0" * 22 + b"ORIGINAT" + b"\0" * 16
    with answering([peer_mode]) as server, pytest.raises(SystemTroubled, match="mode 1"):
        server.look()
