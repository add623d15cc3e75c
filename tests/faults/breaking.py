"""Breaking what onboarding stands on, at a product that runs: each is a context in which it is broken and after which it is mended."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite
from tests.lab.virtual.site_fixtures import free_port

TOKEN_REFUSED = (403, {"detail": "Invalid v1 token"})
"""As NetBox 4.7 answers a token that was deleted."""
IN_TROUBLE = (503, {})


@contextmanager
def network_away(product: Product, site: DeclaredSite) -> Iterator[None]:
    """No device of the site answers a connection."""
    seeded = [site.lab.seed("refuse", name) for name in (*site.servers, *site.lab.spec.switch_by_name)]
    yield
    for fault in seeded:
        site.lab.mend(fault)


@contextmanager
def netbox_answers(product: Product, answer: tuple[int, object], good: int = 0) -> Iterator[None]:
    """NetBox answers so, after `good` requests that are in order."""

    class Answers(BaseHTTPRequestHandler):
        left = good

        def do_GET(self) -> None:
            status, body = answer if Answers.left <= 0 else (200, {"netbox-version": "4.7.0"})
            Answers.left -= 1
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with _netbox_at(product, f"http://127.0.0.1:{server.server_port}"):
            yield
        server.shutdown()


@contextmanager
def netbox_away(product: Product, site: DeclaredSite) -> Iterator[None]:
    """Nobody listens where NetBox was."""
    with _netbox_at(product, f"http://127.0.0.1:{free_port()}"):
        yield


@contextmanager
def _netbox_at(product: Product, url: str) -> Iterator[None]:
    file = Path(product.environment["TEST_NETBOX"])
    file.write_text(url)
    yield
    file.unlink()


@contextmanager
def token_refused(product: Product, site: DeclaredSite) -> Iterator[None]:
    with netbox_answers(product, TOKEN_REFUSED):
        yield


@contextmanager
def token_refused_later(product: Product, site: DeclaredSite) -> Iterator[None]:
    """It runs out once the frame of the site was read and recorded: two requests."""
    with netbox_answers(product, TOKEN_REFUSED, good=2):
        yield


@contextmanager
def netbox_in_trouble(product: Product, site: DeclaredSite) -> Iterator[None]:
    with netbox_answers(product, IN_TROUBLE):
        yield


@contextmanager
def secrets_read_only(product: Product, site: DeclaredSite) -> Iterator[None]:
    folder = Path(product.environment["EDGEWRIGHT_SECRETS_DIR"])
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def secrets_full(product: Product, site: DeclaredSite) -> Iterator[None]:
    """The same secrets on a disk of their own, with no room left."""
    folder = Path(product.environment["EDGEWRIGHT_SECRETS_DIR"])
    copy = folder.with_name("secrets-copy")
    shutil.copytree(folder, copy)
    _mount("-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(folder))
    try:
        shutil.copytree(copy, folder, dirs_exist_ok=True)
        with (folder / "filler").open("wb") as filler:
            try:
                while True:
                    os.write(filler.fileno(), b"\0" * 4096)
            except OSError:
                pass
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(copy)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"only root can make a disk full or read-only: {done.stderr.strip()}")


@contextmanager
def held(product: Product, site: DeclaredSite) -> Iterator[None]:
    place = {"site": site.name}
    hold = product.api.post("/v1/holds", {"place": place, "reason": "visitors in hall 2"})
    yield
    product.api.post(f"/v1/holds/{hold['id']}/release", {})
