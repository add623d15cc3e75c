"""Makes site files of any size for benchmarks: the same numbers give the same file, serials and MAC addresses from a seed."""

from ipaddress import IPv4Address
from typing import Any

from lab.virtual.sitefile import Site

SERVER_NETWORK, SWITCH_NETWORK = IPv4Address("127.80.0.0"), IPv4Address("127.79.0.0")


def site_document(
    racks: int, servers_per_rack: int, *, name: str = "lab-generated", model: str = "mgx-gh200", seed: int = 1
) -> dict[str, Any]:
    """A site of `racks` racks, each with its own leaf pair and out-of-band switch. At most 40 servers a rack.

    Raises ValueError if the servers do not fit.
    """
    if not 1 <= servers_per_rack <= 40 or not 1 <= racks <= 200:
        raise ValueError("a generated site has 1 to 200 racks of 1 to 40 servers")
    document: dict[str, Any] = {
        "site": name,
        "logins": {
            "bmc": {"user": "root", "password": "EWSECRET-factory-0penBmc"},
            "switch": {"user": "cumulus", "password": "EWSECRET-factory-Cumulus1"},
        },
        "racks": [{"name": f"r{rack}", "units": 52} for rack in range(1, racks + 1)],
        "servers": [],
        "switches": [],
        "cables": [],
    }
    for rack in range(1, racks + 1):
        _fill(document, rack, servers_per_rack, model, seed)
    return document


def site(racks: int, servers_per_rack: int, **options: Any) -> Site:
    """The same, checked and ready to be served."""
    return Site.model_validate(site_document(racks, servers_per_rack, **options))


def _fill(document: dict[str, Any], rack: int, servers: int, model: str, seed: int) -> None:
    leaves = [f"r{rack}-leaf-{side}" for side in "ab"]
    for number, (name, role, kind) in enumerate(
        [(leaves[0], "leaf", "sn5600"), (leaves[1], "leaf", "sn5600"), (f"r{rack}-oob", "out-of-band", "sn2201")]
    ):
        plane = "out-of-band" if role == "out-of-band" else "north-south"
        document["switches"].append(
            {
                "name": name,
                "role": role,
                "plane": plane,
                "rack": f"r{rack}",
                "unit": 44 + 2 * number,
                "model": kind,
                "serial": f"EWG{seed:02}SW{rack:03}{number}",
                "mac_base": _mac(seed, rack, 200 + number),
                "address": str(SWITCH_NETWORK + rack * 256 + 1 + number),
            }
        )
    for number in range(1, servers + 1):
        name = f"r{rack}-s{number:02}"
        document["servers"].append(
            {
                "name": name,
                "rack": f"r{rack}",
                "unit": number,
                "model": model,
                "serial": f"EWG{seed:02}R{rack:03}{number:02}",
                "mac_base": _mac(seed, rack, number),
                "bmc": {"address": str(SERVER_NETWORK + rack * 256 + 10 + number)},
            }
        )
        for port, leaf in enumerate(leaves):
            document["cables"].append(f"{name}:dpu0-p{port} {leaf}:swp{number} north-south 200")
        document["cables"].append(f"{name}:bmc r{rack}-oob:swp{number} out-of-band 1")


def _mac(seed: int, rack: int, number: int) -> str:
    return f"02:{seed % 256:02X}:{rack // 256:02X}:{rack % 256:02X}:{number:02X}:00"
