"""What can be broken about a system that serves something, beside the faults of the wire."""

from collections.abc import Mapping

from lab.virtual.faults import Fault, FaultBoard, FaultKind, FaultUnknown
from lab.virtual.sitefile import OtherSystem

UNSYNCHRONISED = "clock-unsynchronised"
CLOCK_OFFSET = "clock-offset"
KISS = "ntp-kiss"
ZONE_MISSING = "zone-missing"

_RCODES = ("REFUSED", "SERVFAIL", "NXDOMAIN")
_KISSES = ("RATE", "DENY", "RSTR")


def _kind(name: str, description: str, **arguments: str) -> FaultKind:
    return FaultKind(name=name, targets=("system",), description=description, arguments=arguments)


KINDS = (
    _kind(UNSYNCHRONISED, "The NTP server has lost what it takes its time from."),
    _kind(CLOCK_OFFSET, "The NTP server's clock is wrong, and it does not know it.", seconds="by how many"),
    _kind(KISS, "The NTP server refuses to serve this client.", code=f"one of {', '.join(_KISSES)}"),
    _kind(
        ZONE_MISSING,
        "The DNS server does not serve a zone.",
        zone="which one",
        rcode=f"optional: REFUSED; or SERVFAIL, as for an expired zone: one of {', '.join(_RCODES)}",
    ),
)


def offer(board: FaultBoard, systems: Mapping[str, OtherSystem]) -> None:
    def check(fault: Fault) -> None:
        _check(fault, systems[fault.target])

    board.offer(*KINDS, check=check)


def _check(fault: Fault, system: OtherSystem) -> None:
    if fault.kind == ZONE_MISSING:
        zones = [zone.name for zone in system.dns.zones] if system.dns else []
        if fault.arguments["zone"] not in zones:
            raise FaultUnknown(f"{system.name} serves no zone {fault.arguments['zone']}; it serves {zones or 'none'}.")
        _one_of(fault, "rcode", _RCODES)
        return
    if system.ntp is None:
        raise FaultUnknown(f"{system.name} is no NTP server at level sim.")
    if fault.kind == KISS:
        _one_of(fault, "code", _KISSES)
    if fault.kind == CLOCK_OFFSET:
        try:
            float(fault.arguments["seconds"])
        except (TypeError, ValueError) as error:
            raise FaultUnknown(f"{fault.arguments['seconds']!r} is no number of seconds.") from error


def _one_of(fault: Fault, name: str, words: tuple[str, ...]) -> None:
    given = fault.arguments.get(name)
    if given is not None and given not in words:
        raise FaultUnknown(f"{name} is one of {', '.join(words)}; {given!r} is not.")
