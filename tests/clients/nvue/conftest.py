"""A virtual leaf behind HTTPS, and our client for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from clients.nvue import NvueClient, SwitchAddress, SwitchTimeouts, Trust
from domain.secret import Login
from lab.virtual.switch.schema import schema_for
from tests.lab.virtual.switch.serving import PASSWORD, USER, Served, certificate, fingerprint, serve

QUICK = SwitchTimeouts(connect_s=5.0, read_s=10.0, tries=2, pause_s=0.02, poll_s=0.01)

type Connect = Callable[..., NvueClient]


@pytest.fixture(scope="session", autouse=True)
def published_schemas() -> None:
    """Imported before anybody waits for an answer: it takes seconds on a busy machine."""
    schema_for("5.11.1")
    schema_for("5.8.0")


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), "leaf-a")


@pytest.fixture
def served(tmp_path: Path, pem: Path) -> Iterator[Served]:
    with serve(tmp_path / "state", pem) as running:
        yield running


@pytest.fixture
def unhurried(tmp_path: Path, pem: Path) -> Iterator[Served]:
    """For what passes too quickly at the usual pace: a reload takes half a second."""
    with serve(tmp_path / "state", pem, factor=4.0) as running:
        yield running


@pytest.fixture
def connect(served: Served) -> Iterator[Connect]:
    """Makes clients, closed at the end: `connect()`, `connect("spine", user="cumulus", password="cumulus")`."""
    made: list[NvueClient] = []

    def make(
        switch: str = "leaf-a",
        *,
        user: str = USER,
        password: str = PASSWORD,
        trust: Trust | None = None,
        timeouts: SwitchTimeouts = QUICK,
    ) -> NvueClient:
        client = NvueClient(
            SwitchAddress("127.0.0.1", served.ports[switch], switch),
            Login(username=user, password=SecretStr(password)),
            trust or Trust(certificate_sha256=fingerprint(served.pem)),
            timeouts=timeouts,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def leaf(connect: Connect) -> NvueClient:
    return connect()
