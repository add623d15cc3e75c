"""Real programs on loopback, and targets for the drivers that observe them."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from domain.errors import EdgewrightError
from domain.site import SystemDeclaration, Trust
from domain.systems import SystemTarget

HOST = "127.0.0.1"


def target(**declared: Any) -> SystemTarget:
    """A system as its declaration would say it; `service_ports` says where it is asked."""
    system = SystemDeclaration.model_validate({"name": "observed", "owner": "local-it", "address": HOST, **declared})
    return SystemTarget(site="oslo-1", system=system, trust=Trust(first_use=True), ports=system.service_ports)


def real_program(name: str) -> str:
    """Its path. Skips, and says what is not tested, where it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed, so our observer is not held against it here: scripts/dns-and-ntp")
    return found


def me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def running(command: list[str], folder: Path, answers: Callable[[], object]) -> Iterator[None]:
    """The program until the end, from the moment at which `answers` no longer raises."""
    with (folder / "output").open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            end = time.monotonic() + 15
            while True:
                try:
                    answers()
                    break
                except EdgewrightError:
                    if process.poll() is not None or time.monotonic() > end:
                        raise AssertionError((folder / "output").read_text()) from None
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(10)
