"""How much memory and time the virtual site takes: `python benchmarks/lab_memory.py --servers 1000`.

Starts one lab process for a generated site and measures its resident memory idle, after every BMC was read once over TLS
(certificate made, hardware read with $expand), and with one open connection to each BMC. Prints JSON.
"""

import argparse
import json
import resource
import ssl
import statistics
import sys
import tempfile
import time
from http.client import HTTPSConnection
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.virtual import running
from lab.virtual.generate import site_document
from lab.virtual.options import Options
from lab.virtual.sitefile import load

READS = (
    "/redfish/v1/",
    "/redfish/v1/Systems/system",
    "/redfish/v1/Systems/system/Processors?$expand=.($levels=1)",
    "/redfish/v1/Systems/system/Memory?$expand=.($levels=1)",
    "/redfish/v1/Systems/system/Storage?$expand=.($levels=2)",
    "/redfish/v1/Chassis/chassis/NetworkAdapters?$expand=.($levels=3)",
    "/redfish/v1/UpdateService/FirmwareInventory?$expand=.($levels=1)",
    "/redfish/v1/Chassis/chassis?$expand=.($levels=1)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--limit-mb", type=float, default=1000, help="exit code 1 above this peak")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    racks, each = (arguments.servers + 39) // 40, min(40, arguments.servers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generated.yaml"
        path.write_text(yaml.safe_dump(site_document(racks, each), sort_keys=False, default_flow_style=None))
        result = _measure(path, Path(folder), arguments.limit_mb)
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["within_limit"] else 1)


def _measure(path: Path, home: Path, limit_mb: float) -> dict[str, object]:
    began = time.perf_counter()
    site, _ = running.start(Options(path, home, admin_port=0, redfish_port=24443, nvue_port=28765))
    started_s = time.perf_counter() - began
    process = psutil.Process(site.record.pid)
    try:
        idle_mb = process.memory_info().rss / 1e6
        before = process.cpu_times()
        open_connections, took = _read_all(path, site.redfish_port)
        after = process.cpu_times()
        connected_mb = process.memory_info().rss / 1e6
        for connection in open_connections:
            connection.close()
        servers = len(took)
        cpu_s = after.user + after.system - before.user - before.system
        peak_mb = max(idle_mb, connected_mb)
        return {
            "servers": servers,
            "start_s": round(started_s, 1),
            "rss_idle_mb": round(idle_mb),
            "rss_all_read_and_connected_mb": round(connected_mb),
            "within_limit": peak_mb <= limit_mb,
            "requests_per_server": len(READS),
            "lab_cpu_ms_per_server_read": round(1000 * cpu_s / servers, 1),
            "wall_ms_per_server_read_median": round(1000 * statistics.median(took), 1),
        }
    finally:
        running.stop(home, site)


def _read_all(path: Path, port: int) -> tuple[list[HTTPSConnection], list[float]]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connections: list[HTTPSConnection] = []
    took: list[float] = []
    for server in load(path).servers:
        began = time.perf_counter()
        connection = HTTPSConnection(str(server.bmc.address), port, context=context, timeout=60)
        login = {"Authorization": "Basic cm9vdDpFV1NFQ1JFVC1mYWN0b3J5LTBwZW5CbWM="}
        for read in READS:
            connection.request("GET", read, headers=login)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{server.name}{read}: {answer.status}")
        took.append(time.perf_counter() - began)
        connections.append(connection)
    return connections, took


if __name__ == "__main__":
    main()
