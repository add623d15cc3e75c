"""What the server is made of, as the system that runs on it sees it. What could not be looked up is named, never left out silently."""

import json
import os
import platform
from pathlib import Path
from typing import Any

from agent import drives, tools

NICS = Path("/sys/class/net")


def identity() -> dict[str, str]:
    """Who this server says it is, by its SMBIOS tables; empty words where it does not say."""
    return {
        "serial": _dmi("system-serial-number"),
        "uuid": _dmi("system-uuid").lower(),
        "manufacturer": _dmi("system-manufacturer"),
        "model": _dmi("system-product-name"),
    }


def whole() -> dict[str, Any]:
    missing: list[str] = []
    return {
        "identity": identity(),
        "processors": _processors(missing),
        "memory_bytes": _memory_bytes(),
        "drives": [drives.described(drive) for drive in drives.found()],
        "nics": nics(missing),
        "neighbors": neighbors(missing),
        "missing": missing,
    }


def nics(missing: list[str]) -> list[dict[str, Any]]:
    """Every Ethernet interface that has hardware or a cable behind it."""
    done = tools.attempt(["ip", "-json", "link", "show"])
    if done.returncode != 0:
        missing.append(f"network interfaces: {done.stderr.strip()}")
        return []
    return [
        {
            "name": link["ifname"],
            "mac": link["address"].lower(),
            "link_up": "LOWER_UP" in link["flags"],
            "speed_mbps": _speed(link["ifname"]),
            "mtu": link["mtu"],
        }
        for link in json.loads(done.stdout)
        if link.get("link_type") == "ether" and not link["ifname"].startswith(("docker", "veth", "virbr"))
    ]


def neighbors(missing: list[str]) -> list[dict[str, Any]]:
    """Who is heard on each interface, of what this system's lldpd heard; it listens and says nothing itself."""
    done = tools.attempt(["lldpcli", "-f", "json0", "show", "neighbors"], timeout_s=10)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        missing.append(f"LLDP neighbours: {done.stderr.strip() or 'lldpd does not answer'}")
        return []
    heard: list[dict[str, Any]] = []
    for entry in told["lldp"][0].get("interface", []):
        chassis, port = entry["chassis"][0], entry["port"][0]
        heard.append(
            {
                "nic": entry["name"],
                "system_name": _value(chassis, "name"),
                "chassis_id": _value(chassis, "id"),
                "port_id": _value(port, "id"),
                "port_description": _value(port, "descr"),
            }
        )
    return heard


def _value(of: dict[str, Any], name: str) -> str:
    found: list[dict[str, Any]] = of.get(name) or [{}]
    return str(found[0].get("value", ""))


def _dmi(keyword: str) -> str:
    done = tools.attempt(["dmidecode", "-s", keyword], timeout_s=10)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return lines[-1].strip() if done.returncode == 0 and lines else ""


def _processors(missing: list[str]) -> dict[str, Any]:
    told = _lscpu(missing)
    sockets = int(told.get("Socket(s)", "0").strip("-") or 0)
    return {
        "model": told.get("Model name", ""),
        "architecture": platform.machine(),
        "sockets": sockets,
        "cores": sockets * int(told.get("Core(s) per socket", "0").strip("-") or 0),
        "threads": os.cpu_count() or 0,
    }


def _lscpu(missing: list[str]) -> dict[str, str]:
    done = tools.attempt(["lscpu", "--json"], timeout_s=10)
    try:
        entries: list[dict[str, Any]] = json.loads(done.stdout)["lscpu"]
    except (ValueError, KeyError):
        missing.append(f"processors: {done.stderr.strip() or 'lscpu says nothing'}")
        return {}
    told: dict[str, str] = {}
    while entries:
        entry = entries.pop()
        told[entry["field"].rstrip(":")] = str(entry.get("data") or "")
        entries += entry.get("children", [])
    return told


def _memory_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _speed(name: str) -> int | None:
    try:
        speed = int((NICS / name / "speed").read_text())
    except (OSError, ValueError):
        return None
    return speed if speed > 0 else None
