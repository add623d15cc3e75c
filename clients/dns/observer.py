"""Asks a DNS server for the zones it must serve, over UDP, and over TCP where UDP does not bring an answer whole."""

from collections.abc import Iterable
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.rrset

from domain.beat import Beat
from domain.recording_facts import DeviceFacts
from domain.systems import SystemSight, SystemTarget, SystemTroubled, SystemUnreachable, ZoneSight

_VERSION = "version.bind."
"""A TXT record of class CHAOS by which BIND and others tell their version (RFC 4892); many are told not to."""


class DnsObserver:
    """Fulfils `domain.systems.SystemDriver` for authoritative servers. Sends standard queries and nothing else."""

    def __init__(self, *, timeout_s: float = 3.0) -> None:
        """`timeout_s` for a question over UDP, then as long again over TCP."""
        self._timeout_s = timeout_s

    def check_ready(self, target: SystemTarget) -> None:
        """Queries know no login."""

    def observe(self, target: SystemTarget, beat: Beat) -> SystemSight:
        """See `SystemDriver.observe`. A zone that is refused or missing is an answer; only silence is none."""
        port = self._answering(target, beat)
        zones: list[ZoneSight] = []
        for zone in target.system.zones:
            beat(f"{target.name}: {zone}")
            zones.append(_zone(zone, self._ask(target, port, _question(zone, "SOA"))))
        version = self._version(target, port)
        facts = DeviceFacts(
            name=target.name,
            firmware={"named": version} if version else {},
            # A zone's serial counts its changes: it is a reading, not what the server is.
            summary={"zones": {zone.zone: zone.primary for zone in zones if zone.served}},
        )
        return SystemSight(facts=facts, zones=tuple(zones))

    def _answering(self, target: SystemTarget, beat: Beat) -> int:
        troubles: list[str] = []
        for port in target.ports:
            beat(f"{target.name}: port {port}")
            try:
                self._ask(target, port, _question(target.system.zones[0], "SOA"))
            except SystemUnreachable as error:
                troubles.append(error.message)
            else:
                return port
        raise SystemUnreachable(" ".join(troubles))

    def _version(self, target: SystemTarget, port: int) -> str:
        """Empty if it does not say, which is nobody's business."""
        try:
            answer = self._ask(target, port, _question(_VERSION, "TXT", "CH"))
        except (SystemUnreachable, SystemTroubled):
            return ""
        texts = [cast(dns.rdtypes.ANY.TXT.TXT, record) for found in answer.answer for record in _records(found)]
        return b"".join(texts[0].strings).decode("utf-8", "replace") if texts else ""

    def _ask(self, target: SystemTarget, port: int, question: dns.message.Message) -> dns.message.Message:
        """Over TCP too if UDP stays silent: some networks let only one of the two through."""
        try:
            answer, _ = dns.query.udp_with_fallback(question, target.host, timeout=self._timeout_s, port=port)
            return answer
        except (dns.exception.Timeout, OSError):
            pass
        except dns.exception.DNSException as error:
            raise SystemTroubled(
                f"{target} answered something that is no DNS answer ({type(error).__name__})."
            ) from error
        try:
            return dns.query.tcp(question, target.host, timeout=self._timeout_s, port=port)
        except (dns.exception.Timeout, OSError, EOFError) as error:
            raise SystemUnreachable(
                f"{target} does not answer DNS on port {port}, neither over UDP nor over TCP ({_why(error)})."
            ) from error
        except dns.exception.DNSException as error:
            raise SystemTroubled(
                f"{target} answered something that is no DNS answer ({type(error).__name__})."
            ) from error


def _question(name: str, kind: str, of_class: str = "IN") -> dns.message.Message:
    """Without RD: it is asked for what it knows itself."""
    return dns.message.make_query(name, kind, of_class, flags=0)


def _zone(zone: str, answer: dns.message.Message) -> ZoneSight:
    found = [
        cast(dns.rdtypes.ANY.SOA.SOA, record)
        for records in answer.answer
        if records.rdtype == dns.rdatatype.SOA and records.rdclass == dns.rdataclass.IN
        for record in _records(records)
    ]
    return ZoneSight(
        zone=zone,
        rcode=dns.rcode.to_text(answer.rcode()),
        authoritative=bool(answer.flags & dns.flags.AA),
        primary=found[0].mname.to_text(omit_final_dot=True) if found else "",
        serial=found[0].serial if found else None,
    )


def _records(found: dns.rrset.RRset) -> Iterable[dns.rdata.Rdata]:
    return cast(Iterable[dns.rdata.Rdata], found)  # dnspython leaves the type of a set's members open


def _why(error: Exception) -> str:
    return (
        "no answer in time" if isinstance(error, dns.exception.Timeout) else getattr(error, "strerror", "") or "cut off"
    )
