"""Debian packages of this machine that the level needs: installed by us where root lacks them, named otherwise."""

import os
import shutil
import subprocess
from collections.abc import Callable

from domain.errors import Transient
from lab.embedded.processes import clean_environment
from lab.machines import doctor
from lab.machines.doctor import Fidelity
from lab.machines.facts import path_with_sbin

APT_S = 300.0
LOCK_S = 120


class PackagesNotInstalled(Transient):
    """apt could not install what is missing; the message has its last words."""

    kind = "packages-not-installed"


def ensure(say: Callable[[str], None], level: Fidelity = Fidelity.MACHINES) -> None:
    """Installs the packages that the level lacks. Raises `Unavailable` for what no package brings, `PackagesNotInstalled`."""
    diagnosis = doctor.look()
    missing = doctor.packages_for(diagnosis.verdict(level).lacks)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(missing)} with apt")
        _install(missing)
        diagnosis = doctor.look()
    diagnosis.require(level)


def _install(packages: list[str]) -> None:
    install = ["install", "--yes", "--no-install-recommends", *packages]
    if _apt(install).returncode == 0:
        return
    _apt(["update"])  # the lists may be old, or never fetched
    done = _apt(install)
    if done.returncode != 0:
        raise PackagesNotInstalled(
            f"apt could not install {', '.join(packages)}: {done.stderr.strip()[-600:]}",
            do=f"See: {doctor.apt(packages)}",
        )


def _apt(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={LOCK_S}", *arguments]
    environment = clean_environment({"DEBIAN_FRONTEND": "noninteractive", "PATH": path_with_sbin()})
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=APT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no end within {APT_S:.0f} s")
