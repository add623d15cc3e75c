from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from domain.access import Place
from domain.declaration import VersionStale
from domain.paging import PageRequest
from domain.plan import Action, Change, Plan, System
from store.database import utc_now
from store.declarations import DeclarationRows, PlanRows

pytestmark = pytest.mark.services

OSLO = Place(region="nordics", site="oslo-1")


def test_every_version_is_kept_and_the_newest_is_the_head(engine: Engine) -> None:
    rows = DeclarationRows(engine)
    rows.put("Site", "oslo-1", {"tier": 1}, OSLO, 0, "ada")
    rows.put("Site", "oslo-1", {"tier": 2}, OSLO, 1, "bob")
    head = rows.head("Site", "oslo-1")
    assert head is not None
    assert (head.version, head.body, head.author) == (2, {"tier": 2}, "bob")
    first = rows.version("Site", "oslo-1", 1)
    assert first is not None
    assert first.body == {"tier": 1}
    page = rows.versions("Site", "oslo-1", PageRequest(limit=1))
    assert [d.version for d in page.items] == [2]
    assert [d.version for d in rows.versions("Site", "oslo-1", PageRequest(cursor=page.next)).items] == [1]


def test_of_many_writers_on_one_version_one_wins(engine: Engine) -> None:
    rows = DeclarationRows(engine)

    def put(number: int) -> bool:
        try:
            rows.put("Site", "oslo-1", {"tier": number}, OSLO, 0, "ada")
        except VersionStale:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(put, range(16))) == 1


def test_a_deleted_declaration_leaves_the_list_and_keeps_its_history(engine: Engine) -> None:
    rows = DeclarationRows(engine)
    rows.put("Site", "oslo-1", {"tier": 1}, OSLO, 0, "ada")
    rows.put("Site", "turin-1", {"tier": 1}, Place(region="south", site="turin-1"), 0, "ada")
    assert [d.name for d in rows.list("Site", Place(region="nordics"), PageRequest()).items] == ["oslo-1"]
    assert rows.delete("Site", "oslo-1", 1, "bob").deleted
    assert [d.name for d in rows.list("Site", Place(), PageRequest()).items] == ["turin-1"]
    assert rows.version("Site", "oslo-1", 1) is not None


def test_a_plan_is_kept_by_hash_and_never_changes(engine: Engine) -> None:
    rows = PlanRows(engine)
    made = [
        Plan(
            kind="site-onboarding",
            target="oslo-1",
            declaration_digest="d",
            changes=(Change(system=System.NETBOX, object=f"dcim.sites/{n}", action=Action.CREATE),),
        )
        for n in range(3)
    ]
    later = utc_now() + timedelta(hours=1)
    for plan in made:
        rows.put(plan, OSLO, "ada", later)
    again = rows.put(made[0], OSLO, "eve", later + timedelta(hours=1))
    assert again.author == "ada"
    assert again.plan == made[0]
    assert again.expires_at == later + timedelta(hours=1)
    assert rows.find("none") is None
    first = rows.list(Place(site="oslo-1"), PageRequest(limit=2))
    rest = rows.list(Place(site="oslo-1"), PageRequest(limit=2, cursor=first.next))
    assert {s.hash for s in (*first.items, *rest.items)} == {plan.hash for plan in made}
    approved = rows.approve(made[0].hash, "bob")
    assert approved is not None
    assert approved.approver == "bob"
