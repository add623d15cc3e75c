"""Puts the API together from its settings: the only place that knows which store and which client is behind each Protocol."""

from collections.abc import Sequence
from functools import partial

from temporalio.client import Interceptor

import store
from api.context import Services
from api.settings import ApiSettings
from api.temporal import connect
from clients.netbox import NetBoxInventory, NetBoxSession
from domain.errors import Rejected
from domain.inventory import Inventory
from store.access import AuditRows, QueuePollRows, TokenRows
from store.answers import AnswerRows
from store.declarations import DeclarationRows, PlanRows
from store.ledger import LedgerReader
from store.operations import OperationRows
from store.outbox import Outbox
from store.sessions import SessionRows
from store.settings import StoreSettings
from store.standing import FindingRows, HoldRows
from store.totals import TotalRows
from workflows.catalogue import KINDS


class SettingsIncomplete(Rejected):
    """Something that the API cannot do without is not set."""

    kind = "settings-incomplete"


async def services_from(
    settings: ApiSettings, stores: StoreSettings, interceptors: Sequence[Interceptor] = ()
) -> Services:
    """Opens nothing yet: Postgres, Temporal and NetBox are reached when they are first needed, and `readyz` says how they are.

    Raises:
        SettingsIncomplete: there is no database to keep operations in.
    """
    if not stores.database_url:
        raise SettingsIncomplete(
            "EDGEWRIGHT_DATABASE_URL is not set.",
            do="Run `edgewright up`, or name a Postgres: postgresql+psycopg://edgewright_app@host/edgewright",
        )
    engine = store.connect(stores.database_url)
    return Services(
        settings=settings,
        temporal=await connect(settings, interceptors),
        kinds=KINDS,
        operations=OperationRows(engine),
        declarations=DeclarationRows(engine),
        plans=PlanRows(engine),
        findings=FindingRows(engine),
        holds=HoldRows(engine),
        tokens=TokenRows(engine),
        answers=AnswerRows(engine),
        sessions=SessionRows(engine),
        secrets=store.secrets_from(stores),
        artifacts=store.artifacts_from(stores),
        evidence=LedgerReader(engine, stores.ledger_public_key),
        polls=QueuePollRows(engine),
        counts=TotalRows(engine),
        inventory=_inventory(settings),
        audit=AuditRows(engine),
        pending_migrations=partial(store.pending_migrations, stores.database_url),
        deliver_webhooks=partial(Outbox(engine).deliver, settings.webhooks),
    )


def _inventory(settings: ApiSettings) -> Inventory | None:
    url, token_file, ca_file = settings.netbox_url, settings.netbox_token_file, settings.netbox_ca_file
    if not url or token_file is None or not token_file.exists():
        return None
    token = token_file.read_text(encoding="utf-8").strip()
    return NetBoxInventory(NetBoxSession(url, token, ca_bundle=str(ca_file) if ca_file else None))
