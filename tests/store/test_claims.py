from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from domain.claim import (
    ClaimOrder,
    Pool,
    PoolExhausted,
    PoolRequest,
    Quota,
    QuotaExceeded,
    QuotaRequest,
    ReleaseOrder,
    ValueClaimed,
)
from store.claims import ClaimRows

pytestmark = pytest.mark.services


@pytest.mark.parametrize(("size", "limit"), [(7, 60), (60, 22)])
def test_fifty_parallel_claims_never_exceed_pool_and_quota(engine: Engine, size: int, limit: int) -> None:
    rows = ClaimRows(engine)
    rows.define_pool(Pool(name="vni", first=1, last=size))
    rows.set_quota(Quota(name="gpus", limit=limit))

    def claim(number: int) -> bool:
        order = ClaimOrder(
            holder=f"tenant/t{number}",
            pools=(PoolRequest(pool="vni", count=1),),
            quotas=(QuotaRequest(quota="gpus", amount=2),),
        )
        try:
            rows.take(order)
        except (PoolExhausted, QuotaExceeded):
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        granted = sum(threads.map(claim, range(50)))
    assert granted == min(size, limit // 2)
    values = rows.held_in("vni").values("vni")
    assert len(values) == len(set(values)) == granted
    assert sum(c.amount for c in rows.held_in("quota/gpus").claims) == 2 * granted


def test_a_holder_that_asks_again_gets_what_it_holds(engine: Engine) -> None:
    rows = ClaimRows(engine)
    rows.define_pool(Pool(name="vni", first=1, last=5))
    rows.set_quota(Quota(name="gpus", limit=4))
    order = ClaimOrder(
        holder="a", pools=(PoolRequest(pool="vni", count=2),), quotas=(QuotaRequest(quota="gpus", amount=3),)
    )
    assert rows.take(order) == rows.take(order) == rows.held_by("a")
    assert rows.held_by("a").values("vni") == ("1", "2")
    assert len(rows.release(ReleaseOrder(holder="a")).claims) == 3
    assert rows.release(ReleaseOrder(holder="a")).claims == ()


def test_a_held_value_is_a_conflict_that_names_its_holder_and_takes_nothing_else(engine: Engine) -> None:
    rows = ClaimRows(engine)
    rows.take(ClaimOrder(holder="a", pools=(PoolRequest(pool="servers", values=("r1-s01",)),)))
    with pytest.raises(ValueClaimed, match="held by a"):
        rows.take(ClaimOrder(holder="b", pools=(PoolRequest(pool="servers", values=("r1-s02", "r1-s01")),)))
    assert rows.held_by("b").claims == ()
