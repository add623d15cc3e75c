"""Looks for the marker that every secret of the lab begins with, in everything that Temporal, databases and files hold."""

import base64
import gzip
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
from temporalio.client import Client

from domain.model import Json
from lab.embedded import Home, processes
from lab.embedded import postgres as embedded_postgres

MARKER = "EWSECRET"
"""Every secret of the lab, and every password that a product under test makes, begins so."""


def decoded_texts(document: Json) -> Iterator[str]:
    """Every text of a history's JSON, payloads decoded from their base64."""
    if isinstance(document, str):
        yield document
        try:
            yield base64.b64decode(document, validate=True).decode()
        except ValueError:
            return
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from decoded_texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from decoded_texts(value)


def leaks_in_files(folders: Iterable[Path]) -> list[str]:
    """Files that hold the marker, compressed ones unpacked."""
    found: list[str] = []
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and MARKER.encode() in _unpacked(file.read_bytes()):
                found.append(str(file.relative_to(folder.parent)))
    return found


def _unpacked(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


class ListeningTransport(httpx.HTTPTransport):
    """Notes each of the API's answers that holds the marker."""

    def __init__(self, leaks: list[str]) -> None:
        super().__init__()
        self._leaks = leaks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.read()
        if MARKER in response.text:
            self._leaks.append(f"the answer to {request.method} {request.url.path}")
        return response


async def leaks_in_histories(address: str, namespace: str) -> tuple[int, list[str]]:
    """How many histories were searched, and which hold the marker."""
    client = await Client.connect(address, namespace=namespace)
    searched, found = 0, list[str]()
    async for run in client.list_workflows():
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        searched += 1
        if any(MARKER in text for text in decoded_texts(history.to_json_dict())):
            found.append(f"the history of {run.id}")
    return searched, found


def leaks_in_database(home: Home, name: str) -> list[str]:
    """Searches what pg_dump writes of it. Raises AssertionError if that is nothing."""
    command = [embedded_postgres.program("pg_dump"), "-h", str(home.sockets), "-U", embedded_postgres.SUPERUSER, name]
    done = subprocess.run(command, env=processes.clean_environment({}), capture_output=True, check=True)
    assert b"CREATE TABLE" in done.stdout, f"a dump of {name} has tables"
    return [f"the database {name}"] if MARKER.encode() in done.stdout else []
