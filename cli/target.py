"""Which API the command line talks to, and with which token."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.settings import load_settings


@dataclass(frozen=True)
class Target:
    url: str
    token: str = field(repr=False)
    ca_file: str = ""


def target() -> Target:
    """From the environment, else from the running system. EDGEWRIGHT_TOKEN wins over EDGEWRIGHT_TOKEN_FILE; without either
    no token is sent, and the API's answer says what is missing."""
    load_settings()
    token = os.environ.get("EDGEWRIGHT_TOKEN", "")
    if not token and (file := os.environ.get("EDGEWRIGHT_TOKEN_FILE")):
        try:
            token = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except OSError:
            token = ""
    url = os.environ.get("EDGEWRIGHT_API_URL") or "http://127.0.0.1:8700"
    if not url.startswith(("http://", "https://")):
        raise CommandError(
            f"EDGEWRIGHT_API_URL is {url!r}, and that is no address of an API.",
            do="Write it with its scheme: EDGEWRIGHT_API_URL=https://…",
            code=ExitCode.USAGE,
        )
    return Target(url=url.rstrip("/"), token=token, ca_file=os.environ.get("EDGEWRIGHT_API_CA_FILE", ""))
