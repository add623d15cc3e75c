"""What a switch shows of how it runs: derived from its hardware, its applied configuration and what it sees at its ports.

Shapes: Cumulus Linux 5.11; `/platform` and its inventory after captured answers of an SN5600 (NVIDIA's nv-config-manager), the
MAC table after those of two public test suites; LLDP and link leaves after the NVUE command reference.
"""

import hashlib
import uuid
from typing import Any

from lab.virtual.clock import LabClock
from lab.virtual.sight import LldpFrame
from lab.virtual.sitefile import Site, Switch
from lab.virtual.switch import routing_shown
from lab.virtual.switch.defaults import BRIDGE
from lab.virtual.switch.running import Running
from lab.virtual.switch.trees import Tree, below

_NAMESPACE = uuid.UUID("2f4b3f06-7a5e-5d0e-9c36-0a7c1b1f6c55")
_FAN_RPM = {"current-speed": "7202", "direction": "F2B", "max-speed": "13800", "min-speed": "2800", "state": "ok"}
VIEWS = {"brief": ("/*/type", "/*/link"), "lldp": ("/*/lldp",), "lldp-detail": ("/*/lldp",), "mac": ("/*/link/mac-address",),
         "status": ("/*/link/oper-status", "/*/link/admin-status"), "counters": ("/*/link/stats",)}  # fmt: skip
"""Views of the interface collection, as the leaves that each shows."""


def section(device: Running, key: str) -> Any:
    """One top-level key of the operational tree (configuration with what is observed laid over it); None if there is none."""
    match key:
        case "platform":
            return platform(device)
        case "system":
            return system(device)
        case "interface":
            return interfaces(device)
        case "bridge":
            return bridges(device)
        case "vrf":
            return routing_shown.vrfs(device)
        case "evpn":
            return routing_shown.evpn(device)
        case _:
            return device.applied.get(key)


SECTIONS = ("platform", "system", "interface", "bridge", "vrf", "evpn")
SEEN = ("interface", "bridge")
"""Sections that depend on what the switch sees at its ports."""
LEARNED = ("vrf", "evpn")
"""Sections that depend on what its routing has learned."""


def system(device: Running) -> Tree:
    clock, release = device.world.clock, device.release
    return {
        **device.applied.get("system", {}),
        "build": f"Cumulus Linux {release}",
        "date-time": clock.now().strftime("%Y-%m-%d %H:%M:%S"),
        "health-status": "OK",
        "platform": device.world.site.switch_model(device.spec).platform,
        "product-name": "Cumulus Linux",
        "product-release": release,
        "status": "System is ready",
        "timezone": "Etc/UTC",
        "uptime": int(clock.time() - device.booted_at),
        "version": {"base-os": "Debian GNU/Linux 12", "image": f"{release}.0023", "kernel": "6.1.0-cl-1-amd64"},
    }


def platform(device: Running) -> Tree:
    site, spec = device.world.site, device.spec
    model = site.switch_model(spec)
    layout = " & ".join(f"{group.count} x {group.rate_gbps}G" for group in model.ports)
    return {
        "asic-model": model.asic,
        "cpu": "x86_64 Intel(R) Xeon(R) E-2276ME  CPU @ 2.80GHz x12",
        "disk-size": "149.1GB",
        "manufacturer": "Nvidia",
        "memory": "30.92 GB",
        "part-number": model.part_number,
        "port-layout": layout,
        "product-name": model.model,
        "serial-number": device.serial,
        "system-mac": spec.mac_base.lower(),
        "system-uuid": str(uuid.uuid5(_NAMESPACE, spec.serial)),
        "environment": {
            "fan": {f"FAN{tray}/{fan}": dict(_FAN_RPM) for tray in (1, 2, 3, 4) for fan in (1, 2)},
            "psu": {f"PSU{n}": {"capacity": 3300.0, "power": 401.0, "state": "ok"} for n in (1, 2)},
        },
        "firmware": {
            "BIOS": _firmware("0ACLH004_02.02.010"),
            "CPLD1": _firmware("CPLD000120_REV0900"),
            "SSD": _firmware("CE00A400"),
        },
        "inventory": inventory(device),
    }


def _firmware(version: str) -> Tree:
    return {"actual-firmware": version, "auto-update": "disabled", "part-number": "N/A", "type": "N/A"}


def inventory(device: Running) -> Tree:
    spec, model = device.spec, device.world.site.switch_model(device.spec)
    fan = {"hardware-version": "N/A", "model": "N/A", "serial": "N/A", "state": "ok", "type": "fan"}
    parts: Tree = {f"FAN{tray}/{number}": dict(fan) for tray in (1, 2, 3, 4) for number in (1, 2)}
    for number in (1, 2):
        serial = hashlib.sha256(f"{spec.serial}/PSU{number}".encode()).hexdigest()[:8].upper()
        parts[f"PSU{number}"] = {
            "hardware-version": "A4", "model": "930-9SPSU-00RA-00B", "serial": f"MT24{serial}", "state": "ok", "type": "psu",
        }  # fmt: skip
        parts[f"PSU{number}/FAN"] = dict(fan)
    parts["SWITCH"] = {
        "hardware-version": "A9", "model": model.part_number, "serial": device.serial, "state": "ok", "type": "switch",
    }  # fmt: skip
    return parts


def interfaces(device: Running) -> Tree:
    """Every configured interface. A port whose link is down has no speed and hears nobody."""
    shown: Tree = {}
    for number, (name, entry) in enumerate(device.applied.get("interface", {}).items(), 1):
        physical = is_physical(device.world.site, device.spec, name)
        shown[name] = {**entry, "ifindex": number, "link": _link(device, name, entry, physical)}
        if "ip" in entry and name != device.world.site.switch_model(device.spec).management_port:
            shown[name]["ip"] = {
                **entry["ip"],
                "address": {address: {} for address in device.body.sight.addresses(name)},
            }
        if physical:
            shown[name]["lldp"] = {"neighbor": neighbors(device, name)}
    return shown


def is_physical(site: Site, spec: Switch, name: str) -> bool:
    model = site.switch_model(spec)
    return name == model.management_port or name in model.port_rates()


def _link(device: Running, name: str, entry: Tree, physical: bool) -> Tree:
    configured = entry.get("link", {})
    admin = "down" if "down" in configured.get("state", {}) else "up"
    up = admin == "up" and (device.body.sight.link_up(name) if physical else True)
    link: Tree = {
        **configured,
        "admin-status": admin,
        "oper-status": "up" if up else "down",
        "state": {"up" if up else "down": {}},
        "mtu": configured.get("mtu", 1500 if name.startswith("eth") else 9216),
        "stats": _stats(device, up and physical),
    }
    if physical:
        link["mac-address"] = device.world.site.switch_port_mac(device.spec, name).lower()
        if up:
            link["speed"] = f"{_rate_gbps(device, name)}G"
        else:
            link.pop("speed", None)
    return link


def _rate_gbps(device: Running, name: str) -> int:
    """What both ends and the cable can."""
    own = device.world.site.switch_model(device.spec).port_rates().get(name, 1)
    cable = device.world.cable(device.name, name)
    return min(own, cable.rate_gbps) if cable else own


def _stats(device: Running, counting: bool) -> Tree:
    """Only the LLDP frames are counted: no tenant's traffic runs here."""
    frames = int((device.world.clock.time() - device.booted_at) / 30) if counting else 0
    return {
        "carrier-transitions": 2, "in-bytes": frames * 214, "in-drops": 0, "in-errors": 0, "in-pkts": frames,
        "out-bytes": frames * 214, "out-drops": 0, "out-errors": 0, "out-pkts": frames,
    }  # fmt: skip


def neighbors(device: Running, port: str) -> Tree:
    """Who is heard on a port, by system name, or by number if it sends none."""
    if device.body.lldp_off or port in device.body.lldp_off_ports:
        return {}
    frame = device.body.sight.neighbor(port)
    return {frame.system_name or "1": _neighbor(frame, device.world.clock, device.booted_at)} if frame else {}


def _neighbor(frame: LldpFrame, clock: LabClock, since: float) -> Tree:
    chassis: Tree = {
        "capability": {f"is-{name}": "on" for name in frame.capabilities},
        "chassis-id": frame.chassis_id,
        "system-description": frame.system_description,
    }
    if frame.system_name:
        chassis["system-name"] = frame.system_name
    if frame.management_address:
        chassis["management-address-ipv4"] = frame.management_address
    by_mac = frame.port_id.count(":") == 5
    return {
        "age": str(int(clock.time() - since)),
        "chassis": chassis,
        "port": {
            "description": frame.port_description,
            "name": frame.port_id,
            "ttl": frame.ttl_s,
            "type": "mac" if by_mac else "ifname",
        },
    }


def bridges(device: Running) -> Tree | None:
    """The configured bridges with their MAC tables; None without any."""
    bridge = device.applied.get("bridge")
    if bridge is None:
        return None
    domains = {
        name: {**entry, "mac-table": mac_table(device, name)} for name, entry in bridge.get("domain", {}).items()
    }
    return {**bridge, "domain": domains}


def mac_table(device: Running, bridge: str = BRIDGE) -> Tree:
    """Learned on the ports that are in the bridge and up, plus the bridge's own addresses, which are `permanent`."""
    table: list[Tree] = [
        {"bridge-domain": bridge, "entry-type": "permanent", "interface": bridge, "mac": device.spec.mac_base.lower()}
    ]
    age = int(device.world.clock.time() - device.booted_at)
    for name, entry in device.applied.get("interface", {}).items():
        member = _member(entry, bridge)
        if member is None or not is_physical(device.world.site, device.spec, name):
            continue
        own = device.world.site.switch_port_mac(device.spec, name).lower()
        table.append({"bridge-domain": bridge, "entry-type": "permanent", "interface": name, "mac": own})
        if "down" in entry.get("link", {}).get("state", {}) or member.get("learning") == "off":
            continue
        vlan = member.get("access") or member.get("untagged") or 1
        for mac in device.body.sight.macs(name):
            table.append(
                {"age": age % 1800, "bridge-domain": bridge, "interface": name, "last-update": age, "mac": mac.lower(),
                 "vlan": vlan}
            )  # fmt: skip
    return {str(number): line for number, line in enumerate(table, 1)}


def _member(entry: Tree, bridge: str) -> Tree | None:
    try:
        member = below(entry, ("bridge", "domain", bridge))
    except KeyError:
        return None
    return member if isinstance(member, dict) else {}
