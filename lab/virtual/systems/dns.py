"""An authoritative DNS server that has its zones' SOA and NS records, and answers for others as BIND does without recursion."""

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lab.virtual.faults import FaultBoard
from lab.virtual.sitefile import DnsService, DnsZone
from lab.virtual.systems.faults import ZONE_MISSING
from lab.virtual.systems.ntp import Answer

TTL_S = 300
_VERSION = dns.name.from_text("version.bind.")


class DnsDouble:
    """Has no state to change: updates, notifies and transfers are refused, and noted with their own opcode."""

    def __init__(self, name: str, service: DnsService, faults: FaultBoard) -> None:
        self._name, self._service, self._faults = name, service, faults

    def answer(self, data: bytes) -> Answer:
        try:
            asked = dns.message.from_wire(data)
        except (dns.exception.DNSException, ValueError):
            return Answer(None, "malformed", f"{len(data)} octets", 0)
        answer = dns.message.make_response(asked)
        code = self._fill(asked, answer)
        answer.set_rcode(code)
        about = " ".join(question.to_text() for question in asked.question)
        return Answer(answer.to_wire(), dns.opcode.to_text(asked.opcode()), about, int(code))

    def _fill(self, asked: dns.message.Message, answer: dns.message.Message) -> dns.rcode.Rcode:
        if asked.opcode() != dns.opcode.QUERY:
            return dns.rcode.REFUSED if asked.opcode() == dns.opcode.UPDATE else dns.rcode.NOTIMP
        if len(asked.question) != 1:
            return dns.rcode.FORMERR
        question = asked.question[0]
        if question.rdclass == dns.rdataclass.CH:
            return self._chaos(question, answer)
        zone = self._zone_of(question.name)
        if zone is None:
            return dns.rcode.REFUSED
        if (code := self._broken(zone)) is not None:
            return code
        answer.flags |= dns.flags.AA
        records = {record.rdtype: record for record in _records(zone)}
        apex = dns.name.from_text(zone.name)
        if question.name == apex and question.rdtype in records:
            answer.answer.append(records[question.rdtype])
            return dns.rcode.NOERROR
        # No such name, or no such record at the apex: the SOA says for how long that may be believed (RFC 2308).
        answer.authority.append(records[dns.rdatatype.SOA])
        return dns.rcode.NOERROR if question.name == apex else dns.rcode.NXDOMAIN

    def _chaos(self, question: dns.rrset.RRset, answer: dns.message.Message) -> dns.rcode.Rcode:
        if question.name != _VERSION or not self._service.version:
            return dns.rcode.REFUSED
        answer.flags |= dns.flags.AA
        answer.answer.append(dns.rrset.from_text(question.name, 0, "CH", "TXT", f'"{self._service.version}"'))
        return dns.rcode.NOERROR

    def _zone_of(self, name: dns.name.Name) -> DnsZone | None:
        holding = [zone for zone in self._service.zones if name.is_subdomain(dns.name.from_text(zone.name))]
        return max(holding, key=lambda zone: len(zone.name), default=None)

    def _broken(self, zone: DnsZone) -> dns.rcode.Rcode | None:
        for fault in self._faults.on(self._name, ZONE_MISSING):
            if fault.arguments["zone"] == zone.name:
                return dns.rcode.from_text(str(fault.arguments.get("rcode") or "REFUSED"))
        return None


def _records(zone: DnsZone) -> tuple[dns.rrset.RRset, ...]:
    soa = f"{zone.primary}. hostmaster.{zone.name}. {zone.serial} 3600 600 604800 {TTL_S}"
    return (
        dns.rrset.from_text(f"{zone.name}.", TTL_S, "IN", "SOA", soa),
        dns.rrset.from_text(f"{zone.name}.", TTL_S, "IN", "NS", f"{zone.primary}."),
    )
