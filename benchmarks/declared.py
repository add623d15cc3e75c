"""The declaration beside a generated lab site: what an admin would have written about it. Knows the generator's numbering, and
nothing of what the lab made of it: if the two do not agree, onboarding says so."""

from ipaddress import IPv4Address
from typing import Any

CLASS: dict[str, Any] = {
    "kind": "ServerClass",
    "name": "bench-gh200",
    "title": "MGX 1U Grace Hopper",
    "manufacturer": "Edgewright Lab",
    "model": "MGX 1U Grace Hopper GH200",
    "height_u": 1,
    "processors": {"count": 1, "model": "Grace", "architecture": "ARM"},
    "gpus": {"count": 1, "model": "GH200", "memory_gib": 96},
    "memory": {"at_least_gib": 480},
    "drives": [{"count": 2, "at_least_gb": 3800, "protocol": "NVMe"}],
    "adapters": [
        {"slots": ["dpu0"], "model": "BlueField-3", "mode": "dpu", "ports": 2, "sends_lldp": True},
        {"slots": ["nic0"], "model": "ConnectX-7", "mode": "nic", "ports": 2},
    ],
    "secure_boot": True,
    "tpm": "TPM2_0",
    "firmware": [{"component": "BMC", "version": "24.10-1"}, {"component": "BIOS", "version": "01.04.00"}],
}


def documents(
    name: str, racks: int, servers_per_rack: int, *, seed: int, address_offset: int, ports: tuple[int, int]
) -> list[dict[str, Any]]:
    """Class and site. `ports`: where the BMCs and the switches answer. A range of 62 addresses is scanned for each rack."""
    numbers = range(1, racks + 1)

    def at(network: str, rack: int, host: int) -> str:
        return str(IPv4Address(network) + rack * 256 + host + address_offset)

    def block(network: str, rack: int, first: int, last: int) -> str:
        return f"{at(network, rack, first)}-{at(network, rack, last)}"

    site: dict[str, Any] = {
        "kind": "Site",
        "name": name,
        "region": {"name": "bench", "title": "Benchmarks"},
        "location": {"jurisdiction": "NO", "latitude": 59.9, "longitude": 10.6},
        "tier": "edge",
        "wan": {"bandwidth_mbps": 10000, "latency_ms": 5},
        "power_cap_w": 2_000_000,
        "out_of_band": {
            "ranges": [
                *(block("127.80.0.0", rack, 1, 62) for rack in numbers),
                *(block("127.79.0.0", rack, 1, 6) for rack in numbers),
            ],
            "bmc_ports": [ports[0]],
            "switch_ports": [ports[1]],
            "trust": {"first_use": True},
        },
        "credentials": {"bmc": f"site/{name}/factory-bmc", "switch": f"site/{name}/factory-switch"},
        "racks": [{"name": f"r{rack}", "height_u": 52} for rack in numbers],
        "servers": [
            {
                "name": f"r{rack}-s{n:02}",
                "class": CLASS["name"],
                "rack": f"r{rack}",
                "unit": n,
                "serial": f"EWG{seed:02}R{rack:03}{n:02}",
                "bmc_address": at("127.80.0.0", rack, 10 + n),
                "factory_new": {"by": "Lab Installer AS", "on": "2026-11-01", "reference": "BENCH"},
            }
            for rack in numbers
            for n in range(1, servers_per_rack + 1)
        ],
        "switches": [
            {
                "name": f"r{rack}-{switch}",
                "role": role,
                "plane": plane,
                "rack": f"r{rack}",
                "unit": 44 + 2 * n,
                "height_u": height,
                "model": model,
                "address": at("127.79.0.0", rack, 1 + n),
                "serial": f"EWG{seed:02}SW{rack:03}{n}",
            }
            for rack in numbers
            for n, (switch, role, plane, model, height) in enumerate(
                (
                    ("leaf-a", "leaf", "north-south", "SN5600", 2),
                    ("leaf-b", "leaf", "north-south", "SN5600", 2),
                    ("oob", "out-of-band", "out-of-band", "SN2201", 1),
                )
            )
        ],
        "cables": [
            cable
            for rack in numbers
            for n in range(1, servers_per_rack + 1)
            for cable in (
                f"r{rack}-s{n:02}:dpu0-p0 r{rack}-leaf-a:swp{n} north-south 200",
                f"r{rack}-s{n:02}:dpu0-p1 r{rack}-leaf-b:swp{n} north-south 200",
                f"r{rack}-s{n:02}:bmc r{rack}-oob:swp{n} out-of-band 1",
            )
        ],
    }
    return [CLASS, site]
