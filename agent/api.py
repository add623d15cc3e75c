"""The agent's interface: HTTPS with the certificate of the ticket, its token with every request, JSON both ways.

    GET  /v1/identity                                   which server and which boot this is
    GET  /v1/inventory                                  what it is made of
    GET  /v1/drives/{serial}/samples?count&size&seed    blocks of the raw device: where, whether all zero, digest
    PUT  /v1/jobs/{id}                                  orders work (201), or finds it ordered already (200)
    GET  /v1/jobs/{id}                                  how far it is

A refusal is `{"error": kind, "message": words}`.
"""

import hmac
import json
import os
import ssl
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agent import VERSION, drives, inventory
from agent.erasing import erase, mark
from agent.installing import write_image
from agent.jobs import Jobs, Work
from agent.ticket import Ticket
from agent.tools import Failed, Refused
from agent.trials import test

WORKS: dict[str, Work] = {"test": test, "write-image": write_image, "mark": mark, "erase": erase}
_LARGEST = 8 << 20
_SLOW_S = 30.0


class Server(ThreadingHTTPServer):
    """Serves one ticket. A client that is slow in its handshake keeps nobody else waiting."""

    daemon_threads = True

    def __init__(self, ticket: Ticket, address: str = "", works: dict[str, Work] = WORKS) -> None:
        self.ticket = ticket
        self.jobs = Jobs(works)
        self.began = time.time()
        self._context = _context(ticket)
        super().__init__((address, ticket.port), Handler)

    def get_request(self) -> tuple[Any, Any]:
        raw, where = super().get_request()
        raw.settimeout(_SLOW_S)
        return self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), where

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the other side's to notice."""


def _context(ticket: Ticket) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor, name = tempfile.mkstemp()
    try:
        with open(descriptor, "w") as file:
            file.write(ticket.certificate_pem + ticket.key_pem)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)
    return context


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _own(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def _get(self, path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        match path:
            case ["identity"]:
                own = {
                    "boot": self._own.ticket.boot,
                    "version": VERSION,
                    "up_s": round(time.time() - self._own.began, 1),
                }
                return 200, inventory.identity() | own
            case ["inventory"]:
                return 200, inventory.whole()
            case ["drives", serial, "samples"]:
                numbers = [
                    int(query.get(name, usual)) for name, usual in (("count", "64"), ("size", "4096"), ("seed", "0"))
                ]
                return 200, {"serial": serial, "samples": drives.samples(drives.by_serial(serial), *numbers)}
            case ["jobs", id]:
                return 200, self._own.jobs.get(id).shown()
            case _:
                raise Refused("not-found", f"There is nothing at {self.path}.", 404)

    def _put(self, path: list[str], _query: dict[str, str]) -> tuple[int, Any]:
        match path:
            case ["jobs", id]:
                length = int(self.headers.get("Content-Length") or 0)
                if length > _LARGEST:
                    raise Refused("too-large", f"An order has at most {_LARGEST} bytes.", 413)
                order = json.loads(self.rfile.read(length))
                if not isinstance(order, dict):
                    raise Refused("malformed", "An order is a JSON object.")
                job, begun = self._own.jobs.order(id, order)
                return 201 if begun else 200, job.shown()
            case _:
                raise Refused("not-found", f"There is nothing at {self.path}.", 404)

    def _answer(self, work: Any) -> None:
        try:
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._own.ticket.token}".encode()):
                raise Refused("token-refused", "This is not the token of this boot.", 401)
            parts = urlsplit(self.path)
            version, *path = [unquote(part) for part in parts.path.strip("/").split("/")]
            if version != f"v{VERSION}":
                raise Refused("not-found", f"This agent speaks version {VERSION}.", 404)
            status, body = work(path, {key: found[-1] for key, found in parse_qs(parts.query).items()})
        except Refused as error:
            status, body = error.status, {"error": error.kind, "message": error.message}
        except (ValueError, KeyError) as error:
            status, body = 400, {"error": "malformed", "message": f"{type(error).__name__}: {error}"}
        except (Failed, OSError) as error:
            status, body = 500, {"error": "failed", "message": str(error)}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status >= 400:
            self.close_connection = True  # a body that was not read would be taken for the next request
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in nobody's interest; what was done is in the jobs."""
