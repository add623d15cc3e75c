"""What the boot medium hands over: for which server it is, the token of this boot, the certificate to serve with, whom to tell."""

import json
from dataclasses import dataclass
from pathlib import Path

PLACE = Path("/run/live/medium/edgewright/boot.json")
"""Where a live system has its medium mounted."""


@dataclass(frozen=True)
class Ticket:
    """Good for one boot: nothing of it is on any drive of the server. `home`: who is told that the agent is up; empty for nobody."""

    boot: str
    server: str
    serial: str
    token: str
    certificate_pem: str
    key_pem: str
    port: int
    home: str


def read(place: Path = PLACE) -> Ticket:
    """Raises `OSError`, `ValueError`, `KeyError` or `TypeError` if there is none that can be read."""
    told = json.loads(place.read_text())
    return Ticket(**{name: told[name] for name in Ticket.__dataclass_fields__})
