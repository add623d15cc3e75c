"""The product's own processes: `edgewright bootstrap` to its end, then `edgewright worker` and `edgewright serve`."""

import hashlib
import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import httpx
import typer

from lab.embedded import probing, processes
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.service import Service
from lab.embedded.settings import product_environment

PACKAGES = ("domain", "clients", "store", "activities", "workflows", "worker", "api", "playbooks")
REPLAY_S = 300
"""A thousand open histories of 500 events replay in less."""


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
            environment={**environment, "EDGEWRIGHT_BOOTSTRAP_WAIT_S": "240"},
            depends_on=("postgres", "temporal"),
            waits_itself_for=("netbox",),
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
            prepare=lambda: replay(home, environment, build),
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


def replay(home: Home, environment: Mapping[str, str], build: str) -> None:
    """Before a worker of a new build starts: what is open is replayed with it, and what does not replay is kept for `up` to
    name. It stops no start, since everything else must go on."""
    if _replayed(home).get("build") == build:
        return
    done = subprocess.run(
        edgewright("replay"),
        env=processes.clean_environment(environment),
        cwd=home.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=REPLAY_S,
    )
    home.log_of("replay").write_text(done.stdout + done.stderr)
    said = "" if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip()
    _replay_file(home).write_text(json.dumps({"build": build, "said": said}))


def not_replaying(home: Home) -> str:
    """What the running build cannot go on with, in the words of `edgewright replay`; empty if there is nothing."""
    return _replayed(home).get("said", "")


def _replay_file(home: Home) -> Path:
    return home.run / "replay.done"


def _replayed(home: Home) -> dict[str, str]:
    try:
        return json.loads(_replay_file(home).read_text())
    except (OSError, ValueError):
        return {}


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
