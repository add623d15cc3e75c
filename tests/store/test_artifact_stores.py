"""One contract, every artifact store: the folder, and our API over HTTP as a worker elsewhere uses it."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.settings import ApiSettings
from domain.artifact import ArtifactRef, ArtifactStore
from domain.errors import EdgewrightError
from store.artifacts import ArtifactDamaged, ArtifactFolder, ArtifactMissing
from store.choosing import StoreIncomplete, artifacts_from
from store.https_artifacts import (
    ArtifactRefused,
    ArtifactsAddress,
    ArtifactsUnreachable,
    ArtifactsUrlRefused,
    HttpsArtifacts,
)
from store.settings import StoreSettings
from tests.api.conftest import services_with


@dataclass(frozen=True)
class Elsewhere:
    """A store as a worker at Oslo has it, and the folder that the content really lies in."""

    store: ArtifactStore
    folder: Path
    url: str = ""
    token_file: Path = Path()


@pytest.fixture
async def over_https(tmp_path: Path) -> Iterator[Elsewhere]:
    """With a token of the site's; an artifact may have 1 MiB."""
    temporal = await Client.connect("127.0.0.1:9", lazy=True, data_converter=pydantic_data_converter)
    kept_in_memory, _ = services_with(temporal, ApiSettings(artifact_limit_mib=1))
    folder = tmp_path / "artifacts"
    services = replace(kept_in_memory, artifacts=ArtifactFolder(folder))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(create_app(services, with_chores=False), log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    token = tmp_path / "token"
    token.write_text("operator-site\n")
    settings = StoreSettings(artifacts_url=url, artifacts_token_file=token)
    yield Elsewhere(artifacts_from(settings), folder, url, token)
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(params=["folder", "https"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Elsewhere:
    if request.param == "folder":
        return Elsewhere(ArtifactFolder(tmp_path / "artifacts"), tmp_path / "artifacts")
    return request.getfixturevalue("over_https")


def test_an_artifact_is_kept_by_its_hash_with_its_size_and_type(artifacts: Elsewhere) -> None:
    content = bytes(range(256)) * 200
    ref = artifacts.store.put(content, "text/plain")
    assert (ref.size, ref.media_type.split(";")[0]) == (len(content), "text/plain")
    again = artifacts.store.put(content, "text/plain")
    found = artifacts.store.find(ref.sha256)
    assert found is not None
    assert {r.sha256 for r in (ref, again, found)} == {ref.sha256}
    assert found.size == len(content)
    assert artifacts.store.get(ref) == content
    assert artifacts.store.get(artifacts.store.put(b"")) == b""


@pytest.mark.parametrize("sha256", ["0" * 64, "../../etc/passwd", "A" * 64])
def test_an_artifact_that_is_not_there_is_missing(artifacts: Elsewhere, sha256: str) -> None:
    with pytest.raises(ArtifactMissing):
        artifacts.store.get(ArtifactRef(sha256=sha256, size=1))


def test_what_is_damaged_where_it_lies_is_never_given_out(artifacts: Elsewhere) -> None:
    ref = artifacts.store.put(b"content")
    (artifacts.folder / ref.sha256[:2] / ref.sha256).write_bytes(b"c0ntent")
    with pytest.raises(EdgewrightError, match="damaged"):
        artifacts.store.get(ref)


def test_the_folder_replaces_a_damaged_copy(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path)
    ref = store.put(b"content")
    (tmp_path / ref.sha256[:2] / ref.sha256).write_bytes(b"c0ntent")
    store.put(b"content")
    assert store.get(ref) == b"content"


def test_too_large_a_content_is_refused_whatever_length_was_announced(over_https: Elsewhere) -> None:
    with pytest.raises(ArtifactRefused, match="at most 1 MiB"):
        over_https.store.put(b"x" * (1024 * 1024 + 1))
    answer = httpx.put(
        f"{over_https.url}/v1/artifacts/{'0' * 64}",
        content=(b"x" * 65536 for _ in range(17)),
        headers={"Authorization": "Bearer operator-site"},
    )
    assert answer.status_code == 413


def test_a_token_that_may_not_is_refused_and_a_replaced_one_is_read(over_https: Elsewhere) -> None:
    over_https.token_file.write_text("viewer-site")
    with pytest.raises(ArtifactRefused, match="role operator"):
        over_https.store.put(b"content")
    over_https.token_file.write_text("unknown")
    with pytest.raises(ArtifactRefused, match="401"):
        over_https.store.put(b"content")
    over_https.token_file.write_text("operator-site")
    assert over_https.store.put(b"content").size == 7


def _answering(content: bytes, status: int = 200) -> HttpsArtifacts:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(404)
        return httpx.Response(status, content=content)

    address = ArtifactsAddress("https://api.test", Path("/dev/null"))
    return HttpsArtifacts(address, transport=httpx.MockTransport(handle))


def test_what_arrives_damaged_is_refused_and_what_was_kept_otherwise_is_tried_again() -> None:
    with pytest.raises(ArtifactDamaged, match="arrived damaged"):
        _answering(b"c0ntent").get(ArtifactRef(sha256="0" * 64, size=7))
    other = ArtifactRef(sha256="0" * 64, size=7).model_dump_json().encode()
    with pytest.raises(ArtifactsUnreachable, match="changes what is sent"):
        _answering(other).put(b"content")
    with pytest.raises(ArtifactsUnreachable, match="502"):
        _answering(b"", 502).put(b"content")


def test_settings_that_would_send_a_token_in_the_clear_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreIncomplete, match="TOKEN_FILE"):
        artifacts_from(StoreSettings(artifacts_url="https://api.test"))
    with pytest.raises(ArtifactsUrlRefused, match="no HTTPS"):
        artifacts_from(StoreSettings(artifacts_url="http://api.test", artifacts_token_file=tmp_path))
    assert isinstance(artifacts_from(StoreSettings(artifacts_dir=tmp_path)), ArtifactFolder)
