"""The answers of real switches and of the vendor's documents, by name."""

from pathlib import Path
from typing import Any

import yaml

_ALL: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "payloads" / "documented.yaml").read_text())


def documented(name: str) -> Any:
    return _ALL[name]["body"]
