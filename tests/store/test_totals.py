from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from domain.access import Place
from domain.finding import Report, Severity, Sighting
from domain.operation import OperationDraft, Outcome
from domain.totals import Total
from store.access import QueuePollRows
from store.operations import OperationRows
from store.standing import FindingRows
from store.totals import TotalRows

pytestmark = pytest.mark.services

OSLO = Place(region="nordics", site="oslo-1")
BERGEN = Place(region="nordics", site="bergen-1")


def see(engine: Engine, place: Place, *severities: Severity) -> None:
    sightings = tuple(
        Sighting(object=f"{place.site}/{n}", kind="gpu-count", severity=severity, message="one short")
        for n, severity in enumerate(severities)
    )
    FindingRows(engine).report(Report(check="verification", place=place, sightings=sightings))


def test_findings_are_counted_by_site_and_severity_until_they_are_resolved(engine: Engine) -> None:
    see(engine, OSLO, Severity.CRITICAL, Severity.CRITICAL, Severity.WARNING)
    see(engine, BERGEN, Severity.WARNING)
    assert set(TotalRows(engine).now().findings) == {
        Total(place=OSLO, of="critical", count=2),
        Total(place=OSLO, of="warning", count=1),
        Total(place=BERGEN, of="warning", count=1),
    }
    see(engine, OSLO)
    assert TotalRows(engine).now().findings == (Total(place=BERGEN, of="warning", count=1),)


def test_only_operations_that_have_not_ended_are_counted(engine: Engine) -> None:
    rows = OperationRows(engine)
    first, second = (
        rows.open(OperationDraft(kind="site-audit", target="oslo-1", place=OSLO, who="x")).operation for _ in range(2)
    )
    rows.take(first.id, first.workflow_id, "run-1")
    rows.take(second.id, second.workflow_id, "run-2")
    assert TotalRows(engine).now().operations == (Total(place=OSLO, of="running", count=2),)
    rows.end(first.id, "run-1", Outcome(state="succeeded"))  # pyright: ignore[reportArgumentType]
    assert TotalRows(engine).now().operations == (Total(place=OSLO, of="running", count=1),)


def test_a_queue_tells_its_newest_poll(engine: Engine) -> None:
    polls = QueuePollRows(engine)
    old, new = (datetime(2026, 11, 26, hour, tzinfo=UTC) for hour in (1, 2))
    polls.record("devices", "worker-a", new)
    polls.record("devices", "worker-b", old)
    assert TotalRows(engine).now().last_polls == {"devices": new}
