"""What the root file systems consist of (`data/recipe.yaml`), and the names under which they are cached."""

import hashlib
import json
import platform
from functools import cache
from importlib.resources import files
from pathlib import Path

from domain.documents import read_documents
from domain.model import Declared
from lab.virtual.options import Image

FORMAT = 1
"""Counts up when `images` makes something else of the same recipe."""

FILES = {"lab-init": "sbin/lab-init", "sshd.conf": "etc/ssh/sshd_config.d/lab.conf"}
"""Files of `data/` and where they lie in every image."""


UNIT = "edgewright-agent.service"
PROGRAM = "usr/lib/edgewright/agent"
"""Where the agent lies in the agent's image."""


class Contents(Declared):
    """Debian packages, and the units that are masked."""

    packages: tuple[str, ...]
    masked: tuple[str, ...]


class Recipe(Declared):
    suite: str
    left_out: tuple[str, ...]
    base: Contents
    agent: Contents
    """On top of the base."""
    switch: Contents
    """On top of the base."""

    def on_base(self, image: Image) -> Contents:
        """What an image has beside what the base has."""
        return {Image.AGENT: self.agent, Image.SWITCH: self.switch}[image]

    def digest(self, image: Image) -> str:
        """Twelve digits that differ when anything differs that the image is made of; not the packages' versions."""
        parts = [FORMAT, platform.machine(), self.suite, self.left_out, self.base.model_dump()]
        parts += [data(name).decode() for name in sorted(FILES)]
        parts += [self.on_base(image).model_dump()] if image is not Image.BASE else []
        if image is Image.AGENT:
            parts += [data(UNIT).decode(), [[name, content.decode()] for name, content in sorted(program().items())]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def data(name: str) -> bytes:
    return files("lab.machines").joinpath("data", name).read_bytes()


@cache
def program() -> dict[str, bytes]:
    """The agent's files by name."""
    return {file.name: file.read_bytes() for file in files("agent").iterdir() if file.name.endswith(".py")}


@cache
def shipped() -> Recipe:
    return Recipe.model_validate(read_documents(data("recipe.yaml").decode(), source="recipe.yaml")[0])


def place(image: Image, under: Path) -> Path:
    """Where the image lies once it is made."""
    return under / f"{image}-{shipped().digest(image)}"
