"""Brings the database to this build's tables, and says what is missing. Migrating needs the owner's role, looking does not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

RUNTIME_ROLE = "edgewright_app"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(url: str, runtime_role: str = RUNTIME_ROLE) -> tuple[str, ...]:
    """Runs what is missing, in one transaction, and names it. Two at once take turns; the second finds nothing to do."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('edgewright-migrations'))"))
            missing = _missing(MigrationContext.configure(connection).get_current_revision())
            if missing:
                config = _config()
                config.attributes["connection"] = connection
                config.attributes["runtime_role"] = runtime_role
                command.upgrade(config, "head")
        return missing
    finally:
        engine.dispose()


def pending_migrations(url: str) -> tuple[str, ...]:
    """The revisions this build needs and the database lacks, oldest first."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return _missing(MigrationContext.configure(connection).get_current_revision())
    finally:
        engine.dispose()


def _missing(current: str | None) -> tuple[str, ...]:
    scripts = ScriptDirectory.from_config(_config())
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    return tuple(revisions[revisions.index(current) + 1 :] if current in revisions else revisions)
