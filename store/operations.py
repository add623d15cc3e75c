"""The table `operations` with its idempotency keys. Fulfils `domain.operation.OperationStore`."""

from datetime import timedelta

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import Place
from domain.errors import Conflict
from domain.operation import (
    CancelAsked,
    IdempotencyKey,
    IdempotencyKeyReused,
    Opened,
    Operation,
    OperationDraft,
    OperationFilter,
    OperationState,
    OperationUnknown,
    Outcome,
    PlanRecord,
    ProgressRecord,
    Step,
    Taken,
    WaitingRecord,
)
from domain.paging import Page, PageRequest
from store.database import Clock, columns_of, id_before, inside, limited, new_id, page_of, plain, utc_now
from store.outbox import announce
from store.tables import idempotency_keys, operations


class OperationRows:
    """Every method is one transaction on one row that it locks, so a retry and its twin cannot interleave."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def open(self, draft: OperationDraft, key: IdempotencyKey | None = None) -> Opened:
        """Of two requests with one key at once, the second waits for the first to commit and gets its operation."""
        with self._engine.begin() as connection:
            operation = self._new(draft, OperationState.ACCEPTED)
            if key:
                won = connection.execute(
                    upsert(idempotency_keys)
                    .values(
                        scope=key.scope,
                        key=key.key,
                        request_digest=key.request_digest,
                        operation=operation.id,
                        at=operation.accepted_at,
                    )
                    .on_conflict_do_nothing()
                    .returning(idempotency_keys.c.key)
                ).first()
                if won is None:
                    return Opened(operation=self._replayed(connection, key), replayed=True)
            self._insert(connection, operation)
            return Opened(operation=operation)

    def open_running(self, draft: OperationDraft, run_id: str) -> Operation:
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"run/{run_id}"))))
            found = connection.execute(select(operations.c.body).where(operations.c.first_run_id == run_id)).scalar()
            if found is not None:
                return Operation.model_validate(found)
            fresh = self._new(draft, OperationState.RUNNING)
            operation = fresh.model_copy(update={"first_run_id": run_id, "started_at": fresh.accepted_at})
            self._insert(connection, operation)
            return operation

    def get(self, operation: str) -> Operation:
        with self._engine.connect() as connection:
            return _existing(connection, operation)

    def take(self, operation: str, workflow_id: str, run_id: str) -> Taken:
        with self._engine.begin() as connection:
            row = _existing(connection, operation, lock=True)
            if row.state.ended:
                return Taken(granted=False, operation=row, why=f"{operation} has already ended as {row.state}.")
            if row.state is not OperationState.ACCEPTED:
                if row.first_run_id == run_id:
                    return Taken(granted=True, operation=row)
                return Taken(granted=False, operation=row, why=f"{operation} belongs to run {row.first_run_id}.")
            taken = row.model_copy(
                update={
                    "state": OperationState.RUNNING,
                    "workflow_id": workflow_id,
                    "first_run_id": run_id,
                    "started_at": self._clock(),
                }
            )
            _save(connection, taken)
            return Taken(granted=True, operation=taken)

    def record_plan(self, record: PlanRecord) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, record.operation, lock=True)
            _refuse_other_run(row, record.run_id, "its plan was not written")
            if row.state.ended or row.plan_hash == record.plan_hash:
                return row
            changed = row.model_copy(update={"plan_hash": record.plan_hash})
            _save(connection, changed)
            return changed

    def record_progress(self, record: ProgressRecord) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, record.operation, lock=True)
            known = connection.scalar(select(operations.c.revision).where(operations.c.id == record.operation)) or 0
            if row.state.ended or record.revision < known:
                return row
            changed = row.model_copy(update={"steps": record.steps, "summary": record.summary})
            _save(connection, changed, revision=record.revision)
            return changed

    def record_waiting(self, record: WaitingRecord) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, record.operation, lock=True)
            if row.state.ended:
                return row
            over = {*record.cleared, *(wait.key for wait in record.waiting)}
            known = {wait.key: wait for wait in row.waiting}
            waiting = (*(wait for wait in row.waiting if wait.key not in over), *record.waiting)
            state = OperationState.BLOCKED if waiting else OperationState.RUNNING
            changed = row.model_copy(update={"waiting": waiting, "state": state})
            if changed == row:
                return row
            _save(connection, changed)
            for wait in record.waiting:
                if known.get(wait.key) != wait:
                    announce(connection, "operation.blocked", row.id, plain(wait), self._clock())
            return changed

    def ask_cancel(self, operation: str, asked: CancelAsked) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, operation, lock=True)
            if row.state.ended or row.cancel_asked is not None:
                return row
            changed = row.model_copy(update={"cancel_asked": asked})
            _save(connection, changed)
            return changed

    def end(self, operation: str, run_id: str, outcome: Outcome, steps: tuple[Step, ...] = ()) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, operation, lock=True)
            if row.first_run_id:
                _refuse_other_run(row, run_id, "it was not ended")
            return row if row.state.ended else self._end(connection, row, outcome, steps)

    def refuse(self, operation: str, outcome: Outcome) -> Operation:
        with self._engine.begin() as connection:
            row = _existing(connection, operation, lock=True)
            if row.state is not OperationState.ACCEPTED:
                return row
            return self._end(connection, row, outcome.model_copy(update={"state": OperationState.REFUSED}))

    def unstarted(self, older_than_s: float) -> tuple[Operation, ...]:
        before = self._clock() - timedelta(seconds=older_than_s)
        statement = (
            select(operations.c.body)
            .where(operations.c.state == OperationState.ACCEPTED.value, operations.c.accepted_at <= before)
            .order_by(operations.c.id)
        )
        with self._engine.connect() as connection:
            return tuple(Operation.model_validate(body) for body in connection.scalars(statement))

    def list(self, where: OperationFilter, reach: Place, page: PageRequest) -> Page[Operation]:
        c = operations.c
        statement = select(c.body).where(*inside(operations, reach), *inside(operations, where.place))
        for column in ("kind", "target", "who", "workflow_id"):
            if value := getattr(where, column):
                statement = statement.where(c[column] == value)
        if where.states:
            statement = statement.where(c.state.in_([state.value for state in where.states]))
        if before := id_before(page, "op"):
            statement = statement.where(c.id < before)
        with self._engine.connect() as connection:
            bodies = connection.scalars(limited(statement.order_by(c.id.desc()), page)).all()
        return page_of([Operation.model_validate(body) for body in bodies], page, lambda row: row.id)

    def _new(self, draft: OperationDraft, state: OperationState) -> Operation:
        now = self._clock()
        operation = Operation(**dict(draft), id=new_id("op", now), state=state, accepted_at=now)
        workflow_id = operation.workflow_id or f"{operation.kind}/{operation.id}"
        return operation.model_copy(update={"workflow_id": workflow_id})

    def _replayed(self, connection: Connection, key: IdempotencyKey) -> Operation:
        c = idempotency_keys.c
        kept = connection.execute(
            select(c.request_digest, c.operation).where(c.scope == key.scope, c.key == key.key)
        ).one()
        if kept.request_digest != key.request_digest:
            raise IdempotencyKeyReused(
                f"The idempotency key {key.key} came before, with another request ({kept.operation}).",
                do="Send a new key with a new request.",
            )
        return _existing(connection, kept.operation)

    def _insert(self, connection: Connection, operation: Operation) -> None:
        connection.execute(
            insert(operations).values(
                revision=0, accepted_at=operation.accepted_at, **columns_of(operation.place), **_columns(operation)
            )
        )

    def _end(self, connection: Connection, row: Operation, outcome: Outcome, steps: tuple[Step, ...] = ()) -> Operation:
        ended = row.model_copy(
            update={
                "state": outcome.state,
                "outcome": outcome,
                "ended_at": self._clock(),
                "waiting": (),
                "steps": steps or row.steps,
            }
        )
        _save(connection, ended)
        return ended


def _existing(connection: Connection, operation: str, *, lock: bool = False) -> Operation:
    statement = select(operations.c.body).where(operations.c.id == operation)
    body = connection.execute(statement.with_for_update() if lock else statement).scalar()
    if body is None:
        raise OperationUnknown(f"No operation is called {operation}.", do="See: edgewright get operations")
    return Operation.model_validate(body)


def _refuse_other_run(row: Operation, run_id: str, so: str) -> None:
    if row.first_run_id != run_id:
        raise Conflict(
            f"{row.id} belongs to run {row.first_run_id or '(none yet)'}, not to {run_id}: {so}.",
            do=f"See: edgewright why {row.id}",
        )


def _columns(operation: Operation) -> dict[str, object]:
    return {
        "id": operation.id,
        "state": operation.state.value,
        "kind": operation.kind,
        "target": operation.target,
        "who": operation.who,
        "workflow_id": operation.workflow_id,
        "first_run_id": operation.first_run_id,
        "body": plain(operation),
    }


def _save(connection: Connection, operation: Operation, revision: int | None = None) -> None:
    values = _columns(operation) | ({} if revision is None else {"revision": revision})
    connection.execute(update(operations).where(operations.c.id == operation.id).values(values))
