"""Root file systems from Debian packages, built once for a user and kept in the cache under the hash of their recipe.

A build happens in a folder of another name and in namespaces that die with the builder, and takes its name when it is whole: a kill
leaves neither mounts nor half an image. One builder at a time; a second one waits and finds the result.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from domain.errors import Transient
from lab import cache
from lab.embedded.processes import clean_environment
from lab.machines.facts import path_with_sbin
from lab.machines.recipe import FILES, PROGRAM, UNIT, Contents, data, place, program, shipped
from lab.virtual.options import Image

BUILDING = ".building"
BUILD_S = 900.0
_APT = ("-o", "APT::Install-Recommends=false", "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3")


class ImageNotBuilt(Transient):
    """The packages could not be had or installed; the message has the tool's last words."""

    kind = "image-not-built"


def folder() -> Path:
    return cache.folder() / "machines"


def made(image: Image) -> Path | None:
    """The image's root folder, or None if it must be built first."""
    root = place(image, folder())
    return root if root.is_dir() else None


def ensure(say: Callable[[str], None]) -> dict[Image, Path]:
    """Builds what is not in the cache: a minute for all with a near mirror. Needs root.

    Raises:
        ImageNotBuilt: the mirror cannot be reached, or a package could not be installed.
    """
    with alone():
        for image in Image:
            if made(image) is None:
                say(f"building the root file system `{image}` from Debian packages (once)")
                _build(image)
    return {image: place(image, folder()) for image in Image}


@contextmanager
def alone() -> Iterator[None]:
    """One builder at a time in the cache; a second one waits."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(image: Image) -> None:
    _clear()
    target = place(image, folder())
    building = target.with_name(target.name + BUILDING)
    if image is Image.BASE:
        _bootstrap(building)
        _furnish(building, shipped().base)
    else:
        _copy(building)
        contents = shipped().on_base(image)
        _add_packages(building, contents.packages)
        _furnish(building, contents)
        if image is Image.AGENT:
            _add_program(building)
    # The name must not outlive a power cut that its contents did not.
    _run(["sync", "--file-system", str(building)])
    building.rename(target)


def _clear() -> None:
    """Removes what killed builders left; the lock says that none is alive."""
    for left in folder().glob(f"*{BUILDING}"):
        shutil.rmtree(left)


def _bootstrap(root: Path) -> None:
    recipe = shipped()
    options = [f"--include={','.join(recipe.base.packages)}", "--variant=minbase", "--mode=root", "--quiet"]
    options += [f"--aptopt={option}" for option in _APT[1::2]]
    options += ["--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={path}" for path in recipe.left_out)]
    mirror = os.environ.get("EDGEWRIGHT_DEBIAN_MIRROR", "")
    _run(["mmdebstrap", *options, recipe.suite, str(root), *([mirror] if mirror else [])])


def _copy(root: Path) -> None:
    _run(["cp", "--archive", "--reflink=auto", str(place(Image.BASE, folder())), str(root)])


def _add_packages(root: Path, packages: tuple[str, ...]) -> None:
    script = str(files("lab.machines").joinpath("data/add-packages.sh"))
    _run(["sh", script, str(root), *_APT, "install", *packages])


def _furnish(root: Path, contents: Contents) -> None:
    """What makes a machine of a root file system: our files, masked units, and no identity that two machines would share."""
    for name, where in FILES.items():
        (root / where).write_bytes(data(name))
        (root / where).chmod(0o755 if name == "lab-init" else 0o644)
    for unit in contents.masked:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    default = root / "etc/systemd/system/default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for own in ("etc/hostname", "etc/resolv.conf"):
        with suppress(FileNotFoundError):
            (root / own).unlink()


def _add_program(root: Path) -> None:
    """The agent, started at every boot from a medium that has a ticket; and a lldpd that listens and says nothing."""
    for name, content in program().items():
        (root / PROGRAM / name).parent.mkdir(parents=True, exist_ok=True)
        (root / PROGRAM / name).write_bytes(content)
    units = root / "etc/systemd/system"
    (units / UNIT).write_bytes(data(UNIT))
    (units / "multi-user.target.wants" / UNIT).symlink_to(f"../{UNIT}")
    (root / "etc/default/lldpd").write_text('DAEMON_ARGS="-r"\n')


def _run(command: list[str]) -> None:
    """In mount and pid namespaces of its own that the kernel ends together with this process."""
    wrapped = ["setpriv", "--pdeathsig", "KILL"]
    wrapped += ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--", *command]
    environment = clean_environment({"PATH": path_with_sbin(), "LC_ALL": "C"})
    try:
        done = subprocess.run(
            wrapped,
            env=environment,
            stdin=subprocess.DEVNULL,
            umask=0o022,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageNotBuilt(f"`{command[0]}` did not end within {BUILD_S:.0f} s.", do=_AGAIN) from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1200:]
        raise ImageNotBuilt(f"A root file system could not be built in {folder()}: {command[0]}: {said}", do=_AGAIN)


_AGAIN = "Check that Debian's package mirror can be reached (another one: EDGEWRIGHT_DEBIAN_MIRROR), then: edgewright lab images"
