from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from domain.access import Place
from domain.errors import Conflict
from domain.operation import (
    CancelAsked,
    IdempotencyKey,
    IdempotencyKeyReused,
    OperationDraft,
    OperationFilter,
    OperationState,
    OperationUnknown,
    Outcome,
    PlanRecord,
    ProgressRecord,
    Step,
    Waiting,
    WaitingRecord,
    WaitKind,
)
from domain.paging import CursorUnreadable, PageRequest
from store.database import utc_now
from store.operations import OperationRows
from store.tables import outbox

pytestmark = pytest.mark.services


def draft(site: str = "oslo-1", region: str = "nordics") -> OperationDraft:
    return OperationDraft(
        kind="site-onboarding",
        target=site,
        place=Place(region=region, site=site),
        who="ada",
        workflow_id=f"site/{site}/fabric",
    )


DONE = Outcome(state=OperationState.SUCCEEDED, reason="done")


def test_the_same_idempotency_key_opens_one_operation_even_from_many_threads(engine: Engine) -> None:
    rows = OperationRows(engine)
    key = IdempotencyKey(key="k1", request_digest="d1", scope="tk-1")
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: rows.open(draft(), key), range(16)))
    assert len({o.operation.id for o in opened}) == 1
    assert sum(not o.replayed for o in opened) == 1
    assert len(rows.list(OperationFilter(), Place(), PageRequest()).items) == 1


def test_the_same_key_with_another_request_is_a_conflict_and_another_clients_key_is_not(engine: Engine) -> None:
    rows = OperationRows(engine)
    rows.open(draft(), IdempotencyKey(key="k1", request_digest="d1", scope="tk-1"))
    with pytest.raises(IdempotencyKeyReused):
        rows.open(draft("bergen-1"), IdempotencyKey(key="k1", request_digest="d2", scope="tk-1"))
    assert not rows.open(draft(), IdempotencyKey(key="k1", request_digest="d2", scope="tk-2")).replayed


def test_a_row_is_taken_once_and_the_same_run_may_ask_again(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    assert rows.take(row.id, row.workflow_id, "run-1").granted
    assert rows.take(row.id, row.workflow_id, "run-1").granted
    refused = rows.take(row.id, row.workflow_id, "run-2")
    assert not refused.granted
    assert "run-1" in refused.why
    assert rows.get(row.id).first_run_id == "run-1"


def test_an_ended_row_is_taken_by_nobody_and_keeps_its_first_outcome(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    rows.take(row.id, row.workflow_id, "run-1")
    rows.end(row.id, "run-1", DONE)
    again = rows.end(row.id, "run-1", Outcome(state=OperationState.FAILED))
    assert again.outcome == DONE
    assert not rows.take(row.id, row.workflow_id, "run-1").granted


def test_another_runs_row_is_not_ended(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    rows.take(row.id, row.workflow_id, "run-1")
    with pytest.raises(Conflict):
        rows.end(row.id, "run-2", DONE)
    assert rows.get(row.id).state is OperationState.RUNNING


def test_a_refused_start_ends_an_accepted_row_and_leaves_a_running_one_alone(engine: Engine) -> None:
    rows = OperationRows(engine)
    first, second = rows.open(draft()).operation, rows.open(draft()).operation
    rows.take(second.id, second.workflow_id, "run-1")
    outcome = Outcome(state=OperationState.REFUSED, reason="the lock is taken")
    assert rows.refuse(first.id, outcome).state is OperationState.REFUSED
    assert rows.refuse(second.id, outcome).state is OperationState.RUNNING


def test_an_older_progress_that_comes_late_changes_nothing(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    rows.take(row.id, row.workflow_id, "run-1")
    newer = (Step(key="read", title="Read hardware"),)
    rows.record_progress(ProgressRecord(operation=row.id, revision=2, steps=newer, summary="2"))
    late = rows.record_progress(ProgressRecord(operation=row.id, revision=1, steps=(), summary="1"))
    assert late.steps == newer
    assert late.summary == "2"


def test_a_row_is_blocked_while_one_of_its_waits_is_left_and_each_wait_goes_out_once(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    rows.take(row.id, row.workflow_id, "run-1")
    waits = [
        Waiting(key=k, step="Read hardware", kind=WaitKind.BLOCKED, reason="no answer", since=utc_now()) for k in "ab"
    ]
    for _ in range(2):
        for wait in waits:
            rows.record_waiting(WaitingRecord(operation=row.id, waiting=(wait,)))
    assert rows.record_waiting(WaitingRecord(operation=row.id, cleared=("a",))).state is OperationState.BLOCKED
    assert rows.record_waiting(WaitingRecord(operation=row.id, cleared=("b",))).state is OperationState.RUNNING
    with engine.connect() as connection:
        assert len(connection.execute(select(outbox.c.id)).all()) == 2


def test_the_first_who_asks_to_cancel_is_kept_and_an_ended_row_is_left_alone(engine: Engine) -> None:
    rows = OperationRows(engine)
    row = rows.open(draft()).operation
    rows.take(row.id, row.workflow_id, "run-1")
    first = CancelAsked(who="ada", at=utc_now(), why="wrong site")
    assert rows.ask_cancel(row.id, first).cancel_asked == first
    assert rows.ask_cancel(row.id, CancelAsked(who="eva", at=utc_now())).cancel_asked == first
    rows.record_progress(ProgressRecord(operation=row.id, revision=1, steps=()))
    assert rows.end(row.id, "run-1", Outcome(state=OperationState.CANCELLED)).cancel_asked == first
    other = rows.open(draft("bergen-1")).operation
    rows.take(other.id, other.workflow_id, "run-2")
    rows.end(other.id, "run-2", Outcome(state=OperationState.SUCCEEDED))
    assert rows.ask_cancel(other.id, first).cancel_asked is None


def test_the_sweep_finds_accepted_rows_only(engine: Engine) -> None:
    rows = OperationRows(engine)
    waiting, running = rows.open(draft()).operation, rows.open(draft("bergen-1")).operation
    rows.take(running.id, running.workflow_id, "run-1")
    assert [row.id for row in rows.unstarted(0)] == [waiting.id]
    assert rows.unstarted(3600) == ()


def test_a_scheduled_run_opens_its_row_once(engine: Engine) -> None:
    rows = OperationRows(engine)
    assert rows.open_running(draft(), "run-1").id == rows.open_running(draft(), "run-1").id


def test_lists_show_only_what_a_token_reaches_page_by_page(engine: Engine) -> None:
    rows = OperationRows(engine)
    mine = [rows.open(draft()).operation.id for _ in range(5)]
    rows.open(draft("turin-1", region="south"))
    seen: list[str] = []
    cursor = ""
    while True:
        page = rows.list(OperationFilter(), Place(region="nordics"), PageRequest(limit=2, cursor=cursor))
        seen += [row.id for row in page.items]
        if not (cursor := page.next):
            break
    assert sorted(seen) == sorted(mine)
    assert rows.list(OperationFilter(), Place(site="nowhere"), PageRequest()).items == ()


def test_an_unknown_operation_is_named(engine: Engine) -> None:
    with pytest.raises(OperationUnknown, match="op-none"):
        OperationRows(engine).get("op-none")


def test_the_plan_is_written_by_the_rows_own_run_alone_and_an_ended_row_keeps_its_plan(engine: Engine) -> None:
    rows = OperationRows(engine)
    operation = rows.open(draft()).operation.id
    mine = PlanRecord(operation=operation, run_id="run-1", plan_hash="a" * 64)
    with pytest.raises(Conflict, match="its plan was not written"):
        rows.record_plan(mine)
    rows.take(operation, "site/oslo-1/fabric", "run-1")
    assert rows.record_plan(mine) == rows.record_plan(mine) == rows.get(operation)
    assert rows.get(operation).plan_hash == "a" * 64
    with pytest.raises(Conflict, match="belongs to run run-1"):
        rows.record_plan(mine.model_copy(update={"run_id": "run-2", "plan_hash": "b" * 64}))
    rows.end(operation, "run-1", DONE)
    assert rows.record_plan(mine.model_copy(update={"plan_hash": "c" * 64})).plan_hash == "a" * 64


@pytest.mark.parametrize("cursor", ["zzz", "op-", "fi-0123456789abc"])
def test_a_cursor_that_no_list_gave_out_is_refused(engine: Engine, cursor: str) -> None:
    with pytest.raises(CursorUnreadable):
        OperationRows(engine).list(OperationFilter(), Place(), PageRequest(cursor=cursor))
