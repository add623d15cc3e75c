"""Asks an NTP server once for the time and reads what it says of its clock. `ntplib` knows the packet; the socket is ours,
because only a connected one is told that nobody listens, and an answer counts only if it repeats our transmit time."""

import ipaddress
import socket
import time
from typing import Any, cast

import ntplib as _untyped  # pyright: ignore[reportMissingTypeStubs]

from domain.beat import Beat
from domain.recording_facts import DeviceFacts
from domain.systems import ClockSight, SystemSight, SystemTarget, SystemTroubled, SystemUnreachable

ntplib = cast(Any, _untyped)
"""It has no types; `_sight` gives its numbers theirs."""

VERSION = 4
CLIENT, SERVER = 3, 4
"""RFC 5905 section 7.3: modes."""
_TRANSMITTED, _ORIGINATED = slice(40, 48), slice(24, 32)
"""Octets of the transmit time, and of the originate time that an answer repeats it in."""


class NtpObserver:
    """Fulfils `domain.systems.SystemDriver`. Sends client packets (mode 3) and nothing else."""

    def __init__(self, *, timeout_s: float = 2.0, tries: int = 3) -> None:
        """`timeout_s` for each of `tries` packets: one may get lost."""
        self._timeout_s, self._tries = timeout_s, tries

    def check_ready(self, target: SystemTarget) -> None:
        """NTP knows no login."""

    def observe(self, target: SystemTarget, beat: Beat) -> SystemSight:
        """See `SystemDriver.observe`. What is recorded says only what stays: a stratum and whom it follows come and go."""
        troubles: list[str] = []
        for port in target.ports:
            beat(f"{target.name}: UDP {port}")
            answer = self._ask(target, port, troubles)
            if answer is not None:
                return _sight(target, answer)
        raise SystemUnreachable(f"{target} does not answer NTP: {'; '.join(troubles)}.")

    def _ask(self, target: SystemTarget, port: int, troubles: list[str]) -> Any:
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect((target.host, port))
                for _ in range(self._tries):
                    if (answer := self._exchange(target, asking)) is not None:
                        return answer
                troubles.append(f"silence on UDP {port}")
            except OSError as error:
                troubles.append(f"UDP {port}: {error.strerror or error}")
        return None

    def _exchange(self, target: SystemTarget, asking: socket.socket) -> Any:
        """One question. None: no answer to it in time; answers to something else are passed over."""
        sent_at = ntplib.system_to_ntp_time(time.time())
        question = ntplib.NTPPacket(version=VERSION, mode=CLIENT, tx_timestamp=sent_at).to_data()
        asking.send(question)
        end = time.monotonic() + self._timeout_s
        while (left := end - time.monotonic()) > 0:
            asking.settimeout(left)
            try:
                data = asking.recv(1024)
            except TimeoutError:
                return None
            came_at = ntplib.system_to_ntp_time(time.time())
            if data[_ORIGINATED] == question[_TRANSMITTED]:
                return _read(target, data, came_at)
        return None


def _read(target: SystemTarget, data: bytes, came_at: float) -> Any:
    answer = ntplib.NTPStats()
    try:
        answer.from_data(data)
    except ntplib.NTPException as error:
        raise SystemTroubled(f"{target} answered something that is no NTP packet.") from error
    if answer.mode != SERVER:
        raise SystemTroubled(f"{target} answered in NTP mode {answer.mode}, and a server answers in mode {SERVER}.")
    answer.dest_timestamp = came_at
    return answer


def _sight(target: SystemTarget, answer: Any) -> SystemSight:
    clock = ClockSight(
        stratum=answer.stratum,
        leap=answer.leap,
        reference=_reference(answer.stratum, answer.ref_id),
        offset_s=answer.offset,
        root_dispersion_s=answer.root_dispersion,
    )
    facts = DeviceFacts(name=target.name, summary={"service": f"NTP version {answer.version}"})
    return SystemSight(facts=facts, clock=clock)


def _reference(stratum: int, identifier: int) -> str:
    """RFC 5905 section 7.3: four letters at stratum 0 and 1, above that an IPv4 address (or a part of a hash of an IPv6 one)."""
    if stratum > 1:
        return str(ipaddress.IPv4Address(identifier))
    return identifier.to_bytes(4, "big").decode("ascii", "replace").strip("\0 ")
