"""What the DNS observer relies on, of a real BIND and of the lab's double alike; then what only the double can be made to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest
import yaml

from clients.dns import DnsObserver
from domain.beat import no_beat
from domain.systems import SystemSight, SystemTarget, SystemUnreachable
from tests.clients.observed_systems import HOST, real_program, running, target
from tests.lab.virtual.site_fixtures import TestSite, free_port, running_site

SERVED, BROKEN, UNKNOWN = "oslo.edge.example", "broken.edge.example", "nobody.example"
PRIMARY, SERIAL = "ns.oslo.edge.example", 2026112407
OBSERVER = DnsObserver(timeout_s=1.0)


@dataclass
class Server:
    host: str
    port: int

    def target(self, *zones: str) -> SystemTarget:
        return target(
            name="dns-1", kind="dns", driver="bind9", address=self.host, service_ports=[self.port], zones=zones or [SERVED]
        )  # fmt: skip

    def look(self, *zones: str) -> SystemSight:
        return OBSERVER.observe(self.target(*zones), no_beat)


def site_file(folder: Path) -> Path:
    zones: list[dict[str, Any]] = [{"name": SERVED, "primary": PRIMARY, "serial": SERIAL}]
    zones.append({"name": BROKEN, "primary": PRIMARY})
    service = {"version": "9.20.15", "zones": zones}
    system = {"name": "dns-1", "kind": "dns", "address": "127.64.0.53", "dns": service}
    ports = {"dns": free_port()}
    file = folder / "dns.yaml"
    file.write_text(yaml.safe_dump({"site": "dns", "logins": {}, "ports": ports, "systems": [system]}))
    return file


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    folder = tmp_path_factory.mktemp("dns-lab")
    broken = {"kind": "zone-missing", "target": "dns-1", "arguments": {"zone": BROKEN, "rcode": "SERVFAIL"}}
    with running_site(site_file(folder), folder, faults=[broken]) as site:
        yield site


@pytest.fixture(scope="module")
def double(lab: TestSite) -> Server:
    return Server(str(lab.spec.systems[0].address), lab.spec.ports.dns)


@pytest.fixture(scope="module")
def bind9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    named, folder = real_program("named"), tmp_path_factory.mktemp("bind9")
    server = Server(HOST, free_port())
    zone = f"$TTL 300\n@ SOA {PRIMARY}. root {SERIAL} 3600 600 604800 60\n@ NS {PRIMARY}.\nns A {HOST}\n"
    (folder / "served.zone").write_text(zone)
    (folder / "broken.zone").write_text("this is no zone\n")
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key"; recursion no; dnssec-validation no;
  listen-on port {server.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};
}};
controls {{ }};
zone "{SERVED}" {{ type primary; file "served.zone"; }};
zone "{BROKEN}" {{ type primary; file "broken.zone"; }};
""")
    with running([named, "-g", "-c", str(folder / "named.conf")], folder, server.look):
        yield server


@pytest.fixture(params=["double", "bind9"])
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


def test_a_zone_that_is_served_is_answered_with_authority(server: Server) -> None:
    sight = server.look()
    (zone,) = sight.zones
    assert (zone.served, zone.primary, zone.serial) == (True, PRIMARY, SERIAL)
    assert sight.facts.summary == {"zones": {SERVED: PRIMARY}}
    assert sight.facts.firmware["named"].startswith("9.")


def test_a_zone_that_it_does_not_have_is_refused_and_the_others_are_still_seen(server: Server) -> None:
    served, unknown = server.look(SERVED, UNKNOWN).zones
    assert served.served
    assert (unknown.served, unknown.rcode) == (False, "REFUSED")


def test_a_zone_that_it_could_not_load_is_a_server_failure(server: Server) -> None:
    _, broken = server.look(SERVED, BROKEN).zones
    assert (broken.served, broken.rcode) == (False, "SERVFAIL")


def test_a_name_below_a_zone_is_no_zone_of_its_own(server: Server) -> None:
    (below,) = server.look(f"below.{SERVED}").zones
    assert (below.served, below.rcode) == (False, "NXDOMAIN")


def test_an_update_without_a_key_is_refused(server: Server) -> None:
    update = dns.update.UpdateMessage(SERVED)
    update.add("new", 300, "A", "192.0.2.1")
    assert dns.query.tcp(update, server.host, timeout=3, port=server.port).rcode() == dns.rcode.REFUSED


def test_nobody_there_is_unreachable_and_names_every_port(double: Server) -> None:
    nobody = double.target().model_copy(update={"ports": (free_port(), free_port())})
    with pytest.raises(SystemUnreachable, match=f"{nobody.ports[0]}.*{nobody.ports[1]}"):
        OBSERVER.observe(nobody, no_beat)


def test_the_port_that_answers_is_found_among_several(double: Server) -> None:
    several = double.target().model_copy(update={"ports": (free_port(), double.port)})
    assert OBSERVER.observe(several, no_beat).zones[0].served


def test_a_question_lost_on_udp_is_asked_again_over_tcp(lab: TestSite, double: Server) -> None:
    lab.seed("drop", "dns-1", times=1)
    assert double.look().zones[0].served
    assert lab.process.call("GET", "/faults")[0]["kind"] == "zone-missing", "the drop is spent"


@pytest.mark.parametrize("fault", ["refuse", "stall", "drop"])
def test_a_server_that_does_not_answer_is_unreachable(lab: TestSite, double: Server, fault: str) -> None:
    seeded = lab.seed(fault, "dns-1")
    try:
        with pytest.raises(SystemUnreachable, match="neither over UDP nor over TCP"):
            double.look()
    finally:
        lab.mend(seeded)
    assert double.look().zones[0].served


def test_its_own_log_shows_queries_and_no_change(lab: TestSite, double: Server) -> None:
    before = lab.device("dns-1")["requests"]
    double.look(SERVED, UNKNOWN)
    asked = [request for request in lab.requests("dns-1") if request["n"] > before]
    assert {request["method"] for request in asked} == {"QUERY"}
    assert f"{SERVED}. IN SOA" in {request["path"] for request in asked}
    assert lab.changes("dns-1") == []
