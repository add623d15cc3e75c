"""Serves images over HTTP on the loopback address, with a login where a path asks for one."""

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Images:
    """`files`: by path; `logins`: `user:password` by path. `asked`: every path that was asked for."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    logins: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, content: bytes, login: str = "") -> str:
        self.files[path] = content
        if login:
            self.logins[path] = login
        return self.url(path)


@contextmanager
def images() -> Iterator[Images]:
    served = Images()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            login = served.logins.get(self.path)
            given = self.headers.get("Authorization", "")
            if login and given != "Basic " + base64.b64encode(login.encode()).decode():
                self.send_error(401)
                return
            if self.path not in served.files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(served.files[self.path])))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(served.files[self.path])

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
