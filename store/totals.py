"""How many things stand, counted by the database: what is watched from outside must not list them."""

from sqlalchemy import func, select

from domain.access import Place
from domain.finding import FindingState
from domain.operation import OPEN_STATES
from domain.totals import Total, Totals
from store.database import Transactions
from store.tables import findings, operations, queue_polls


class TotalRows:
    """Fulfils `api.context.Counts`."""

    def __init__(self, engine: Transactions) -> None:
        self._engine = engine

    def now(self) -> Totals:
        """One reading, in one transaction."""
        f, o, p = findings.c, operations.c, queue_polls.c
        open_ones = (
            select(f.region, f.site, f.severity, func.count())
            .where(f.state != FindingState.RESOLVED.value)
            .group_by(f.region, f.site, f.severity)
        )
        moving = (
            select(o.region, o.site, o.state, func.count())
            .where(o.state.in_([state.value for state in OPEN_STATES]))
            .group_by(o.region, o.site, o.state)
        )
        polls = select(p.queue, func.max(p.at)).group_by(p.queue)
        with self._engine.connect() as connection:
            return Totals(
                findings=tuple(_total(*row) for row in connection.execute(open_ones)),
                operations=tuple(_total(*row) for row in connection.execute(moving)),
                last_polls=dict(row.tuple() for row in connection.execute(polls)),
            )


def _total(region: str, site: str, of: str, count: int) -> Total:
    return Total(place=Place(region=region, site=site), of=of, count=count)
