"""What servers and their BMCs come to while they boot: boot media and images by names that nobody guesses, and a place to phone home.

Plain HTTP, as every BMC and firmware speaks it: who can read along on the out-of-band network can read a ticket. It belongs on that network
only.
"""

import re
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, override

from pydantic import ValidationError

from domain.agent import AgentHome, AgentNotHome
from domain.beat import Beat, no_beat

_CHUNK = 1 << 20
_SLOW_S = 60.0
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_LARGEST_CALL = 4096


@dataclass(frozen=True)
class Caller:
    """An agent that phoned home: where it called from, and on which port it serves."""

    host: str
    port: int
    told: AgentHome


class BootServer:
    """Use it in a `with`. `host`: the address to listen on; port 0 takes a free one."""

    def __init__(self, host: str = "", port: int = 0) -> None:
        self._files: dict[str, Path] = {}
        self._callers: dict[str, Caller] = {}
        self._news = threading.Condition()
        self._http = _Http((host, port), self)
        self.port = self._http.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, name="boot-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def url(self, host: str, path: str) -> str:
        """`host`: how the other side calls this machine."""
        return f"http://{host}:{self.port}{path}"

    def offer(self, file: Path) -> str:
        """The path under which the file is served from now on; it ends with the file's name."""
        path = f"/{secrets.token_urlsafe(18)}/{file.name}"
        self._files[path] = file
        return path

    def withdraw(self, path: str) -> None:
        self._files.pop(path, None)

    @property
    def home(self) -> str:
        """The path that agents phone."""
        return "/home"

    def wait_for(self, boot: str, *, patience_s: float, beat: Beat = no_beat) -> Caller:
        """Until the agent of this boot has phoned. Raises `AgentNotHome`."""
        until = time.monotonic() + patience_s
        with self._news:
            while (caller := self._callers.get(boot)) is None:
                beat(f"waiting for the agent of boot {boot}")
                if not self._news.wait(min(5.0, until - time.monotonic())) and time.monotonic() > until:
                    raise AgentNotHome(
                        f"The agent of boot {boot} has not phoned home within {patience_s:.0f} s.",
                        do="Look at the server's console: it must have booted the medium, and the network must lead here.",
                    )
        return caller

    def file(self, path: str) -> Path | None:
        return self._files.get(path)

    def hear(self, caller: Caller) -> None:
        with self._news:
            self._callers[caller.told.boot] = caller
            self._news.notify_all()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, where: tuple[str, int], boots: BootServer) -> None:
        self.boots = boots
        super().__init__(where, _Handler)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A BMC that hangs up has what it wanted."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SLOW_S

    def do_HEAD(self) -> None:
        self._serve(head=True)

    def do_GET(self) -> None:
        self._serve(head=False)

    def do_POST(self) -> None:
        if self.path != self._boots.home:
            self.send_error(404)
            return
        length = int(self.headers.get("Content-Length") or 0)
        try:
            told = AgentHome.model_validate_json(self.rfile.read(min(length, _LARGEST_CALL)))
        except ValidationError:
            self.send_error(400)
            return
        self._boots.hear(Caller(str(self.client_address[0]), told.port, told))
        self.send_response(204)
        self.end_headers()

    @property
    def _boots(self) -> BootServer:
        assert isinstance(self.server, _Http)
        return self.server.boots

    def _serve(self, *, head: bool) -> None:
        file = self._boots.file(self.path)
        if file is None or not file.is_file():
            self.send_error(404)
            return
        with file.open("rb") as content:
            size = file.stat().st_size
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            last = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
            if asked and first > last:
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(last - first + 1))
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.end_headers()
            content.seek(first)
            left = 0 if head else last - first + 1
            while left > 0 and (chunk := content.read(min(_CHUNK, left))):
                self.wfile.write(chunk)
                left -= len(chunk)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """A path is as good as a key."""
