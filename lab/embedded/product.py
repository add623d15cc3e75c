"""The product's own processes: `edgewright bootstrap` to its end, then `edgewright worker` and `edgewright serve`."""

import hashlib
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import httpx
import typer

from lab.embedded import probing
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.service import Service
from lab.embedded.settings import product_environment

PACKAGES = ("domain", "clients", "store", "activities", "workflows", "worker", "api", "playbooks")


def services(home: Home, ports: Ports) -> list[Service]:
    environment = product_environment(home, ports)
    build = build_digest()
    api = f"http://{LOOPBACK}:{ports.api}"
    metrics = f"http://{LOOPBACK}:{ports.worker_metrics}/metrics"
    return [
        Service(
            name="bootstrap",
            title="Edgewright bootstrap",
            command=lambda: edgewright("bootstrap"),
            environment=environment,
            depends_on=("postgres", "temporal", "netbox"),
            folder=home.root,
            once=True,
            ready_within_s=300,
            build=build,
        ),
        Service(
            name="worker",
            title="Edgewright worker",
            command=lambda: edgewright("worker"),
            environment=environment,
            depends_on=("postgres", "temporal", "bootstrap"),
            folder=home.root,
            ports=(("worker_metrics", ports.worker_metrics),),
            ready=lambda: "temporal_worker_start" in _answer(metrics),
            stop_grace_s=30,  # more than the worker gives its activities to finish
            build=build,
        ),
        Service(
            name="api",
            title="Edgewright API and console",
            command=lambda: edgewright("serve"),
            environment=environment,
            depends_on=("postgres", "temporal", "bootstrap"),
            folder=home.root,
            ports=(("api", ports.api),),
            url=api,
            ready=lambda: _succeeds(f"{api}/healthz"),
            build=build,
        ),
    ]


def edgewright(*arguments: str) -> list[str]:
    """The command line of this very installation, not another one on the PATH."""
    scripts = Path(sysconfig.get_path("scripts"))
    # `python`, `python3` and `python3.12` are one program; who was called by another name must not start all anew.
    python = scripts / "python"
    return [str(python) if python.exists() else sys.executable, str(scripts / "edgewright"), *arguments]


def build_digest() -> str:
    """Changes with any of the product's files, so that `up` after an upgrade starts the new code."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        spec = find_spec(package)
        # A set: a folder without `__init__.py` is named once for each entry of the path that leads to it.
        for folder in sorted(
            {Path(each).resolve() for each in (spec.submodule_search_locations or [])} if spec else ()
        ):
            for file in sorted(folder.rglob("*")):
                if file.is_file() and file.parent.name != "__pycache__":
                    found = file.stat()
                    digest.update(f"{file}:{found.st_mtime_ns}:{found.st_size}\n".encode())
    return digest.hexdigest()[:16]


def registered_commands() -> set[str]:
    """What `edgewright` can do as it is installed."""
    from cli.main import load_commands

    app = typer.Typer()
    load_commands(app)
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return names | {group.name or "" for group in app.registered_groups}


def _succeeds(url: str) -> bool:
    return probing.get(url).status_code == httpx.codes.OK


def _answer(url: str) -> str:
    """Of a worker: its metrics are there before it has found Temporal; the count of started workers comes after."""
    return probing.get(url).text
