"""How much stands and moves now, in numbers: what alerts are made of."""

from datetime import datetime

from domain.access import Place
from domain.model import Model


class Total(Model):
    """`of`: a finding's severity, or an operation's state."""

    place: Place
    of: str
    count: int


class Totals(Model):
    """What there is none of is not listed."""

    findings: tuple[Total, ...] = ()
    """Not resolved, by site and severity."""
    operations: tuple[Total, ...] = ()
    """Not ended, by site and state."""
    last_polls: dict[str, datetime] = {}
    """Each task queue's newest poll by any worker."""
