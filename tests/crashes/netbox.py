"""A real NetBox, read whole, so that what two onboardings left in it can be compared."""

from collections import Counter
from typing import Any

from domain.records import Endpoint
from tests.crashes.results import VOLATILE, common
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite

_OF_THE_ROW = frozenset({"id", "url", "display_url", "created", "last_updated"})


def objects(product: Product, site: DeclaredSite) -> dict[str, Counter[str]]:
    """By endpoint: each object with all its fields, without numbers and times; objects it points at by what they are called."""
    return {
        endpoint: Counter(
            str(common(_plain(row), site)) for row in product.inventory.rows(endpoint.value.replace(".", "/"))
        )
        for endpoint in Endpoint
    }


def creations(product: Product, since: int) -> Counter[str]:
    """How many objects of each type were made since that line of NetBox's change log."""
    return Counter(
        str(change["changed_object_type"])
        for change in product.changes_since(since)
        if change["action"]["value"] == "create"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _plain(item)
            for key, item in sorted(value.items())
            if key not in _OF_THE_ROW and f"cf.{key}" not in VOLATILE
        }
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=str)
    return value
