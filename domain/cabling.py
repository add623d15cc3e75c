"""Checking cables against the declaration. Pure: what switches and servers see of each other → a verdict for each declared cable.

LLDP decides where both sides speak. Otherwise the switch's MAC table is held against the MAC addresses that Redfish reads. If
neither speaks the cable is *unverified*: that is said, and never counted as checked.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from domain.model import MacAddress, Model, Name, PortName
from domain.site import CableDeclaration, SiteDeclaration

_UPLINK = re.compile(r"p\d+")


class CableState(StrEnum):
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    MISSING = "missing"
    WRONG_PORT = "wrong-port"
    SWAPPED = "swapped"


class Method(StrEnum):
    """How a cable was seen."""

    LLDP = "lldp"
    MAC = "mac"
    NONE = "none"


class PortSight(Model):
    """What a switch sees on one port."""

    port: PortName
    link_up: bool | None = None
    neighbor: str = ""
    """System name by LLDP."""
    neighbor_port: str = ""
    neighbor_mac: MacAddress | None = None
    """Of the port itself, where it names itself by its address."""
    chassis_mac: MacAddress | None = None
    """Of the whole neighbour: a DPU sends one of its addresses from all its ports."""
    macs: tuple[MacAddress, ...] = ()
    """Learned from frames."""


class SwitchSight(Model):
    switch: Name
    reachable: bool = True
    mac: MacAddress | None = None
    ports: tuple[PortSight, ...] = ()


class DevicePorts(Model):
    """Which MAC address each port of a server or system has; a port without one is known and has none."""

    device: Name
    ports: dict[PortName, MacAddress | None]


class End(Model):
    device: str
    port: str

    def __str__(self) -> str:
        return f"{self.device} {self.port}"


class CableVerdict(Model):
    """How one declared cable was found. `devices` are both its ends; a required-cabling class stops its server on it."""

    key: str
    a: End
    b: End
    state: CableState
    method: Method = Method.NONE
    found: End | None = None
    """What is plugged in at `a` in place of `b`."""
    swapped_with: str = ""
    message: str = ""
    do: str = ""

    @property
    def devices(self) -> tuple[str, str]:
        return self.a.device, self.b.device

    @property
    def wrong(self) -> bool:
        return self.state in (CableState.MISSING, CableState.WRONG_PORT, CableState.SWAPPED)


def check_cables(
    cables: Iterable[CableDeclaration], switches: Iterable[SwitchSight], known: Iterable[DevicePorts]
) -> tuple[CableVerdict, ...]:
    """A verdict for each cable that ends at a switch; cables between two devices that are no switches are unverified."""
    sights = {switch.switch: switch for switch in switches}
    devices = tuple(known)
    by_mac = _mac_directory(devices, sights.values())
    unread = frozenset(device.device for device in devices if not device.ports)
    first = [_verdict(_switch_first(cable, sights), sights, by_mac, unread) for cable in cables]
    return _name_swaps(first)


def _switch_first(cable: CableDeclaration, sights: Mapping[str, SwitchSight]) -> tuple[str, End, End]:
    a, b = End(device=cable.a.device, port=cable.a.port), End(device=cable.b.device, port=cable.b.port)
    if a.device not in sights and b.device in sights:
        a, b = b, a
    return cable.key, a, b


def _mac_directory(known: Iterable[DevicePorts], sights: Iterable[SwitchSight]) -> dict[str, End]:
    found = {
        mac: End(device=device.device, port=port)
        for device in known
        for port, mac in device.ports.items()
        if mac is not None
    }
    found |= {sight.mac: End(device=sight.switch, port="") for sight in sights if sight.mac is not None}
    return found


def _verdict(
    cable: tuple[str, End, End],
    sights: Mapping[str, SwitchSight],
    by_mac: Mapping[str, End],
    unread: frozenset[str],
) -> CableVerdict:
    key, a, b = cable
    sight = sights.get(a.device)
    if sight is None or not sight.reachable:
        who = a.device if sight is not None else f"neither {a.device} nor {b.device}"
        why = f"{who} could not be read" if sight is not None else f"{who} is a switch we read"
        return _unverified(key, a, b, why)
    port = next((port for port in sight.ports if port.port == a.port), None)
    if port is None:
        return CableVerdict(
            key=key,
            a=a,
            b=b,
            state=CableState.MISSING,
            message=f"{a.device} has no port {a.port}, where the declaration plugs in {b}.",
            do="Correct the port's name in the declaration, or its breakout on the switch.",
        )
    found, method = _seen(port, a, b, by_mac)
    if found is not None:
        verdict = _judge(key, a, b, found, method)
        if (
            verdict.wrong
            and b.device in unread
            and found.device not in {*sights, *(end.device for end in by_mac.values())}
        ):
            # A DPU's own name is no evidence against the server it may well stand in.
            return _unverified(key, a, b, f"{b.device} could not be read, so {found}, heard on {a}, may be its own")
        return verdict
    if port.link_up is False:
        astray = _heard_at(b, sights, by_mac)
        where = f"of {b} is in {astray} instead" if astray else f"to {b} is missing, unplugged or broken"
        return CableVerdict(
            key=key,
            a=a,
            b=b,
            state=CableState.MISSING,
            message=f"No link on {a}: the cable {where}.",
            do=f"Move its plug from {astray} to {a}, then retry."
            if astray
            else f"Plug a cable from {a} to {b}, then retry.",
        )
    return _unverified(key, a, b, f"neither LLDP nor a known MAC address is seen on {a}")


def _heard_at(end: End, sights: Mapping[str, SwitchSight], by_mac: Mapping[str, End]) -> End | None:
    """The switch port where it speaks, so that a technician does not look for a broken cable. By LLDP only: a MAC address is
    learned on every port that leads to it."""
    for sight in sights.values():
        for port in sight.ports:
            here = End(device=sight.switch, port=port.port)
            if _seen(port, here, end, by_mac) == (end, Method.LLDP):
                return here
    return None


def _unverified(key: str, a: End, b: End, why: str) -> CableVerdict:
    return CableVerdict(
        key=key,
        a=a,
        b=b,
        state=CableState.UNVERIFIED,
        message=f"The cable {a} - {b} is unverified: {why}.",
        do="Look at the cable, or let one side speak (LLDP on, server powered on), then audit the site again.",
    )


def _seen(port: PortSight, a: End, b: End, by_mac: Mapping[str, End]) -> tuple[End | None, Method]:
    """Who is at the other end, by the better of the two witnesses."""
    itself = by_mac.get(port.neighbor_mac or "")
    if itself is not None:
        return End(device=itself.device, port=itself.port or port.neighbor_port), Method.LLDP
    chassis = by_mac.get(port.chassis_mac or "")
    if chassis is not None:
        return End(device=chassis.device, port=_port_of(chassis.port, port.neighbor_port)), Method.LLDP
    if port.neighbor:
        return End(device=port.neighbor.split(".")[0], port=port.neighbor_port), Method.LLDP
    ends = [by_mac[mac] for mac in port.macs if mac in by_mac]
    if not ends:
        return None, Method.NONE
    # A port that leads to a whole segment learns many addresses; the declared one among them confirms the cable.
    return (b if b in ends else ends[0]), Method.MAC


def _port_of(known: str, said: str) -> str:
    """A DPU knows its own ports as `p0` and `p1`; we name them by the adapter's slot (`dpu0-p0`). A switch says its port's name."""
    slot, dash, _ = known.rpartition("-")
    return f"{slot}-{said}" if dash and _UPLINK.fullmatch(said) else known or said


def _judge(key: str, a: End, b: End, found: End, method: Method) -> CableVerdict:
    if found.device == b.device and (found.port == b.port or not found.port):
        return CableVerdict(key=key, a=a, b=b, state=CableState.VERIFIED, method=method, found=found)
    return CableVerdict(
        key=key,
        a=a,
        b=b,
        state=CableState.WRONG_PORT,
        method=method,
        found=found,
        message=f"{a} should lead to {b}, but {found} is plugged in there.",
        do=f"Move the cable in {a} so that it ends at {b}, then retry.",
    )


def _name_swaps(verdicts: list[CableVerdict]) -> tuple[CableVerdict, ...]:
    """Two wrong cables that each have the other's end are one swapped pair: that is what a technician must hear."""
    wrong = {
        (verdict.b.device, verdict.b.port): verdict for verdict in verdicts if verdict.state is CableState.WRONG_PORT
    }

    def named(verdict: CableVerdict) -> CableVerdict:
        if verdict.state is not CableState.WRONG_PORT or verdict.found is None:
            return verdict
        other = wrong.get((verdict.found.device, verdict.found.port))
        if other is None or other.found != verdict.b:
            return verdict
        return verdict.model_copy(
            update={
                "state": CableState.SWAPPED,
                "swapped_with": other.key,
                "message": f"The cables in {verdict.a} and {other.a} are swapped: {verdict.a} leads to {verdict.found} "
                f"and {other.a} leads to {other.found}.",
                "do": f"Swap the two plugs in {verdict.a} and {other.a}, then retry.",
            }
        )

    return tuple(named(verdict) for verdict in verdicts)


def cables_of(site: SiteDeclaration, devices: Iterable[str]) -> tuple[CableDeclaration, ...]:
    """The declared cables with an end at one of these devices."""
    wanted = set(devices)
    return tuple(cable for cable in site.cables if cable.a.device in wanted or cable.b.device in wanted)
