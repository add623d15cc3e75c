"""Root file systems: their names, and that neither a kill nor a second builder spoils one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.machines import images
from lab.machines.recipe import Contents, Recipe, shipped
from lab.virtual.options import Image

CHANGES = {
    "suite": "trixie",
    "left_out": ("/usr/share/doc/*",),
    "base": Contents(packages=("systemd-sysv",), masked=()),
}
SMALL = '''
import sys
from lab.machines import images, recipe
from lab.machines import images
from lab.machines.recipe import Contents
images._add_packages = lambda root, packages: (root / "usr/bin/added").touch()
part = """mkdir -p "$2/usr/sbin" "$2/proc" && ln -s usr/sbin "$2/sbin" && cp -a "$1/etc" "$2" && cp -a "$1/usr/bin" "$2/usr" """
images._bootstrap = lambda root: images._run(["sh", "-c", part, "sh", sys.argv[1], str(root)])
for image, root in images.ensure(lambda what: print(what, flush=True)).items():
    print(image, root, flush=True)
'''
"""Builds of a piece of the base instead of packages, which the set-up has built from: what is tested is how, not what of."""


@pytest.mark.parametrize("field", CHANGES)
def test_every_change_of_the_base_makes_other_images(field: str) -> None:
    changed = shipped().model_copy(update={field: CHANGES[field]})
    assert changed.digest(Image.BASE) != shipped().digest(Image.BASE)
    assert changed.digest(Image.AGENT) != shipped().digest(Image.AGENT)


@pytest.mark.parametrize("image", [Image.AGENT, Image.SWITCH])
def test_a_change_of_one_image_leaves_the_others(image: Image) -> None:
    changed = shipped().model_copy(update={str(image): Contents(packages=("ethtool",), masked=())})
    for each in Image:
        assert (changed.digest(each) == shipped().digest(each)) == (each is not image)


def test_a_misspelt_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="pakages"):
        Recipe.model_validate({**shipped().model_dump(), "pakages": []})


@pytest.mark.machines
@pytest.mark.xdist_group("machines")
def test_a_killed_builder_leaves_nothing_that_counts_and_two_builders_build_once(
    machines_level: None, tmp_path: Path
) -> None:
    cache = tmp_path / "edgewright" / "machines"
    with _builder(tmp_path) as killed:
        _wait(lambda: any(cache.glob("base-*.building/usr/bin/*")), "the base is being made")
        killed.send_signal(signal.SIGKILL)
    _wait(lambda: not _working_on(cache), "everything the builder had started is gone")
    assert not [root for root in cache.glob("*-*") if not root.name.endswith(".building")]

    with _builder(tmp_path) as first, _builder(tmp_path) as second:
        told = [builder.communicate(timeout=200)[0] for builder in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0), told
    said = "".join(told)
    assert said.count("building the root file system `base`") == 1
    assert said.count("building the root file system `agent`") == 1
    roots = sorted(root for root in cache.iterdir() if root.is_dir())
    assert [root.name.partition("-")[0] for root in roots] == ["agent", "base", "switch"]
    assert (roots[0] / "usr/bin/added").exists()
    assert not (roots[1] / "usr/bin/added").exists()
    assert (roots[2] / "usr/bin/added").exists()
    for root in roots:
        assert os.access(root / "sbin/lab-init", os.X_OK)
        assert not list((root / "etc/ssh").glob("ssh_host_*"))
        assert (root / "etc/machine-id").read_text() == ""
        assert not list((root / "proc").iterdir())


def _builder(cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-c", SMALL, str(images.made(Image.BASE))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def _working_on(folder: Path) -> list[str]:
    """Processes that name the folder, run in it, or have something mounted in it."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "cmdline").read_text(errors="replace") + (process / "mountinfo").read_text()
            seen += os.readlink(process / "cwd") + os.readlink(process / "root")
        except OSError:
            continue
        if str(folder) in seen:
            found.append(process.name)
    return found


def _wait(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"not within 60 s: {what}"
        time.sleep(0.05)
