"""The command line as people run it, against the application on a free port of this machine."""

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.context import Services
from cli.main import run
from tests.api.conftest import services_with
from tests.domain.test_declaration_checks import MGX, SITE


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Running:
    """A served application with its stores, and `edgewright` pointed at it."""

    services: Any
    url: str

    def edgewright(self, *arguments: str, stdin: str = "") -> Ran:
        out, err = io.StringIO(), io.StringIO()
        before = sys.stdin
        sys.stdin = io.StringIO(stdin)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = run(arguments)
        finally:
            sys.stdin = before
        return Ran(code, out.getvalue(), err.getvalue())


async def _lazy() -> Client:
    return await Client.connect("127.0.0.1:9", lazy=True, data_converter=pydantic_data_converter)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    import asyncio

    services: Services
    services, _ = services_with(asyncio.run(_lazy()))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(services, with_chores=False)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("EDGEWRIGHT_API_URL", url)
    monkeypatch.setenv("EDGEWRIGHT_TOKEN", "admin-fleet")
    yield Running(services, url)
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def site_file(tmp_path: Path) -> Callable[..., str]:
    """Writes a file with the class and the site, the site changed as given."""

    def write(**changes: Any) -> str:
        file = tmp_path / "site.yaml"
        documents = [MGX | {"kind": "ServerClass"}, SITE | changes]
        file.write_text(yaml.safe_dump_all(documents, sort_keys=False))
        return str(file)

    return write
