"""Our Postgres, the secret store, the artifact store, the ledger of evidence."""

from store.database import connect
from store.migrating import migrate, pending_migrations

__all__ = ["connect", "migrate", "pending_migrations"]
