from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from domain.access import AuditEvent, AuditFilter, Place
from domain.errors import Rejected
from domain.hold import Hold
from domain.operation import IdempotencyKey, IdempotencyKeyReused, OperationDraft
from domain.paging import PageRequest
from store.access import AuditRows
from store.answers import AnswerRows, JoinedStores
from store.database import utc_now
from store.operations import OperationRows
from store.standing import HoldRows

pytestmark = pytest.mark.services

KEY = IdempotencyKey(key="k1", request_digest="d1", scope="tk-1")
OTHER_REQUEST = KEY.model_copy(update={"request_digest": "d2"})


def hold_oslo(stores: JoinedStores, who: str = "ada") -> Hold:
    hold = stores.holds.place(Place(site="oslo-1"), "visitors", who)
    stores.audit(AuditEvent(at=utc_now(), who=who, action="hold.place", object=hold.id, place=hold.place))
    return hold


def test_two_processes_with_one_key_have_one_effect_and_one_answer(engine: Engine) -> None:
    processes = (AnswerRows(engine), AnswerRows(engine))

    def ask(number: int) -> Hold:
        # Each request would place a hold of its own: the store takes one per person.
        return processes[number % 2].once(KEY, Hold, lambda stores: hold_oslo(stores, f"person-{number}"))

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(ask, range(12)))
    assert len({hold.id for hold in answers}) == 1
    assert len(HoldRows(engine).list(Place(), PageRequest()).items) == 1
    assert len(AuditRows(engine).list(AuditFilter(), Place(), PageRequest()).items) == 1
    assert AnswerRows(engine).find(KEY, Hold) == answers[0]


def test_what_fails_leaves_neither_effect_nor_answer_and_can_be_asked_again(engine: Engine) -> None:
    def fails_after_its_effect(stores: JoinedStores) -> Hold:
        hold_oslo(stores)
        raise Rejected("the request fails after it has written")

    rows = AnswerRows(engine)
    with pytest.raises(Rejected, match="after it has written"):
        rows.once(KEY, Hold, fails_after_its_effect)
    assert HoldRows(engine).list(Place(), PageRequest()).items == ()
    assert AuditRows(engine).list(AuditFilter(), Place(), PageRequest()).items == ()
    assert rows.once(KEY, Hold, hold_oslo).reason == "visitors"


def test_a_key_means_one_request_whether_it_opened_an_operation_or_not(engine: Engine) -> None:
    rows, operations = AnswerRows(engine), OperationRows(engine)
    rows.once(KEY, Hold, hold_oslo)
    with pytest.raises(IdempotencyKeyReused):
        rows.once(OTHER_REQUEST, Hold, hold_oslo)
    with pytest.raises(IdempotencyKeyReused):
        rows.find(OTHER_REQUEST, Hold)
    draft = OperationDraft(kind="site-plan", target="oslo-1", who="ada")
    with pytest.raises(IdempotencyKeyReused):
        operations.open(draft, OTHER_REQUEST)
    opened = KEY.model_copy(update={"key": "k2"})
    operations.open(draft, opened)
    with pytest.raises(IdempotencyKeyReused):
        rows.once(opened.model_copy(update={"request_digest": "d2"}), Hold, hold_oslo)


def test_old_answers_are_forgotten_and_operations_keep_their_keys(engine: Engine) -> None:
    rows, operations = AnswerRows(engine), OperationRows(engine)
    rows.once(KEY, Hold, hold_oslo)
    opened = KEY.model_copy(update={"key": "k2"})
    draft = OperationDraft(kind="site-plan", target="oslo-1", who="ada")
    operations.open(draft, opened)
    assert rows.forget(utc_now() - timedelta(days=1)) == 0
    assert rows.forget(utc_now() + timedelta(seconds=1)) == 1
    assert rows.find(KEY, Hold) is None
    assert operations.open(draft, opened).replayed
