"""The role that the product runs as, and the file with the first administrator's token: what must be there before all else."""

import secrets
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from domain.errors import Rejected
from store.files import write_whole


class RoleMissing(Rejected):
    """The product's runtime role is not there, and we may not make it."""

    kind = "role-missing"


def ensure_role(owner_url: str, role: str) -> bool:
    """Whether the role had to be made. It gets no password: how it signs in is for the one who runs that Postgres to say.

    Raises:
        RoleMissing: the owner may not make roles.
    """
    engine = create_engine(owner_url)
    try:
        with engine.begin() as connection:
            if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
                return False
            quoted = engine.dialect.identifier_preparer.quote(role)
            connection.execute(text(f"CREATE ROLE {quoted} LOGIN"))
            database = engine.dialect.identifier_preparer.quote(str(engine.url.database))
            connection.execute(text(f"GRANT CONNECT ON DATABASE {database} TO {quoted}"))
        return True
    except ProgrammingError as error:
        raise RoleMissing(
            f"Postgres has no role {role}, and {engine.url.username} may not make it.",
            do=f"Let an administrator run: CREATE ROLE {role} LOGIN PASSWORD '…'; then bootstrap again.",
        ) from error
    finally:
        engine.dispose()


def ensure_token_file(file: Path) -> bool:
    """Whether the file had to be made; mode 0600. One that is there is never changed."""
    if file.exists():
        return False
    write_whole(file, f"ew_{secrets.token_urlsafe(32)}\n".encode())
    return True
