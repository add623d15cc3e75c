"""A site onboarded by the real product on real services, as a site admin does it. NetBox's change log is the judge."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite
from tests.matrix import PROOF

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CLEAN = ["one-ru", *(["one-rack"] if PROOF else [])]
"""NetBox takes a tenth of a second for each object, and a rack has several hundred: that is for a proof."""


def unconnected(product: Product, site: DeclaredSite) -> list[dict[str, Any]]:
    """Cables of the site that NetBox does not show as connected."""
    sites = product.inventory.rows("dcim/sites", {"slug": site.name}, fields=("id",))
    cables = product.inventory.rows("dcim/cables", {"site_id": sites[0]["id"]})
    assert cables, "a site has cables"
    return [cable for cable in cables if cable["status"]["value"] != "connected"]


@pytest.mark.parametrize("kind", CLEAN)
def test_a_clean_site_is_available_without_anybody_touching_it(
    product: Product, serve: Callable[..., DeclaredSite], kind: str
) -> None:
    site = serve(kind)
    product.declare(site)
    before = product.last_change()
    planned = product.plan(site)
    assert product.changes_since(before) == [], "a plan changes nothing"

    done = product.apply(site, planned["plan_hash"])
    assert done["state"] == "succeeded", done
    assert product.lifecycles(site) == dict.fromkeys(site.servers, "available")
    serials = {name: row["serial"] for name, row in product.servers(site).items()}
    assert serials == {name: server.serial for name, server in site.lab.spec.server_by_name.items()}
    assert unconnected(product, site) == []
    assert product.touches(site) == 0

    kept = {entry["id"]: entry["kind"] for entry in product.api.items("/v1/evidence", site=site.name)}
    assert set(done["outcome"]["evidence"]) == set(kept)
    assert ("installer-acceptance" in kept.values()) == bool(site.report)

    before = product.last_change()
    again = product.apply(site)
    assert again["state"] == "succeeded", again
    assert len(list(product.api.items("/v1/evidence", site=site.name))) == len(kept), "nor proved again"
    assert product.changes_since(before) == [], "what is in order is not written again"

    planned = product.plan(site)
    site.lab.seed("gpu-missing", site.servers[0], part="GPU0")
    refused = product.apply(site, planned["plan_hash"])
    assert (refused["state"], refused["outcome"]["kind"]) == ("refused", "plan-stale")
    assert any(site.servers[0] in difference for difference in refused["outcome"]["details"])
    assert product.changes_since(before) == [], "a stale plan changes nothing"


@pytest.mark.skipif(
    not PROOF, reason="the same on two servers is in tests/faults; a whole rack on NetBox is for a proof"
)
def test_a_rack_with_two_faults_tells_exactly_those_and_is_available_once_they_are_mended(
    product: Product, serve: Callable[..., DeclaredSite]
) -> None:
    site = serve("one-rack")
    site.lab.seed("cable-swapped", "r1-leaf-a:swp2", **{"with": "r1-leaf-a:swp3"})
    site.lab.seed("gpu-missing", "r1-s05", part="GPU0")
    product.declare(site)
    done = product.apply(site)
    assert done["state"] == "partial", done
    critical = {(f["kind"], f["object"]) for f in product.findings(site) if f["severity"] == "critical"}
    assert {kind for kind, _ in critical} == {"cable-swapped", "gpu-count"}
    assert len(critical) == 2
    quarantined = {name for name, state in product.lifecycles(site).items() if state == "quarantined"}
    assert quarantined == {"r1-s02", "r1-s03", "r1-s05"}
    left = {name for name, state in product.lifecycles(site).items() if state == "available"}
    assert left == {"r1-s01", "r1-s04", "r1-s06"}

    assert product.touches(site) == 0
    site.lab.mend()
    retried = product.retry(done)
    assert retried["state"] == "succeeded", retried
    assert product.lifecycles(site) == dict.fromkeys(site.servers, "available")
    assert [f for f in product.findings(site) if f["severity"] == "critical"] == []
    assert product.touches(site) == 1, "one retry for all that was mended"

    before = product.last_change()
    assert product.apply(site)["state"] == "succeeded"
    assert product.changes_since(before) == []
