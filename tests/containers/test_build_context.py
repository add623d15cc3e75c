"""What the image's wheel is built from is in the build context."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_part_of_the_wheel_is_in_the_build_context() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    parts = {*wheel["packages"], *wheel["force-include"]}
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {part for part in parts if part not in let_in and part.partition("/")[0] not in let_in} == set()
