import pytest
from sqlalchemy import Engine, select

from domain.access import Place
from domain.finding import FindingFilter, FindingState, Report, Severity, Sighting
from domain.paging import PageRequest
from store.standing import FindingRows, HoldRows
from store.tables import outbox

pytestmark = pytest.mark.services

OSLO = Place(region="nordics", site="oslo-1")


def seen(what: str, severity: Severity = Severity.WARNING, place: Place | None = None) -> Sighting:
    return Sighting(object=what, kind="cable-swapped", severity=severity, message="swapped", place=place)


def report(*sightings: Sighting, check: str = "cabling", place: Place = OSLO, key: str = "") -> Report:
    return Report(check=check, place=place, sightings=sightings, key=key)


def test_the_same_fact_is_one_finding_and_counted(engine: Engine) -> None:
    rows = FindingRows(engine)
    assert len(rows.report(report(seen("a"))).new) == 1
    assert rows.report(report(seen("a"))).new == ()
    (finding,) = rows.list(FindingFilter(), Place(), PageRequest()).items
    assert finding.count == 2


def test_a_repeated_report_counts_nothing_twice_and_gets_the_first_answer(engine: Engine) -> None:
    rows = FindingRows(engine)
    first = rows.report(report(seen("a"), key="k"))
    assert rows.report(report(seen("a"), key="k")) == first
    assert rows.get(first.new[0].id).count == 1
    with engine.connect() as connection:
        assert len(connection.execute(select(outbox.c.id)).all()) == 1


def test_a_check_resolves_what_it_stops_seeing_in_its_place_and_nothing_else(engine: Engine) -> None:
    rows = FindingRows(engine)
    here = Place(region="nordics", site="oslo-1", rack="r1")
    there = Place(region="nordics", site="oslo-1", rack="r2")
    rows.report(report(seen("a", place=here), seen("b", place=there)))
    resolved = rows.report(report(place=here)).resolved
    assert [finding.object for finding in resolved] == ["a"]
    assert [f.object for f in rows.list(FindingFilter(), Place(), PageRequest()).items] == ["b"]


def test_a_fact_that_two_checks_see_is_open_until_both_stop(engine: Engine) -> None:
    rows = FindingRows(engine)
    rows.report(report(seen("a")))
    rows.report(report(seen("a"), check="audit"))
    assert rows.report(report()).resolved == ()
    assert [f.object for f in rows.report(report(check="audit")).resolved] == ["a"]


def test_what_was_not_looked_at_is_not_resolved(engine: Engine) -> None:
    rows = FindingRows(engine)
    rows.report(report(seen("a"), seen("b")))
    dark = report().model_copy(update={"unseen": ("a",)})
    assert [finding.object for finding in rows.report(dark).resolved] == ["b"]
    assert [finding.object for finding in rows.report(report()).resolved] == ["a"]


def test_what_gets_worse_is_open_again_and_what_comes_back_is_new(engine: Engine) -> None:
    rows = FindingRows(engine)
    (finding,) = rows.report(report(seen("a"))).new
    assert rows.acknowledge(finding.id, "ada", "on it").state is FindingState.ACKNOWLEDGED
    assert rows.report(report(seen("a"))).worsened == ()
    (worse,) = rows.report(report(seen("a", Severity.CRITICAL))).worsened
    assert worse.state is FindingState.OPEN
    rows.report(report())
    (back,) = rows.report(report(seen("a"))).new
    assert back.id == finding.id
    assert back.acknowledged_by == ""


def test_a_hold_covers_what_lies_inside_until_it_is_released(engine: Engine) -> None:
    rows = HoldRows(engine)
    hold = rows.place(OSLO, "storm", "ada")
    assert rows.place(OSLO, "storm again", "ada") == hold
    server = Place(region="nordics", site="oslo-1", rack="r1", server="r1-s01")
    assert rows.covering(server) == (hold,)
    assert rows.covering(Place(region="nordics", site="bergen-1")) == ()
    assert rows.covering(Place(region="nordics")) == ()
    at_the_server = rows.place(server, "a fan is changed", "eva")
    of_the_rack = server.model_copy(update={"server": ""})
    assert rows.covering(of_the_rack) == (hold,)
    assert set(rows.covering(of_the_rack, within=True)) == {hold, at_the_server}
    rows.release(at_the_server.id, "eva")
    released = rows.release(hold.id, "bob")
    assert rows.release(hold.id, "eve") == released
    assert rows.covering(server) == ()
    assert released in rows.list(Place(), PageRequest(), released=True).items
