"""Our Postgres, the secret store, the artifact store, the ledger of evidence."""

from store.choosing import artifacts_from, secrets_from
from store.database import connect
from store.migrating import migrate, pending_migrations
from store.roles import ensure_role, ensure_token_file

__all__ = [
    "artifacts_from",
    "connect",
    "ensure_role",
    "ensure_token_file",
    "migrate",
    "pending_migrations",
    "secrets_from",
]
