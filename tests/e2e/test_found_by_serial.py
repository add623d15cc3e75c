"""A whole onboarding of servers that are declared by serial number only: nobody said where their BMCs answer."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FAULTS = Path(__file__).parents[1] / "faults"


def test_servers_without_an_address_are_found_by_their_serial_numbers(
    matrix_product: Product, serve: Callable[..., DeclaredSite]
) -> None:
    site = serve("two-servers", of=FAULTS)
    known = dict(re.findall(r"name: (r1-s\d+),.*bmc_address: ([\d.]+)", site.text))
    text = re.sub(r", bmc_address: [\d.]+", "", site.text)
    assert set(known) == set(site.servers)
    assert "bmc_address" not in text
    by_serial = replace(site, text=text)
    matrix_product.declare(by_serial)

    done = matrix_product.apply(by_serial)
    assert done["state"] == "succeeded", (done["outcome"], done["waiting"], matrix_product.findings(by_serial))
    records = InventoryInFile(Path(matrix_product.environment["TEST_INVENTORY"])).kept(site.name)["records"]
    recorded = {name: records[f"dcim.devices/{site.name}/{name}"]["fields"] for name in site.servers}
    assert {name: fields["cf.ew_lifecycle"] for name, fields in recorded.items()} == dict.fromkeys(known, "available")
    addresses = "\n".join(name for name in records if name.startswith("ipam.ip-addresses/"))
    assert all(address in addresses for address in known.values()), addresses

    again = matrix_product.apply(by_serial)
    assert again["state"] == "succeeded", again["outcome"]
    assert matrix_product.findings(by_serial) == []
