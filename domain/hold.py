"""Holds: an operator stops disruptive work on a server, rack, site, region or the whole fleet until they release it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from domain.access import Place
from domain.errors import Rejected
from domain.model import Model
from domain.paging import Page, PageRequest


class HoldUnknown(Rejected):
    """No hold has this id."""

    kind = "hold-unknown"


class Hold(Model):
    id: str
    place: Place
    reason: str
    who: str
    since: datetime
    released_at: datetime | None = None
    released_by: str = ""
    released_why: str = ""

    @property
    def in_force(self) -> bool:
        return self.released_at is None

    def __str__(self) -> str:
        return f"held by {self.who} ({self.place}): {self.reason}"


class HoldQuery(Model):
    """Which holds stop work here? Those on this place and on every wider one; `within`: and those on anything in its site."""

    place: Place
    within: bool = False


class Holds(Model):
    holds: tuple[Hold, ...] = ()


def holding(holds: Iterable[Hold], place: Place) -> tuple[Hold, ...]:
    """The holds that stop disruptive steps at this place: in force, and covering it."""
    return tuple(hold for hold in holds if hold.in_force and hold.place.covers(place))


class HoldStore(Protocol):
    def place(self, place: Place, reason: str, who: str) -> Hold:
        """Holds a place. The same person holding the same place again gets the hold that is there."""
        ...

    def release(self, hold: str, who: str, why: str = "") -> Hold:
        """Releasing a released hold changes nothing."""
        ...

    def get(self, hold: str) -> Hold: ...

    def covering(self, place: Place, *, within: bool = False) -> tuple[Hold, ...]: ...

    def list(self, reach: Place, page: PageRequest, *, released: bool = False) -> Page[Hold]: ...
