import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import store
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
from tests.conftest import RunningPostgres

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def engine_of_all_examples(postgres: RunningPostgres, migrated_template: str) -> Iterator[Engine]:
    """One database for all examples, which use pools of their own."""
    database = postgres.create(migrated_template)
    made = store.connect(database.url, pool_size=25)
    yield made
    made.dispose()
    postgres.drop(database.name)


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


@settings(max_examples=4, deadline=None)
@given(
    size=st.integers(1, 30),
    limit=st.integers(0, 60),
    orders=st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 4), st.integers(0, 9), st.booleans()), min_size=50, max_size=50
    ),
)
def test_fifty_parallel_claims_and_releases_of_any_size_never_exceed_pool_and_quota(
    engine_of_all_examples: Engine, size: int, limit: int, orders: list[tuple[int, int, int, bool]]
) -> None:
    """Of few holders, so that some ask again for more or less and some release meanwhile."""
    rows, example = ClaimRows(engine_of_all_examples), uuid.uuid4().hex[:8]
    pool, quota = f"vni-{example}", f"gpus-{example}"
    rows.define_pool(Pool(name=pool, first=1, last=size))
    rows.set_quota(Quota(name=quota, limit=limit))
    exceeded: list[tuple[int, int]] = []

    def work(order: tuple[int, int, int, bool]) -> None:
        number, count, amount, release = order
        holder = f"tenant/{example}-{number}"
        if release:
            rows.release(ReleaseOrder(holder=holder))
            return
        order_of_holder = ClaimOrder(
            holder=holder,
            pools=(PoolRequest(pool=pool, count=count),),
            quotas=(QuotaRequest(quota=quota, amount=amount),),
        )
        with suppress(PoolExhausted, QuotaExceeded):
            rows.take(order_of_holder)
        # Looked at while the others go on: not only the end must be within bounds.
        values = rows.held_in(pool).values(pool)
        used = sum(c.amount for c in rows.held_in(f"quota/{quota}").claims)
        if len(values) > size or len(set(values)) != len(values) or used > limit:
            exceeded.append((len(values), used))

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(work, orders))
    assert exceeded == []
    values = rows.held_in(pool).values(pool)
    assert all(1 <= int(value) <= size for value in values)
    for number in range(12):
        rows.release(ReleaseOrder(holder=f"tenant/{example}-{number}"))
    assert rows.held_in(pool).claims == rows.held_in(f"quota/{quota}").claims == ()


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
