"""How much memory and time the virtual site takes: `python -m benchmarks.lab_memory --sizes 1000`.

Starts one lab process for a generated site and measures its resident memory idle, after every BMC was read once over TLS
(certificate made, hardware read with $expand), and with one open connection to each BMC.
"""

import resource
import ssl
import statistics
import tempfile
import time
from http.client import HTTPSConnection
from pathlib import Path

import psutil
import yaml

from benchmarks.figures import Options, Table, benchmark
from lab.virtual import running
from lab.virtual.generate import site_document
from lab.virtual.options import Options as SiteOptions
from lab.virtual.sitefile import load

LIMIT_MB = 1000.0

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
    benchmark("lab_memory", __doc__ or "", measure, runs=1, sizes=(1000,))


def measure(options: Options) -> list[Table]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    rows = [
        tuple(_one(size).values()) for size in ((40,) if options.quick else options.sizes) for _ in range(options.runs)
    ]
    columns = (
        "servers",
        "start, s",
        "resident idle, MB",
        "all read and connected, MB",
        "requests per server",
        "lab CPU per server read, ms",
        "wall per server read, median, ms",
    )
    return [Table("One lab process", columns, tuple(rows))]


def _one(servers: int) -> dict[str, object]:
    """Raises RuntimeError above the limit: what no longer fits is no figure."""
    racks, each = (servers + 39) // 40, min(40, servers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generated.yaml"
        path.write_text(yaml.safe_dump(site_document(racks, each), sort_keys=False, default_flow_style=None))
        return _measure(path, Path(folder))


def _measure(path: Path, home: Path) -> dict[str, object]:
    began = time.perf_counter()
    site, _ = running.start(SiteOptions(path, home, admin_port=0, redfish_port=24443, nvue_port=28765))
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
        if max(idle_mb, connected_mb) > LIMIT_MB:
            raise RuntimeError(
                f"{len(took)} servers took {max(idle_mb, connected_mb):.0f} MB, more than {LIMIT_MB:.0f}"
            )
        return {
            "servers": servers,
            "start_s": round(started_s, 1),
            "rss_idle_mb": round(idle_mb),
            "rss_all_read_and_connected_mb": round(connected_mb),
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
