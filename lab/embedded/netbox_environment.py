"""NetBox's own virtual environment: cached per user, outside checkout and state folder, since its 45 exact pins are its own."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from domain.errors import Transient
from lab.cache import folder as cache
from lab.embedded import processes

DATA = Path(__file__).parent / "data"


class NetBoxNotInstalled(Transient):
    """The environment could not be made, mostly because a package could not be fetched."""

    kind = "netbox-not-installed"


def requirements() -> Path:
    """The pinned requirements: package data in a wheel, `requirements/` in a checkout."""
    shipped = DATA / "netbox.txt"
    return shipped if shipped.exists() else Path(__file__).parents[2] / "requirements" / "netbox.txt"


def version() -> str:
    """The pinned NetBox version."""
    return next(
        line.partition("==")[2].split()[0]
        for line in requirements().read_text().splitlines()
        if line.startswith("netbox==")
    )


def folder() -> Path:
    """Another pin or another Python is another environment."""
    inputs = requirements().read_bytes() + sys.version.encode() + sys.base_prefix.encode()
    return cache() / f"netbox-{hashlib.sha256(inputs).hexdigest()[:12]}"


def python() -> Path:
    return folder() / "bin" / "python"


def is_made() -> bool:
    return (folder() / ".complete").exists() and python().exists()


def ensure(log: Path) -> None:
    """Makes the environment, byte-compiled, if it is not there: some 7 s with a warm package cache, minutes without.

    Raises:
        NetBoxNotInstalled: with the installer's last words.
    """
    if is_made():
        return
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "netbox.lock").open("w") as lock, log.open("ab") as output:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two homes may start at once
        if is_made():
            return
        shutil.rmtree(folder(), ignore_errors=True)
        interpreter = getattr(sys, "_base_executable", sys.executable)
        _uv(["venv", "--quiet", "--no-config", "--python", interpreter, str(folder())], output.fileno())
        arguments = ["--quiet", "--no-config", "--python", str(python()), "--require-hashes", "--compile-bytecode"]
        _uv(["pip", "sync", *arguments, str(requirements())], output.fileno())
        (folder() / ".complete").touch()


def _uv(arguments: list[str], output: int) -> None:
    from uv import find_uv_bin

    environment = {k: v for k, v in os.environ.items() if k not in processes.UNWANTED} | {
        "UV_PYTHON_DOWNLOADS": "never"
    }
    done = subprocess.run(
        [find_uv_bin(), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NetBoxNotInstalled(
            f"NetBox could not be installed in {folder()}: {done.stderr.strip()[-800:]}",
            do="Check that the package index can be reached, then: edgewright up",
        )
