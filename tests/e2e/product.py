"""The product as its real processes: `edgewright bootstrap`, then `worker` and `serve`, on the session's services, with a
database, a Temporal namespace and a folder of its own. Spoken to as a user does, through its API."""

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from cli.client import ApiClient
from cli.errors import CommandError
from cli.target import Target
from clients.netbox import NetBoxSession
from lab.embedded import free_ports
from tests.conftest import Database, RunningNetBox, RunningTemporal
from tests.domain.test_acceptance_report import KEY, PUBLIC
from tests.e2e.marker import MARKER, ListeningTransport
from tests.e2e.sites import DeclaredSite

EDGEWRIGHT = str(Path(sys.executable).parent / "edgewright")
ENDED = frozenset({"succeeded", "partial", "failed", "refused", "cancelled"})
ANSWERS = ("approve", "retry", "skip", "abandon", "cancel", "terminate")
PATIENCE_S = 240.0


@dataclass
class Product:
    """`worker_command` may be another program that runs the same worker, for tests that kill it somewhere."""

    folder: Path
    database: Database
    netbox: RunningNetBox
    environment: dict[str, str]
    worker_command: list[str] = field(default_factory=lambda: [EDGEWRIGHT, "worker"])
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, subprocess.Popen[bytes]])
    leaking_answers: list[str] = field(default_factory=list[str])

    @staticmethod
    def of(
        folder: Path,
        database: Database,
        temporal: RunningTemporal,
        netbox: RunningNetBox,
        time_factor: float,
        extra: Mapping[str, str] | None = None,
    ) -> "Product":
        folder.mkdir(parents=True, exist_ok=True)
        port = free_ports().api
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWRIGHT_")}
        environment = kept | {
            "EDGEWRIGHT_HOME": str(folder),
            "EDGEWRIGHT_DATABASE_URL": database.url,
            "EDGEWRIGHT_MIGRATIONS_DATABASE_URL": database.owner_url,
            "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address,
            "EDGEWRIGHT_TEMPORAL_NAMESPACE": f"e2e-{uuid.uuid4().hex[:8]}",
            "EDGEWRIGHT_NETBOX_URL": netbox.url,
            "EDGEWRIGHT_NETBOX_TOKEN_FILE": str(netbox.token_file),
            "EDGEWRIGHT_SECRETS_DIR": str(folder / "secrets"),
            "EDGEWRIGHT_ARTIFACTS_DIR": str(folder / "artifacts"),
            "EDGEWRIGHT_LEDGER_KEY_FILE": str(folder / "keys" / "ledger"),
            "EDGEWRIGHT_TOKEN_FILE": str(folder / "token"),
            "EDGEWRIGHT_API_PORT": str(port),
            "EDGEWRIGHT_API_URL": f"http://127.0.0.1:{port}",
            "EDGEWRIGHT_WORKER_METRICS_PORT": "0",
            "EDGEWRIGHT_WORKER_SECRET_MARKER": MARKER,
            "EDGEWRIGHT_WORKER_GRACEFUL_STOP_S": "2",
            "EDGEWRIGHT_TIME_FACTOR": str(time_factor),
        }
        return Product(folder, database, netbox, environment | dict(extra or {}))

    # --- processes ------------------------------------------------------------------------------------------------

    def bootstrap(self) -> None:
        command = [EDGEWRIGHT, "bootstrap"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, name: str, extra: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """`worker` (or `standby`, another one) or `serve`; its log is appended to, so that nothing a killed process said is lost."""
        command = self.worker_command if name in ("worker", "standby") else [EDGEWRIGHT, name]
        environment = self.environment | dict(extra or {})
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        return self.processes[name]

    def kill(self, name: str) -> None:
        """SIGKILL, as when the machine loses power."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Our database, as its owner: what the tables say themselves."""
        return psycopg.connect(self.database.owner_url.replace("+psycopg", ""))

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    # --- what a user does -----------------------------------------------------------------------------------------

    @property
    def api(self) -> ApiClient:
        return ApiClient(self._target, transport=ListeningTransport(self.leaking_answers))

    @property
    def watching_api(self) -> ApiClient:
        """For streams of events, which would not come one by one if somebody listened for the marker."""
        return ApiClient(self._target)

    @property
    def _target(self) -> Target:
        token = (self.folder / "token").read_text().strip()
        return Target(url=self.environment["EDGEWRIGHT_API_URL"], token=token)

    @property
    def inventory(self) -> NetBoxSession:
        return NetBoxSession(self.netbox.url, self.netbox.token)

    def wait_for_api(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.api.get("/healthz")
            except CommandError:
                assert time.monotonic() < deadline, self.log("serve")[-3000:]
                time.sleep(0.2)
            else:
                return

    def declare(self, site: DeclaredSite, text: str = "") -> None:
        """Factory logins, server classes, the site: everything a site admin gives."""
        for path, (user, password) in site.factory_logins().items():
            self.api.put(f"/v1/secrets/{path}", {"username": user, "password": password})
        for document in replace(site, text=text or site.text).documents:
            body = {key: value for key, value in document.items() if key != "kind"}
            if "acceptance_report" in body:
                body |= self._report_signed_anew(site)
            kind = {"Site": "sites", "ServerClass": "server-classes"}[document["kind"]]
            path = f"/v1/{kind}/{body['name']}"
            try:
                _, etag = self.api.get_with_etag(path)
            except CommandError:
                etag = ""
            self.api.put(path, body, etag)

    def _report_signed_anew(self, site: DeclaredSite) -> dict[str, Any]:
        """The site has another name here than in what its installer signed."""
        sha256 = hashlib.sha256(site.report).hexdigest()
        self.api.put_bytes(f"/v1/artifacts/{sha256}", site.report, "application/json")
        signature = base64.b64encode(KEY.sign(site.report)).decode()
        return {
            "installers": [{"name": "lab-installer", "public_key": PUBLIC}],
            "acceptance_report": {"installer": "lab-installer", "artifact": sha256, "signature": signature},
        }

    def plan(self, site: DeclaredSite) -> dict[str, Any]:
        """The operation that planned; its `plan_hash` names the plan."""
        planned = self.ended(self.api.post(f"/v1/sites/{site.name}/plan", {}))
        assert planned["state"] == "succeeded", planned
        return planned

    def apply(self, site: DeclaredSite, plan_hash: str = "") -> dict[str, Any]:
        return self.ended(self.start_apply(site, plan_hash))

    def start_apply(self, site: DeclaredSite, plan_hash: str = "", key: str = "") -> dict[str, Any]:
        """`key`: of the request; the same is the same operation."""
        return self.api.post(f"/v1/sites/{site.name}/apply", {"plan_hash": plan_hash}, key)

    def retry(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        taken = self.api.post(f"/v1/operations/{operation['id']}/retry", {"why": "mended"})
        return self.ended({"id": taken["operation"]})

    def ended(self, operation: Mapping[str, Any], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        return self.reaches(operation, ENDED | {"blocked"}, patience_s)

    def reaches(
        self, operation: Mapping[str, Any], states: frozenset[str], patience_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The operation once it is in one of these states; with the worker's log if it never is."""
        deadline = time.monotonic() + patience_s
        while True:
            row: dict[str, Any] = self.api.get(f"/v1/operations/{operation['id']}")
            if row["state"] in states:
                return row
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                why = self.api.get(f"/v1/operations/{operation['id']}/why")
                raise AssertionError(
                    f"{row['id']} is {row['state']}, died: {dead}: {why}\n{self.log('worker')[-3000:]}"
                )
            time.sleep(0.3)

    # --- what can be seen -----------------------------------------------------------------------------------------

    def findings(self, site: DeclaredSite) -> list[dict[str, Any]]:
        """The open findings of the site."""
        return [f for f in self.api.items("/v1/findings", site=site.name) if f["state"] == "open"]

    def touches(self, site: DeclaredSite) -> int:
        """How often a person had to answer for an operation of the site after it was asked for, by the audit trail."""
        did = Counter(event["action"] for event in self.api.items("/v1/audit", site=site.name))
        return sum(did[f"operation.{answer}"] for answer in ANSWERS)

    def servers(self, site: DeclaredSite) -> dict[str, dict[str, Any]]:
        """NetBox's own rows of the site's servers."""
        sites = self.inventory.rows("dcim/sites", {"slug": site.name}, fields=("id",))
        if not sites:
            return {}
        rows = self.inventory.rows("dcim/devices", {"site_id": sites[0]["id"]})
        return {row["name"]: row for row in rows if row["name"] in site.servers}

    def lifecycles(self, site: DeclaredSite) -> dict[str, str]:
        return {name: row["custom_fields"]["ew_lifecycle"]["value"] for name, row in self.servers(site).items()}

    def last_change(self) -> int:
        """The number of the newest line of NetBox's change log."""
        rows = self.inventory.rows("core/object-changes", {"ordering": "-id"}, fields=("id",), most=1)
        return rows[0]["id"] if rows else 0

    def changes_since(self, number: int) -> list[dict[str, Any]]:
        return self.inventory.rows("core/object-changes", {"id__gt": number})
