"""Claims: values of pools, shares of quotas and servers that somebody holds, so that nobody else can take them.

A claim is taken before anything else changes and released last. Its holder is a key that the operation can name again
(`site/oslo-1/fabric`), so that a retry finds what it took.
"""

from datetime import datetime
from typing import Protocol

from domain.access import Place
from domain.errors import Conflict, Rejected
from domain.model import Model


class PoolUnknown(Rejected):
    """A claim named a pool that nobody defined, so there is no range to choose from."""

    kind = "pool-unknown"


class QuotaUnknown(Rejected):
    """A claim named a quota that nobody set."""

    kind = "quota-unknown"


class QuotaExceeded(Rejected):
    """The share asked for does not fit into what the quota has left."""

    kind = "quota-exceeded"


class PoolExhausted(Conflict):
    """Every value of the pool is held."""

    kind = "pool-exhausted"


class ValueClaimed(Conflict):
    """Somebody else holds this very value."""

    kind = "value-claimed"


class Pool(Model):
    """A range of numbers to choose from (VNI, public port), first and last included."""

    name: str
    first: int
    last: int
    place: Place = Place()


class Quota(Model):
    name: str
    limit: int
    place: Place = Place()


class PoolRequest(Model):
    """`count` free values, lowest first; or exactly `values` (a server's name, a number somebody fixed)."""

    pool: str
    count: int = 0
    values: tuple[str, ...] = ()


class QuotaRequest(Model):
    quota: str
    amount: int


class ClaimOrder(Model):
    """All of it or nothing, in one transaction."""

    holder: str
    pools: tuple[PoolRequest, ...] = ()
    quotas: tuple[QuotaRequest, ...] = ()
    operation: str = ""
    place: Place = Place()


class Claim(Model):
    """`value` is held in `pool`; a share of a quota has the holder as its value and `amount` as its size."""

    pool: str
    value: str
    holder: str
    amount: int = 1
    operation: str = ""
    place: Place = Place()
    since: datetime


class Claims(Model):
    claims: tuple[Claim, ...] = ()

    def values(self, pool: str) -> tuple[str, ...]:
        return tuple(claim.value for claim in self.claims if claim.pool == pool)


class ReleaseOrder(Model):
    """Everything of this holder, or only what it holds in these pools."""

    holder: str
    pools: tuple[str, ...] = ()


class ClaimStore(Protocol):
    def define_pool(self, pool: Pool) -> None: ...

    def set_quota(self, quota: Quota) -> None: ...

    def take(self, order: ClaimOrder) -> Claims:
        """Claims everything or nothing. A holder that asks again gets what it holds; it never holds more than its order says."""
        ...

    def release(self, order: ReleaseOrder) -> Claims:
        """Gives back and returns what was given back; a second call returns nothing."""
        ...

    def held_by(self, holder: str) -> Claims: ...

    def held_in(self, pool: str) -> Claims: ...
