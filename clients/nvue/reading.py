"""NVUE's answers as our models. Pure, tolerant: a missing or oddly typed leaf is absent, never an error.

The shapes are those of Cumulus Linux 5.9 to 5.16: `/platform` flat since 5.9 and split into `hardware`/`software` before.
"""

import re
from typing import cast

from domain.model import Json
from domain.nvue import (
    LearnedMac,
    NvueTree,
    PortCounters,
    Revision,
    RevisionIssue,
    RevisionState,
    SwitchIdentity,
    SwitchInterface,
    SwitchNeighbor,
    SwitchPart,
)

_BARE_MAC = re.compile(r"^[0-9a-fA-F]{12}$")
_MAC = re.compile(r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$")
_SPEED = re.compile(r"^(\d+(?:\.\d+)?)\s*([GM])", re.IGNORECASE)
_ABSENT = ("", "N/A", "none", "auto")


def tree(value: Json) -> NvueTree:
    """An object, or an empty one in place of anything else (NVUE answers `null` or `[]` for an empty subtree)."""
    return value if isinstance(value, dict) else {}


def at(value: Json, *path: str) -> Json:
    """The value below a path of keys; None where the path ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def identity(address: str, system: Json, platform: Json, firmware: Json) -> SwitchIdentity:
    hardware = at(platform, "hardware") if isinstance(at(platform, "hardware"), dict) else platform
    return SwitchIdentity(
        address=address,
        hostname=_text(at(system, "hostname")),
        serial=_text(at(hardware, "serial-number")),
        model=_text(at(hardware, "product-name")) or _text(at(hardware, "model")),
        part_number=_text(at(hardware, "part-number")),
        manufacturer=_text(at(hardware, "manufacturer")),
        asic=_text(at(hardware, "asic-model")),
        mac=_mac(at(hardware, "system-mac")) or _mac(at(hardware, "base-mac")),
        os_name=_text(at(system, "product-name")),
        os_release=_text(at(system, "product-release")) or _text(at(system, "version", "product-release")),
        port_layout=_text(at(hardware, "port-layout")),
        uptime_s=_int(at(system, "uptime")),
        firmware={
            name: version
            for name, entry in tree(firmware).items()
            if (version := _text(at(entry, "actual-firmware")) or _text(at(entry, "version")))
        },
    )


def inventory(document: Json) -> tuple[SwitchPart, ...]:
    return tuple(
        SwitchPart(
            name=name,
            kind=_text(at(entry, "type")),
            model=_text(at(entry, "model")),
            serial=_text(at(entry, "serial")),
            state=_text(at(entry, "state")),
        )
        for name, entry in tree(document).items()
    )


def interfaces(document: Json) -> tuple[SwitchInterface, ...]:
    return tuple(_interface(name, entry) for name, entry in sorted(tree(document).items(), key=_by_number))


def _interface(name: str, entry: Json) -> SwitchInterface:
    link = at(entry, "link")
    # `oper-status` is the carrier; before 5.9 only `state` was there, as `{"up": {}}`.
    admin = _state_word(at(link, "admin-status")) or _state_word(at(link, "state"))
    oper = _state_word(at(link, "oper-status")) or _state_word(at(link, "state"))
    counters = at(link, "stats") or at(link, "counters")
    up = oper == "up"
    return SwitchInterface(
        name=name,
        kind=_text(at(entry, "type")),
        admin_up=(admin or "up") == "up",
        link_up=up,
        speed_gbps=_speed_gbps(at(link, "speed")) if up else None,
        mtu=_int(at(link, "mtu")),
        mac=_mac(at(link, "mac-address")) or _mac(at(link, "mac")),
        counters=PortCounters(
            in_bytes=_int(at(counters, "in-bytes")) or 0,
            in_packets=_int(at(counters, "in-pkts")) or 0,
            in_errors=_int(at(counters, "in-errors")) or 0,
            in_drops=_int(at(counters, "in-drops")) or 0,
            out_bytes=_int(at(counters, "out-bytes")) or 0,
            out_packets=_int(at(counters, "out-pkts")) or 0,
            out_errors=_int(at(counters, "out-errors")) or 0,
            out_drops=_int(at(counters, "out-drops")) or 0,
        ),
    )


def neighbors(document: Json) -> tuple[SwitchNeighbor, ...]:
    """From the interface collection (`view=lldp`). A port may have several: a switch between forgets to eat LLDP."""
    return tuple(
        _neighbor(port, key, entry)
        for port, interface in sorted(tree(document).items(), key=_by_number)
        for key, entry in tree(at(interface, "lldp", "neighbor")).items()
    )


def _neighbor(port: str, key: str, entry: Json) -> SwitchNeighbor:
    chassis, other = at(entry, "chassis"), at(entry, "port")
    kind = _text(at(other, "type"))
    addresses = at(chassis, "management-address-ipv4") or at(chassis, "management-address")
    return SwitchNeighbor(
        port=port,
        # The key of a neighbour is its system name, or a number for one that sends none.
        system_name=_text(at(chassis, "system-name")) or ("" if key.isdigit() or _MAC.match(key) else key),
        system_description=_text(at(chassis, "system-description")),
        chassis_id=_text(at(chassis, "chassis-id")) or _text(at(chassis, "mac-address")),
        port_id=_spelled(_text(at(other, "name")) or _text(at(other, "id")), kind),
        port_id_kind=kind,
        port_description=_text(at(other, "description")),
        management_address=next(iter(addresses), "") if isinstance(addresses, dict) else _text(addresses),
        age_s=_int(at(entry, "age")),
    )


def _spelled(port_id: str, kind: str) -> str:
    """Some firmware sends a MAC address without colons."""
    if kind == "mac" and _BARE_MAC.match(port_id):
        return ":".join(port_id[i : i + 2] for i in range(0, 12, 2)).lower()
    return port_id.lower() if _MAC.match(port_id) else port_id


def mac_table(bridge: str, document: Json) -> tuple[LearnedMac, ...]:
    """Entries without `entry-type`, or with another than `permanent` and `static`, were learned from a frame."""
    learned: dict[tuple[str, str, int | None], LearnedMac] = {}
    entries = cast("list[Json]", document) if isinstance(document, list) else list(tree(document).values())
    for entry in entries:
        mac, port, kind = _mac(at(entry, "mac")), _text(at(entry, "interface")), _text(at(entry, "entry-type"))
        if mac is None or not port or port == bridge or kind in ("permanent", "static"):
            continue
        vlan = _int(at(entry, "vlan"))
        learned[mac, port, vlan] = LearnedMac(
            mac=mac, port=port, vlan=vlan, bridge=bridge, age_s=_int(at(entry, "age"))
        )
    return tuple(learned.values())


def revision(revision_id: str, document: Json) -> Revision:
    if "state" not in tree(document) and isinstance(at(document, revision_id), dict):
        document = at(document, revision_id)  # the vendor's documents show an answer below its id, too
    word = _text(at(document, "state"))
    state = RevisionState(word) if word else RevisionState.UNKNOWN
    return Revision(
        id=revision_id,
        state=state,
        word=word if state is RevisionState.UNKNOWN else "",
        progress=_text(at(document, "transition", "progress")),
        message=_text(at(document, "message")),
        issues=issues(at(document, "transition", "issue")),
    )


def issues(value: Json) -> tuple[RevisionIssue, ...]:
    """Issues come keyed "0", "1" ...; seen too: a list, a bare text, null."""
    if isinstance(value, str):
        return (RevisionIssue(message=value),) if value else ()
    entries = cast("list[Json]", value) if isinstance(value, list) else list(tree(value).values())
    return tuple(_issue(entry) for entry in entries)


def _issue(entry: Json) -> RevisionIssue:
    if isinstance(entry, str):
        return RevisionIssue(message=entry)
    data = at(entry, "data")
    return RevisionIssue(
        code=_text(at(entry, "code")),
        severity=_text(at(entry, "severity")),
        message=_text(at(entry, "message")) or _text(at(data, "reason")),
        location=_text(at(data, "location")) or _text(at(data, "path")),
        rollback_target=_text(at(data, "rollback_target")),
    )


def _text(value: Json) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = str(value).strip()
    return "" if text == "N/A" else text


def _int(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdigit() else None


def _mac(value: Json) -> str | None:
    return value.lower() if isinstance(value, str) and _MAC.match(value) else None


def _speed_gbps(value: Json) -> float | None:
    if isinstance(value, str) and value not in _ABSENT and (match := _SPEED.match(value)):
        return float(match[1]) / (1000.0 if match[2].upper() == "M" else 1.0)
    return None


def _state_word(value: Json) -> str:
    """`"up"`, or `{"up": {}}` as the configuration side writes it."""
    if isinstance(value, dict):
        return next(iter(value), "")
    return _text(value).lower()


def _by_number(item: tuple[str, Json]) -> tuple[str, tuple[int, ...], str]:
    """swp2 before swp10."""
    name = item[0]
    return re.sub(r"\d.*", "", name), tuple(int(n) for n in re.findall(r"\d+", name)), name
