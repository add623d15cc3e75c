"""Bringing the product up for a test, and its NetBox back to its beginning in under a second."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from clients.netbox import NetBoxInventory, NetBoxSession
from lab.embedded import Stack
from lab.embedded import postgres as embedded_postgres
from lab.embedded.netbox import replace_database
from tests.conftest import RunningNetBox, RunningPostgres, RunningTemporal
from tests.e2e import marker
from tests.e2e.product import Product

TEMPLATE = "netbox_bootstrapped"


def bootstrapped_netbox(stack: Stack, netbox: RunningNetBox, pristine: str) -> str:
    """A database to be cloned: NetBox with our fields, tags and roles, and nothing recorded."""
    replace_database(stack.home, stack.ports, pristine)
    NetBoxInventory(NetBoxSession(netbox.url, netbox.token)).bootstrap()
    with embedded_postgres.connect(stack.home) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [embedded_postgres.NETBOX]
        )
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(TEMPLATE)))
        make = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        owner = sql.Identifier(embedded_postgres.NETBOX)
        connection.execute(make.format(sql.Identifier(TEMPLATE), owner, owner))
    return TEMPLATE


def empty_netbox(stack: Stack, template: str) -> None:
    replace_database(stack.home, stack.ports, template)


@contextmanager
def running_product(
    folder: Path,
    postgres: RunningPostgres,
    temporal: RunningTemporal,
    netbox: RunningNetBox,
    *,
    time_factor: float = 1.0,
    extra: Mapping[str, str] | None = None,
    worker_command: list[str] | None = None,
) -> Iterator[Product]:
    """Bootstrapped, worker and API running."""
    database = postgres.create()
    product = Product.of(folder, database, temporal, netbox, time_factor, extra)
    product.worker_command = worker_command or product.worker_command
    try:
        product.bootstrap()
        product.start("worker")
        product.start("serve")
        product.wait_for_api()
        yield product
        # After whatever the tests did: the marker of a secret stands in the secret store and nowhere else.
        assert leaks(product, postgres, temporal) == []
    finally:
        product.stop()
        postgres.drop(database.name)


def leaks(product: Product, postgres: RunningPostgres, temporal: RunningTemporal) -> list[str]:
    """Where a secret is that should not be there: histories, logs, artifacts, the API's answers, both databases."""
    searched, found = asyncio.run(
        marker.leaks_in_histories(temporal.address, product.environment["EDGEWRIGHT_TEMPORAL_NAMESPACE"])
    )
    assert searched, "there are histories to search"
    secrets = Path(product.environment["EDGEWRIGHT_SECRETS_DIR"])
    assert marker.leaks_in_files([secrets]), "the secret store holds what the search looks for"
    files = [name for name in marker.leaks_in_files([product.folder]) if f"/{secrets.name}/" not in f"/{name}"]
    databases = [product.database.name, embedded_postgres.NETBOX]
    dumps = [leak for name in databases for leak in marker.leaks_in_database(postgres.home, name)]
    return [*found, *files, *dumps, *product.leaking_answers]
