"""The doubles of other systems as devices of the lab: what the site file may say, what their log says, what can be broken."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest
import yaml

from domain.errors import Rejected
from lab.virtual.sitefile import SiteFileInvalid, load
from tests.lab.virtual.site_fixtures import SITES, TestSite, free_port, running_site

ZONE = "harbour.edge.example"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-ru", tmp_path_factory.mktemp("systems")) as site:
        yield site


@pytest.fixture(autouse=True)
def mended(site: TestSite) -> Iterator[None]:
    yield
    site.mend()


def place(site: TestSite, name: str) -> tuple[str, int]:
    """Where it answers, as the lab tells it."""
    host, _, port = site.device(name)["url"].rpartition("://")[2].rpartition(":")
    return host, int(port)


def soa(site: TestSite, name: str = ZONE) -> dns.message.Message:
    host, port = place(site, "dns-1")
    return dns.query.udp(dns.message.make_query(name, "SOA"), host, timeout=5, port=port)


def test_what_a_system_serves_is_listed_with_where_it_answers(site: TestSite) -> None:
    ntp, named = site.device("ntp-1"), site.device("dns-1")
    assert (ntp["kind"], ntp["model"], ntp["listening"]) == ("system", "ntp", True)
    assert ntp["url"].startswith(f"ntp://{site.spec.system_by_name['ntp-1'].address}:")
    assert named["url"].startswith("dns://")
    with pytest.raises(Rejected, match="no device gw-1"):
        site.device("gw-1")


def test_an_update_changes_nothing_and_is_noted_as_what_it_is(site: TestSite) -> None:
    host, port = place(site, "dns-1")
    update = dns.update.UpdateMessage(ZONE)
    update.add("new", 300, "A", "192.0.2.1")
    assert dns.query.udp(update, host, timeout=5, port=port).rcode() == dns.rcode.REFUSED
    assert {"method": "UPDATE", "status": int(dns.rcode.REFUSED)}.items() <= site.requests("dns-1")[-1].items()
    assert site.changes("dns-1") == []
    assert soa(site, f"new.{ZONE}").rcode() == dns.rcode.NXDOMAIN


def test_what_is_no_question_is_not_answered(site: TestSite) -> None:
    for name in ("dns-1", "ntp-1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.3)
            asking.sendto(b"hello", place(site, name))
            with pytest.raises(TimeoutError):
                asking.recv(100)
        assert site.requests(name)[-1]["status"] == 0


def test_a_control_packet_is_not_answered_as_a_hardened_server_does_not(site: TestSite) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.3)
        asking.sendto(bytes([4 << 3 | 6]) + b"\0" * 47, place(site, "ntp-1"))
        with pytest.raises(TimeoutError):
            asking.recv(100)
    assert site.requests("ntp-1")[-1]["method"] == "control"


def test_two_questions_in_one_connection_are_both_answered(site: TestSite) -> None:
    question = dns.message.make_query(ZONE, "NS").to_wire()
    framed = len(question).to_bytes(2) + question
    with socket.create_connection(place(site, "dns-1"), timeout=5) as connection:
        connection.sendall(framed + framed[:5])
        connection.sendall(framed[5:])
        reading = connection.makefile("rb")
        for _ in range(2):
            answer = dns.message.from_wire(reading.read(int.from_bytes(reading.read(2))))
            assert "dns-1.harbour.edge.example." in answer.answer[0].to_text()


def test_a_port_that_the_host_itself_holds_everywhere_is_left_to_it(tmp_path: Path) -> None:
    document = yaml.safe_load((SITES / "one-ru.yaml").read_text())
    other = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("0.0.0.0", 0))
        document["ports"] = {"dns": resolver.getsockname()[1], "dns_unprivileged": other}
        file = tmp_path / "site.yaml"
        file.write_text(yaml.safe_dump(document))
        with running_site(file, tmp_path) as site:
            assert place(site, "dns-1")[1] == other
            assert soa(site).rcode() == dns.rcode.NOERROR


def test_a_slow_server_answers_late(site: TestSite) -> None:
    site.seed("slow", "dns-1", times=1, seconds=20)
    assert soa(site).rcode() == dns.rcode.NOERROR
    assert site.process.call("GET", "/faults") == []


def test_a_killed_lab_serves_again_with_what_was_broken(tmp_path: Path) -> None:
    with running_site("one-ru", tmp_path) as site:
        site.seed("zone-missing", "dns-1", zone=ZONE)
        site.kill()
        site.start_again()
        assert soa(site).rcode() == dns.rcode.REFUSED
        site.mend()
        assert soa(site).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize(
    ("kind", "target", "arguments", "word"),
    [
        ("zone-missing", "dns-1", {"zone": "other.example"}, "serves no zone"),
        ("zone-missing", "dns-1", {"zone": ZONE, "rcode": "BADKEY"}, "rcode is one of"),
        ("zone-missing", "ntp-1", {"zone": ZONE}, "serves no zone"),
        ("clock-unsynchronised", "dns-1", {}, "is no NTP server"),
        ("ntp-kiss", "ntp-1", {"code": "LOVE"}, "code is one of"),
        ("clock-offset", "ntp-1", {"seconds": "many"}, "no number of seconds"),
        ("expired-certificate", "ntp-1", {}, "is for a server or switch"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    site: TestSite, kind: str, target: str, arguments: dict[str, Any], word: str
) -> None:
    with pytest.raises(Rejected, match=word):
        site.seed(kind, target, **arguments)


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ({"ntp": {"stratum": 16, "reference": "192.0.2.1"}}, "less than or equal to 15"),
        ({"ntp": {"stratum": 1, "reference": "GALILEO"}}, "one to four letters"),
        ({"ntp": {"stratum": 2, "reference": "GPS"}}, "GPS"),
        ({"dns": {"zones": []}}, "at least 1 item"),
        ({"ntp": {"stratum": 1, "reference": "GPS"}, "dns": {"zones": [{"name": "a", "primary": "b"}]}}, "not both"),
    ],
)
def test_a_service_that_cannot_be_is_refused(tmp_path: Path, service: dict[str, Any], word: str) -> None:
    document = yaml.safe_load((SITES / "one-ru.yaml").read_text())
    document["systems"].append({"name": "odd", "kind": "ntp", "address": str(IPv4Address("127.64.0.240")), **service})
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(SiteFileInvalid, match=word):
        load(file)
