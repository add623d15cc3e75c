"""What is made once for a user and used by every checkout and every home: environments, root file systems."""

import os
from pathlib import Path


def folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "edgewright"
