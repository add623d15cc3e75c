"""The other systems of a site by the whole product: planned, observed, recorded, told, mended, audited. The lab's logs are the judge."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.product import EDGEWRIGHT, Product
from tests.e2e.sites import DeclaredSite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ZONE = "harbour.edge.example"


def observed(product: Product, site: DeclaredSite) -> dict[str, str]:
    return {each["name"]: each["observed"] for each in product.api.items(f"/v1/sites/{site.name}/systems")}


def about_systems(product: Product, site: DeclaredSite) -> dict[str, str]:
    """System to the kind of its open finding."""
    found = [finding for finding in product.findings(site) if "/system/" in finding["object"]]
    return {finding["object"].rpartition("/")[2]: finding["kind"] for finding in found}


def audit(product: Product, site: DeclaredSite) -> dict[str, Any]:
    return product.ended(product.api.post(f"/v1/sites/{site.name}/audit", {}))


def test_systems_are_observed_where_a_driver_exists_told_when_they_are_not_well_and_never_changed(
    product: Product, serve: Callable[..., DeclaredSite]
) -> None:
    site = serve("one-ru")
    site.lab.seed("zone-missing", "dns-1", zone=ZONE)
    product.declare(site)
    planned = product.plan(site)
    plan = product.api.get(f"/v1/plans/{planned['plan_hash']}")
    assert plan["notes"] == [
        "gw-1 (gateway, local-it) is recorded as declared, not observed: it names no driver",
        "ntp-1 (ntp, local-it) will be observed by its driver ntp: read only",
        "dns-1 (dns, local-it) will be observed by its driver bind9: read only",
    ]

    done = product.apply(site, planned["plan_hash"])
    assert (done["state"], done["outcome"]["kind"]) == ("partial", "systems-left"), done
    assert done["outcome"]["details"] == ["dns-1"]
    assert about_systems(product, site) == {"dns-1": "zone-not-served"}
    not_observed = "declared, not observed"
    assert observed(product, site) == {"gw-1": not_observed, "ntp-1": "observed", "dns-1": "observed"}
    (row,) = product.inventory.rows("dcim/devices", {"name": "dns-1", "cf_ew_key": f"{site.name}/dns-1"})
    assert row["custom_fields"]["ew_firmware"] == {"named": "9.20.15"}
    assert row["primary_ip4"]["address"].startswith(str(site.lab.spec.system_by_name["dns-1"].address))

    # An audit says the same; what it cannot look at it neither resolves nor forgets.
    site.lab.seed("refuse", "dns-1")
    assert audit(product, site)["state"] == "succeeded"
    told = {f["kind"] for f in product.findings(site) if f["object"].endswith("/system/dns-1")}
    assert told == {"zone-not-served", "system-unreachable"}
    assert not [f for f in product.findings(site) if f["kind"].startswith("drift-")], "nor does NetBox differ by it"

    site.lab.mend()
    retried = product.retry(done)
    assert retried["state"] == "succeeded", retried
    assert about_systems(product, site) == {}
    before = product.last_change()
    assert product.apply(site)["state"] == "succeeded"
    assert product.changes_since(before) == [], "what is in order is not written again"

    site.lab.seed("clock-unsynchronised", "ntp-1")
    assert audit(product, site)["state"] == "succeeded"
    assert about_systems(product, site) == {"ntp-1": "clock-unsynchronised"}
    site.lab.mend()
    assert audit(product, site)["state"] == "succeeded"
    assert about_systems(product, site) == {}

    for name in ("ntp-1", "dns-1"):
        assert {request["method"] for request in site.lab.requests(name)} <= {"CLIENT", "QUERY"}
        assert site.lab.changes(name) == [], "they are the local IT's"

    shown = subprocess.run(
        [EDGEWRIGHT, "describe", "system", f"{site.name}/dns-1"],
        env=product.environment, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "observed" in shown
    assert "9.20.15" in shown
