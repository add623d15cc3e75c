"""A double of Vault's KV engine, version 2, as its API documentation has it: versions, check-and-set, policies, the seal.

Written from developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and openbao.org/docs (read 2026-11); error texts are those
that Vault gives. What it leaves out (subkeys, patch, undelete, destroy, delete_version_after, leases) our client does not use.
"""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MOUNT = "secret"


@dataclass
class Version:
    data: dict[str, Any] | None
    created: str
    deleted: str = ""


@dataclass
class Key:
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    current: int = 0
    max_versions: int = 0
    cas_required: bool = False


@dataclass
class Kv2:
    """`policies`: token → path prefixes (below `/v1/`) that it may use."""

    policies: dict[str, tuple[str, ...]]
    keys: dict[str, Key] = field(default_factory=dict[str, Key])
    sealed: bool = False
    throttled: bool = False
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        """In Vault's order: seal, rate limit, token, policy, route, engine."""
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.throttled:
            return 429, {"errors": ["request path: rate limit quota exceeded"]}
        if not any(path.startswith(prefix) for prefix in self.policies.get(token, ())):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        mount, _, rest = path.partition("/")
        kind, _, name = rest.partition("/")
        if mount != MOUNT or kind not in ("data", "metadata") or not name:
            return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
        with self.lock:
            if kind == "metadata":
                return self._metadata(method, name, body)
            if method == "GET":
                return self._read(name)
            return (
                self._write(name, body) if method in ("POST", "PUT") else (405, {"errors": ["unsupported operation"]})
            )

    def _metadata(self, method: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if method == "DELETE":
            self.keys.pop(name, None)
        elif method in ("POST", "PUT"):
            key = self.keys.setdefault(name, Key())
            key.max_versions = int(body.get("max_versions", key.max_versions))
            key.cas_required = bool(body.get("cas_required", key.cas_required))
        else:
            return 405, {"errors": ["unsupported operation"]}
        return 204, None

    def _read(self, name: str) -> tuple[int, dict[str, Any] | None]:
        key = self.keys.get(name)
        if key is None or key.current == 0:
            return 404, {"errors": []}
        version = key.versions[key.current]
        shown = {"data": None if version.deleted else version.data, "metadata": self._facts(key.current, version)}
        return (404 if version.deleted else 200), {"data": shown}

    def _write(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if "data" not in body:
            return 400, {"errors": ["no data provided"]}
        key = self.keys.get(name, Key())
        cas = (body.get("options") or {}).get("cas")
        if cas is None and key.cas_required:
            return 400, {"errors": ["check-and-set parameter required for this call"]}
        if cas is not None and cas != key.current:
            return 400, {"errors": ["check-and-set parameter did not match the current version"]}
        self.keys[name] = key
        key.current += 1
        key.versions[key.current] = Version(body["data"], datetime.now(UTC).isoformat())
        for old in sorted(key.versions)[: -(key.max_versions or 10)]:
            del key.versions[old]
        return 200, {"data": self._facts(key.current, key.versions[key.current])}

    @staticmethod
    def _facts(number: int, version: Version) -> dict[str, Any]:
        return {
            "version": number, "created_time": version.created, "deletion_time": version.deleted, "destroyed": False,
            "custom_metadata": None,
        }  # fmt: skip

    def delete_newest(self, name: str) -> None:
        """What `vault kv delete` does: the version stays and has no data."""
        key = self.keys[name]
        key.versions[key.current].deleted = datetime.now(UTC).isoformat()


@contextmanager
def serving(kv2: Kv2) -> Generator[Kv2]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path.removeprefix("/v1/")
            token = self.headers.get("X-Vault-Token", "")
            code, body = kv2.answer(self.command, path, token, json.loads(raw) if raw else {})
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Silent: what it would log are secrets' paths."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    kv2.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kv2
    finally:
        server.shutdown()
        server.server_close()
