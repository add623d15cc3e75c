"""A container engine for tests: podman as it works on this machine, our image built, containers that go with the test."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def skip_loudly(why: str) -> None:
    sys.stderr.write(f"\nNOTE: not tested: {why}\n")
    pytest.skip(why)


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()


@dataclass(frozen=True)
class Container:
    """A container that may have ended."""

    engine: "Engine"
    name: str

    def logs(self) -> str:
        done = self.engine.podman("logs", self.name)
        return done.stdout + done.stderr

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.engine.podman("exec", self.name, *command, check=False)

    def exit_code(self) -> int:
        """Waits for the end."""
        return int(self.engine.podman("wait", self.name).stdout)

    def stop(self) -> int:
        self.engine.podman("stop", "--time", "40", self.name)
        return self.exit_code()


@dataclass(frozen=True)
class Engine:
    command: Sequence[str]
    run_options: Sequence[str]
    image: str

    @staticmethod
    def ready() -> "Engine":
        """With our image built from this checkout; skips loudly where there is no engine."""
        found = subprocess.run(
            [ROOT / "scripts/container-engine"], capture_output=True, text=True, check=False, cwd=ROOT
        )
        if found.returncode != 0:
            skip_loudly(f"the image, because there is no container engine: {found.stderr.strip()}")
        built = subprocess.run([ROOT / "scripts/build-image"], capture_output=True, text=True, check=False, cwd=ROOT)
        if built.returncode == 3:
            skip_loudly(f"the image, because it cannot be built here: {built.stderr.strip()}")
        assert built.returncode == 0, built.stderr[-3000:]
        return Engine(
            found.stdout.splitlines(),
            _lines("scripts/container-engine", "--run"),
            built.stdout.strip().splitlines()[-1],
        )

    def podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def inspected(self) -> dict[str, Any]:
        return json.loads(self.podman("image", "inspect", self.image).stdout)[0]

    @contextmanager
    def container(
        self, *arguments: str, environment: Mapping[str, str], files: Mapping[str, Path], volumes: Mapping[str, str]
    ) -> Iterator[Container]:
        """Runs as docker-compose.yml would, but on the host's network, where the embedded services listen."""
        name = f"edgewright-test-{uuid.uuid4().hex[:10]}"
        hardened = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]
        given = [f"--env={key}={value}" for key, value in environment.items()]
        mounts = [f"--volume={file}:{inside}:ro" for inside, file in files.items()]
        mounts += [f"--volume={volume}:{inside}" for inside, volume in volumes.items()]
        options = [*self.run_options, "--network", "host", *hardened, *given, *mounts]
        self.podman("run", "--detach", "--name", name, *options, self.image, *arguments)
        try:
            yield Container(self, name)
        finally:
            self.podman("rm", "--force", "--time", "1", name, check=False)

    @contextmanager
    def volume(self) -> Iterator[str]:
        name = self.podman("volume", "create").stdout.strip()
        try:
            yield name
        finally:
            self.podman("volume", "rm", "--force", name, check=False)
