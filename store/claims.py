"""Claims on pools and quotas. Fulfils `domain.claim.ClaimStore`."""

from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import Place
from domain.claim import (
    Claim,
    ClaimOrder,
    Claims,
    Pool,
    PoolExhausted,
    PoolRequest,
    PoolUnknown,
    Quota,
    QuotaExceeded,
    QuotaRequest,
    QuotaUnknown,
    ReleaseOrder,
    ValueClaimed,
)
from store.database import LEVELS, Clock, columns_of, utc_now
from store.tables import claims, pools, quotas


class ClaimRows:
    """Everything an order asks for is locked in one order (by name), so that two orders never wait for each other."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def define_pool(self, pool: Pool) -> None:
        values = {"name": pool.name, "first": pool.first, "last": pool.last, **columns_of(pool.place)}
        with self._engine.begin() as connection:
            connection.execute(
                upsert(pools).values(values).on_conflict_do_update(index_elements=[pools.c.name], set_=values)
            )

    def set_quota(self, quota: Quota) -> None:
        values = {"name": quota.name, "amount": quota.limit, **columns_of(quota.place)}
        with self._engine.begin() as connection:
            connection.execute(
                upsert(quotas).values(values).on_conflict_do_update(index_elements=[quotas.c.name], set_=values)
            )

    def take(self, order: ClaimOrder) -> Claims:
        with self._engine.begin() as connection:
            for request in sorted(order.quotas, key=lambda r: r.quota):
                self._take_quota(connection, order, request)
            for request in sorted(order.pools, key=lambda r: r.pool):
                self._take_values(connection, order, request)
            return _claims(connection, select(claims).where(claims.c.holder == order.holder))

    def release(self, order: ReleaseOrder) -> Claims:
        gone = delete(claims).where(claims.c.holder == order.holder)
        if order.pools:
            gone = gone.where(claims.c.pool.in_(order.pools))
        with self._engine.begin() as connection:
            return Claims(claims=tuple(_claim(row) for row in connection.execute(gone.returning(claims))))

    def held_by(self, holder: str) -> Claims:
        with self._engine.connect() as connection:
            return _claims(connection, select(claims).where(claims.c.holder == holder))

    def held_in(self, pool: str) -> Claims:
        with self._engine.connect() as connection:
            return _claims(connection, select(claims).where(claims.c.pool == pool))

    def _take_quota(self, connection: Connection, order: ClaimOrder, request: QuotaRequest) -> None:
        limit = connection.scalar(select(quotas.c.amount).where(quotas.c.name == request.quota).with_for_update())
        if limit is None:
            raise QuotaUnknown(f"No quota is called {request.quota}.", do="Set the quota first.")
        c, pool = claims.c, f"quota/{request.quota}"
        others = connection.scalar(
            select(func.coalesce(func.sum(c.amount), 0)).where(c.pool == pool, c.holder != order.holder)
        )
        left = int(limit) - int(others or 0)
        if request.amount > left:
            raise QuotaExceeded(
                f"{order.holder} asks for {request.amount} of {request.quota}: {max(0, left)} of {limit} are left.",
                do="Ask for less, raise the quota, or release what is no longer needed.",
            )
        mine = connection.scalar(select(c.amount).where(c.pool == pool, c.holder == order.holder))
        if mine == request.amount:
            return
        connection.execute(delete(claims).where(c.pool == pool, c.holder == order.holder))
        self._insert(connection, order, pool, order.holder, request.amount)

    def _take_values(self, connection: Connection, order: ClaimOrder, request: PoolRequest) -> None:
        c = claims.c
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"pool/{request.pool}"))))
        held = {
            row.value: row.holder for row in connection.execute(select(c.value, c.holder).where(c.pool == request.pool))
        }
        for value in request.values:
            if held.setdefault(value, order.holder) != order.holder:
                raise ValueClaimed(
                    f"{value} of {request.pool} is held by {held[value]}.", do=f"Wait until {held[value]} releases it."
                )
        mine = set(connection.scalars(select(c.value).where(c.pool == request.pool, c.holder == order.holder)))
        wanted = [value for value in request.values if value not in mine]
        missing = request.count - len(mine - set(request.values))
        if missing > 0:
            wanted += self._free(connection, request, set(held), missing)
        for value in wanted:
            self._insert(connection, order, request.pool, value, 1)

    def _free(self, connection: Connection, request: PoolRequest, held: set[str], count: int) -> list[str]:
        bounds = connection.execute(select(pools.c.first, pools.c.last).where(pools.c.name == request.pool)).first()
        if bounds is None:
            raise PoolUnknown(f"No pool is called {request.pool}.", do="Define the pool first.")
        free: list[str] = []
        for number in range(bounds.first, bounds.last + 1):
            if len(free) == count:
                break
            if str(number) not in held:
                free.append(str(number))
        if len(free) < count:
            raise PoolExhausted(
                f"{request.pool} ({bounds.first} to {bounds.last}) has {len(free)} free values; {count} are needed.",
                do="Widen the pool, or release what is no longer needed.",
            )
        return free

    def _insert(self, connection: Connection, order: ClaimOrder, pool: str, value: str, amount: int) -> None:
        connection.execute(
            insert(claims).values(
                pool=pool,
                value=value,
                holder=order.holder,
                amount=amount,
                operation=order.operation,
                since=self._clock(),
                **columns_of(order.place),
            )
        )


def _claims(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Claims:
    rows = connection.execute(statement.order_by(claims.c.pool, claims.c.value))
    return Claims(claims=tuple(_claim(row) for row in rows))


def _claim(row: Any) -> Claim:
    return Claim(
        pool=row.pool,
        value=row.value,
        holder=row.holder,
        amount=row.amount,
        operation=row.operation,
        place=Place(**{level: getattr(row, level) for level in LEVELS}),
        since=row.since,
    )
