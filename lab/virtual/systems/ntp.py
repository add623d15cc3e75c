"""An NTP server (RFC 5905) that answers clients. Written from the RFC, without the library that our client reads answers with."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.virtual.clock import LabClock
from lab.virtual.faults import FaultBoard
from lab.virtual.sitefile import NtpService
from lab.virtual.systems.faults import CLOCK_OFFSET, KISS, UNSYNCHRONISED

_PACKET = struct.Struct("!BBbbII4sQQQQ")
_CLIENT, _SERVER = 3, 4
_UNKNOWN_LEAP = 3
_TO_1970_S = 2_208_988_800
"""From the start of NTP's era 0, 1900, to 1970."""
_MODES = ("reserved", "symmetric-active", "symmetric-passive", "CLIENT", "server", "broadcast", "control", "private")
_ROOT_DISPERSION_S = 0.001


@dataclass(frozen=True)
class Answer:
    """What is sent back, if anything, and how the request is noted in the device's log."""

    data: bytes | None
    method: str
    path: str
    status: int


class NtpDouble:
    """Has no state to change: every packet but a client's is passed over, as `ntpd` with `noquery` does."""

    def __init__(self, name: str, service: NtpService, clock: LabClock, faults: FaultBoard) -> None:
        self._name, self._service, self._clock, self._faults = name, service, clock, faults

    def answer(self, data: bytes) -> Answer:
        if len(data) < _PACKET.size:
            return Answer(None, "short", f"{len(data)} octets", 0)
        first, _, poll, *_, transmitted = _PACKET.unpack(data[: _PACKET.size])
        version, mode = first >> 3 & 7, first & 7
        if mode != _CLIENT:
            return Answer(None, _MODES[mode], f"version {version}", 0)
        leap, stratum, reference = self._state()
        now = _stamp(self._clock.wall() + self._offset_s())
        packet = _PACKET.pack(
            leap << 6 | version << 3 | _SERVER, stratum, poll, -20, 0, round(_ROOT_DISPERSION_S * 2**16), reference,
            now if stratum else 0, transmitted, now, now,
        )  # fmt: skip
        return Answer(packet, _MODES[mode], f"version {version}", stratum)

    def _state(self) -> tuple[int, int, bytes]:
        """Leap indicator, stratum and reference id. Stratum 16 is 0 in a packet (RFC 5905 section 7.3)."""
        if kiss := self._faults.first(self._name, KISS):
            return _UNKNOWN_LEAP, 0, str(kiss.arguments["code"]).encode()
        if self._faults.first(self._name, UNSYNCHRONISED):
            return _UNKNOWN_LEAP, 0, b"INIT"
        said = self._service.reference
        reference = said.encode().ljust(4, b"\0") if self._service.stratum == 1 else IPv4Address(said).packed
        return 0, self._service.stratum, reference

    def _offset_s(self) -> float:
        fault = self._faults.first(self._name, CLOCK_OFFSET)
        return float(fault.arguments["seconds"]) if fault else 0.0


def _stamp(at: float) -> int:
    return round((at + _TO_1970_S) * 2**32)
