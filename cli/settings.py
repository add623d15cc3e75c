"""Where a running system is: `up` writes it to $EDGEWRIGHT_HOME/settings.env; the process's own environment wins."""

import os
from collections.abc import MutableMapping
from pathlib import Path


def settings_file(environment: MutableMapping[str, str] = os.environ) -> Path:
    """$EDGEWRIGHT_HOME/settings.env, by default ~/.edgewright/settings.env. It need not exist."""
    return Path(environment.get("EDGEWRIGHT_HOME") or "~/.edgewright").expanduser() / "settings.env"


def load_settings(environment: MutableMapping[str, str] = os.environ) -> None:
    """Adds the file's variables that the environment does not have yet. Without a file nothing changes."""
    try:
        lines = settings_file(environment).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        name, separator, value = line.partition("=")
        if separator and not name.lstrip().startswith("#"):
            environment.setdefault(name.strip(), value)
